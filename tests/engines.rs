//! Which engine trains what.
#![cfg(feature = "train")]

mod common;

use misfit::experiment::config::{Config, EngineChoice, EngineName, LossKind, Word};
use misfit::train::engine::{build, choose};
use misfit::train::fused::{self, Fused};
use tch::Device;

fn config(engine: &str, loss: LossKind) -> Config {
    common::config(&format!("[loss]\nkind = {:?}\n[train]\nengine = {engine:?}\nsteps = 3\n", loss.word()))
}

#[test]
fn auto_is_the_fused_engine_for_every_loss_but_log_cosh_and_torch_for_that_one_and_for_every_gpu() {
    for &(_, loss) in LossKind::WORDS {
        let config = config("auto", loss);
        let here = if loss == LossKind::LogCosh { EngineName::Torch } else { EngineName::Fused };
        assert_eq!(choose(&config, Device::Cpu).unwrap(), here, "{loss:?}");
        assert_eq!(choose(&config, Device::Cuda(0)).unwrap(), EngineName::Torch, "{loss:?}");
        assert_eq!(fused::covers(&config).is_ok(), loss != LossKind::LogCosh, "{loss:?}");
    }
    assert_eq!(common::config("").train.engine, EngineChoice::Auto, "what a file gets that says nothing");
}

#[test]
fn torch_that_was_asked_for_trains_everything_everywhere() {
    for &(_, loss) in LossKind::WORDS {
        for device in [Device::Cpu, Device::Cuda(0)] {
            assert_eq!(choose(&config("torch", loss), device).unwrap(), EngineName::Torch, "{loss:?}");
        }
    }
}

#[test]
fn fused_that_was_asked_for_where_it_cannot_is_refused_in_one_line_that_names_why_and_the_cure() {
    for (loss, device, why) in [
        (LossKind::LogCosh, Device::Cpu, "log_cosh"),
        (LossKind::LogCosh, Device::Cuda(0), "CPU"),
        (LossKind::Mse, Device::Cuda(0), "CPU"),
    ] {
        let said = format!("{:#}", choose(&config("fused", loss), device).unwrap_err());
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in ["train.engine", why, "\"auto\"", "\"torch\""] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert_eq!(choose(&config("fused", LossKind::Huber), Device::Cpu).unwrap(), EngineName::Fused);
}

#[test]
fn the_fused_engine_itself_refuses_what_it_does_not_cover_and_more_lanes_than_one() {
    let lane = common::lane(&config("auto", LossKind::LogCosh), 1);
    let said = format!("{:#}", Fused::new(&lane).err().expect("a refusal"));
    assert!(said.contains("log_cosh") && said.lines().count() == 1, "{said}");
    let lanes = [1, 2].map(|seed| common::lane(&config("auto", LossKind::Mse), seed));
    for (lanes, part) in [(&lanes[..], "one lane at a time, not 2"), (&[], "not 0")] {
        let said = format!("{:#}", build(EngineName::Fused, lanes, Device::Cpu).err().expect("a refusal"));
        assert!(said.contains(part) && said.lines().count() == 1, "{said}");
    }
    assert!(build(EngineName::Torch, &[], Device::Cpu).is_err());
}
