//! A sweep on a real Slurm: a controller and two nodes on this machine, which fail as clusters do.
#![cfg(feature = "train")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{FILES, Misfit, Ran, skip};

/// Tasks of four runs, each of which takes about half a second.
const EXPERIMENT: &str = r#"
name = "swept"
seeds = 20
[data]
target = { polynomial = [0, 1, 1] }
inputs = { uniform = { from = -1, to = 1, count = 32 } }
test = { grid = { from = -1, to = 1, count = 9 } }
[model]
output = "identity"
[train]
steps = 300000
log_points = 20
[sweep]
"model.hidden" = [[20], [24]]
"optimizer.learning_rate" = [1e-3, 1e-2]
"#;

struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    fn up(folder: PathBuf) -> Self {
        let cluster = Cluster { folder };
        cluster.script(&["up"]);
        cluster.wait("two idle nodes", 60, || cluster.ask("sinfo", &["-h", "-t", "idle", "-o", "%D"]) == "2");
        cluster
    }

    fn script(&self, words: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster");
        let ran = Ran(Command::new(script).args(words).arg(&self.folder).output().unwrap());
        assert_eq!(ran.code(), 0, "{words:?}: {}", ran.stderr());
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.join("slurm.conf"));
        command
    }

    fn ask(&self, program: &str, args: &[&str]) -> String {
        String::from_utf8_lossy(&self.command(program).args(args).output().unwrap().stdout).trim().to_owned()
    }

    fn wait(&self, what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
        let started = Instant::now();
        while !done() {
            let late = started.elapsed() > Duration::from_secs(seconds);
            let log = || std::fs::read_to_string(self.folder.join("slurmctld.log")).unwrap_or_default();
            assert!(!late, "{what}: not within {seconds} s\n{}\n{}", self.ask("squeue", &[]), log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Submits with the project's script; the array's job and the one that merges.
    fn submit(&self, misfit: &Misfit, args: &[&str]) -> [String; 2] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/slurm-submit");
        let mut command = self.command(script.to_str().unwrap());
        command.current_dir(misfit.folder.path()).env("MISFIT", env!("CARGO_BIN_EXE_misfit")).args(args);
        let ran = Ran(command.output().unwrap());
        assert_eq!(ran.code(), 0, "{}", ran.stderr());
        let told = ran.stdout();
        let line = told.lines().find(|line| line.starts_with("watch ")).unwrap();
        let ids = line.rsplit(' ').next().unwrap();
        let (job, merge) = ids.split_once(',').unwrap();
        [job.to_owned(), merge.to_owned()]
    }

    fn ended(&self, job: &str) -> bool {
        self.ask("squeue", &["-h", "-j", job, "-o", "%T"]).is_empty()
    }

    /// What Slurm says of a job, as `JobState`.
    fn about(&self, job: &str, key: &str) -> String {
        let told = self.ask("scontrol", &["show", "job", job]);
        let start = format!("{key}=");
        told.split_whitespace().find_map(|word| word.strip_prefix(&start)).unwrap_or_default().to_owned()
    }

    /// A task that runs on this node and has a run that ended, and others that have not.
    fn in_the_middle(&self, job: &str, node: &str, plan: &Path) -> usize {
        let mut found = 0;
        self.wait("a task in the middle of its runs", 60, || {
            let running = self.ask("squeue", &["-h", "-r", "-j", job, "-w", node, "-t", "R", "-o", "%K"]);
            let middle = running.lines().map(|index| index.parse::<usize>().unwrap()).find(|&index| {
                let parts = std::fs::read_dir(plan.join(format!("tasks/{index}/.parts"))).map_or(0, Iterator::count);
                (1..3).contains(&parts)
            });
            found = middle.unwrap_or_default();
            middle.is_some()
        });
        found
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A panic here would hide the one that led to it.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slurm/cluster");
        let _ = Command::new(script).arg("down").arg(&self.folder).output();
    }
}

/// A folder that nobody can write to, root neither, until the value is dropped.
struct ReadOnly(PathBuf);

impl ReadOnly {
    fn new(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "ro", "misfit-test"]).arg(&path).status();
        assert!(mounted.unwrap().success());
        ReadOnly(path)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn there(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).output().is_ok_and(|ran| ran.status.success())
}

