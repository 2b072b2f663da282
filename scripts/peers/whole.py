"""Whole processes: 10 000 steps with an evaluation at each and the curve as CSV, from the start to the exit."""

import csv
import sys
from pathlib import Path

from options import Options
from processes import OUT, Failed, run as run_process
from tables import Spread, Target, progress, short, table, write_csv
from work import misfit_run

HERE = Path(__file__).parent
STEPS = 10_000
# Initial weights differ, so only the size of the losses can be held against each other.
FALL = 1e-2


def check(curve: Path) -> None:
    """A curve has all its rows, and training worked."""
    with open(curve, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first, last = float(rows[0]["test_loss"]), float(rows[-1]["test_loss"])
    if len(rows) < STEPS:
        raise Failed(f"{curve} has {len(rows)} rows, not {STEPS}")
    if not last < FALL * first:
        raise Failed(f"{curve}: the loss went from {first:.1e} to {last:.1e} only")


def run(options: Options) -> list[Target]:
    programs = {
        "misfit run": (misfit_run(options, "whole", STEPS, range(1), f"train.log_points={STEPS + 1}"), OUT / "whole" / "curves.csv"),
        "PyTorch": ([sys.executable, HERE / "whole_torch.py", OUT / "whole-torch.csv"], OUT / "whole-torch.csv"),
        "JAX": ([sys.executable, HERE / "whole_jax.py", OUT / "whole-jax.csv"], OUT / "whole-jax.csv"),
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
                check(curve)
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
            wanted = {"PyTorch": 8.0, "JAX": 4.0}[name]
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
