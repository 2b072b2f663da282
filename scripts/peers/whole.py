"""Whole processes: 10 000 steps with an evaluation at each and the curve as CSV, from the start to the exit."""

import csv
import sys
from pathlib import Path

import numpy as np
import start
from networks import NETWORKS
from agreement import Disagreement
from options import Options
from processes import OUT, Failed, run as run_process
from protocol import Peer
from tables import Spread, Target, progress, short, table, write_csv
from work import misfit_run

HERE = Path(__file__).parent
STEPS = 10_000
# All begin with the same weights and batch, those of misfit's seed 0; rounding parts them with the steps.
COMPARED, RTOL = 50, 1e-3
START, STACKED = OUT / "whole-start.npz", OUT / "whole-start.json"


def write_start(options: Options) -> None:
    """The first lane's weights, batch and test points, as arrays."""
    peer = Peer("misfit", [options.peers, "misfit", STACKED, "cpu"])
    try:
        peer.ask(cmd="start", lanes=1)
    finally:
        peer.close()
    found = start.read(STACKED, NETWORKS["relu"])
    layers = {f"weights{at}": weights[0] for at, weights in enumerate(found.weights)}
    layers |= {f"biases{at}": biases[0] for at, biases in enumerate(found.biases)}
    test = {"test_inputs": found.test_inputs, "test_targets": found.test_targets}
    np.savez(START, inputs=found.inputs[0], targets=found.targets[0], **layers, **test)


def losses(curve: Path) -> list[tuple[float, float]]:
    """A curve's first losses, once it is seen to have all its rows."""
    with open(curve, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if len(rows) < STEPS:
        raise Failed(f"{curve} has {len(rows)} rows, not {STEPS}")
    return [(float(row["train_loss"]), float(row["test_loss"])) for row in rows[:COMPARED]]


def check(name: str, found: list[tuple[float, float]], misfit: list[tuple[float, float]]) -> None:
    """Whether a program trains what misfit does."""
    worst = float(np.abs(np.array(found) / np.array(misfit) - 1.0).max())
    if not worst <= RTOL:
        raise Disagreement(f"{name} does not train what misfit does: in {COMPARED} steps a loss is off by {worst:.1e}")


def run(options: Options) -> list[Target]:
    write_start(options)
    programs = {
        "misfit run": (misfit_run(options, "whole", STEPS, range(1), f"train.log_points={STEPS + 1}"), OUT / "whole" / "curves.csv"),
        "PyTorch": ([sys.executable, HERE / "whole_torch.py", START, OUT / "whole-torch.csv"], OUT / "whole-torch.csv"),
        "JAX": ([sys.executable, HERE / "whole_jax.py", START, OUT / "whole-jax.csv"], OUT / "whole-jax.csv"),
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    missing: dict[str, str] = {}
    rounds = options.repeat(5)
    for nth in range(rounds):
        progress(f"whole processes, round {nth + 1} of {rounds}")
        for name, (command, curve) in programs.items():
            if name in missing:
                continue
            try:
                curve.unlink(missing_ok=True)
                times[name].append(run_process(command, pinned=True))
                begun = losses(curve)
                if name == "misfit run":
                    reference = begun
                check(name, begun, reference)
            except Failed as failed:
                if name == "misfit run":
                    raise
                missing[name] = str(failed)
                del times[name]
    rows, lines, targets = [], [], []
    for name, seconds in times.items():
        spread = Spread.of(seconds)
        ratio = Spread.of(theirs / ours for theirs, ours in zip(seconds, times["misfit run"])).median
        rows.append([name, *spread.numbers(), "" if name == "misfit run" else short(ratio)])
        lines.append([name, spread.median, spread.low, spread.high])
        if name != "misfit run":
            wanted = {"PyTorch": 20.0, "JAX": 4.0}[name]
            targets.append(Target(f"whole process, faster than {name}", wanted, ratio))
    table(
        f"{STEPS} steps with an evaluation at each and a CSV, whole processes on one core, seconds",
        ["program", "median", "lowest", "highest", "times slower than misfit"],
        rows,
    )
    for name, why in missing.items():
        print(f" {name} was not measured: {why}")
    write_csv("whole.csv", "program,seconds,min,max", lines)
    return targets