#[test]
fn a_sweep_on_a_cluster_that_fails_ends_with_the_bytes_of_one_machine() {
    let missing = ["slurmctld", "slurmd", "munged", "sbatch"].into_iter().find(|program| !there(program));
    if let Some(program) = missing {
        skip(true, &format!("needs Slurm: no {program} (apt install slurm-wlm munge)"));
        return;
    }
    let root = Ran(Command::new("id").arg("-u").output().unwrap()).stdout().trim() == "0";
    if skip(!root, "a Slurm cluster for the test is started by root alone") {
        return;
    }
    let misfit = Misfit::new();
    misfit.write("swept.toml", EXPERIMENT);
    misfit.ok(&["run", "swept.toml", "--out", "one"]);
    // A name that a shell and Slurm's own patterns would make something else of.
    let out = "of 100%a's/swept";
    misfit.ok(&["plan", "swept.toml", "--runs-per-task", "4", "--out", out]);
    let plan = misfit.folder.path().join(format!("{out}-plan"));
    std::fs::write(plan.join("tasks/7"), "in the way").unwrap();
    let read_only = ReadOnly::new(plan.join("tasks/13"));

    let cluster = Cluster::up(misfit.folder.path().join("cluster"));
    let plan_text = plan.to_str().unwrap();
    let [job, merge] = cluster.submit(&misfit, &[plan_text]);
    let killed = cluster.in_the_middle(&job, "n2", &plan);
    cluster.script(&["kill", "n2"]);
    let kept = std::fs::read_dir(plan.join(format!("tasks/{killed}/.parts"))).unwrap().count();
    assert!(kept > 0, "task {killed}: what had ended outlives its node");
    let requeued = cluster.in_the_middle(&job, "n1", &plan);
    cluster.ask("scontrol", &["requeue", &format!("{job}_{requeued}")]);
    cluster.script(&["node", "n2"]);
    cluster.wait("the merge", 300, || cluster.ended(&merge));

    let log = |name: &str| std::fs::read_to_string(plan.join("logs").join(name)).unwrap();
    assert!(log(&format!("{requeued}.log")).contains("misfit: interrupted: "), "{}", log(&format!("{requeued}.log")));
    for index in [killed, requeued] {
        assert!(
            log(&format!("{index}.log")).contains(" of 4 runs are in "),
            "task {index} goes on: {}",
            log(&format!("{index}.log"))
        );
        assert_eq!(cluster.about(&format!("{job}_{index}"), "Restarts"), "1", "task {index}");
    }
    // What failed is told with its index, by Slurm and by the merge, and why.
    let states: Vec<String> = (0..20).map(|index| cluster.about(&format!("{job}_{index}"), "JobState")).collect();
    for (index, state) in states.iter().enumerate() {
        assert_eq!(state, if [7, 13].contains(&index) { "FAILED" } else { "COMPLETED" }, "task {index}");
    }
    assert_eq!(cluster.about(&merge, "ExitCode"), "1:0");
    let merged = log("merge.log");
    for (index, why) in [(7, "File exists"), (13, "Read-only file system")] {
        let line = merged.lines().find(|line| line.starts_with(&format!("task {index}: "))).unwrap_or(&merged);
        assert!(line.contains("0 of 4 runs taken; its log ends with") && line.contains(why), "{line}");
    }
    assert!(
        merged.contains("18 of 20 tasks done: 72 of 80 runs in ") && merged.contains("\nmissing  --array=7,13\n"),
        "{merged}"
    );
    let whole = misfit.read("one/runs.csv");
    let there = misfit.read(&format!("{out}/runs.csv"));
    assert!(there.lines().count() == 73 && there.lines().all(|line| whole.lines().any(|other| other == line)));

    // Mended, only what failed is run again, as the merge said.
    std::fs::remove_file(plan.join("tasks/7")).unwrap();
    drop(read_only);
    let missing = merged.lines().find_map(|line| line.strip_prefix("missing  ")).unwrap();
    let [job, merge] = cluster.submit(&misfit, &[plan_text, missing]);
    cluster.wait("the second merge", 120, || cluster.ended(&merge));
    assert_eq!(cluster.about(&merge, "ExitCode"), "0:0", "{}", log("merge.log"));
    assert_eq!(cluster.about(&format!("{job}_7"), "Restarts"), "0");
    for name in FILES {
        assert!(misfit.read(&format!("{out}/{name}")) == misfit.read(&format!("one/{name}")), "{name}");
    }
    // An experiment file and settings.
    let short = ["--tasks", "2", "train.steps=50", "--seeds", "1", "-p", "main", "--time", "5"];
    let [_, merge] = cluster.submit(&misfit, &[&["swept.toml", "--out", "short"][..], &short].concat());
    cluster.wait("the third merge", 120, || cluster.ended(&merge));
    assert_eq!(misfit.read("short/runs.csv").lines().count(), 1 + 4);
    // With a GPU for each task that is where it trains, if there is one in truth.
    let [job, merge] =
        cluster.submit(&misfit, &[&["swept.toml", "--out", "on-gpus", "--gres=gpu:1"][..], &short].concat());
    cluster.wait("the fourth merge", 120, || cluster.ended(&merge));
    assert!(cluster.about(&format!("{job}_1"), "TresPerNode").contains("gpu:1"));
    assert!(misfit.read("on-gpus-plan/plan.json").contains("\"device\": \"cuda\""));
    let said = misfit.read("on-gpus-plan/logs/1.log");
    assert!(said.contains("misfit: --device cuda: ") || said.starts_with("task 1 of 2: "), "{said}");
}
