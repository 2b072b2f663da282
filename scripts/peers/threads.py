"""Two threads against one, on two cores, and how long the full default experiment takes on them."""

import json

from options import Options
from processes import OUT, run as run_processes
from tables import Spread, Target, progress, short, table, write_csv
from work import misfit_run

LANES = (64, 256)


def steps_for(options: Options, lanes: int, seconds: float) -> int:
    """Steps that one thread takes about this long for, found by two short runs."""
    few, many = (
        run_processes(misfit_run(options, "threads-1", steps, range(lanes), "--threads", 1)) for steps in (50, 550)
    )
    return max(100, 100 * round(seconds / max(many - few, 1e-3) * 5))


def training(*commands: list) -> float:
    """Runs `misfit run` at the same time with each of these; the longest time that one of them says it trained and wrote.

    Loading libtorch, a third of a second that no thread can share, is not in it.
    """
    run_processes(*commands)
    folders = [command[command.index("--out") + 1] for command in commands]
    return max(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["seconds"] for folder in folders)


def run(options: Options) -> list[Target]:
    """Pair by pair: one thread, two threads, and two processes of one thread with half of the seeds each."""
    rows, lines, targets = [], [], []
    for lanes in LANES:
        steps = steps_for(options, lanes, 2.0 if options.quick else 8.0)
        halves = range(lanes // 2), range(lanes // 2, lanes)
        one = misfit_run(options, "threads-1", steps, range(lanes), "--threads", 1)
        two = misfit_run(options, "threads-2", steps, range(lanes), "--threads", 2)
        both = [misfit_run(options, f"half-{at}", steps, half, "--threads", 1) for at, half in enumerate(halves)]
        found: dict[str, list[float]] = {"one thread": [], "two threads": [], "two processes": []}
        pairs = options.repeat(5)
        for nth in range(pairs):
            progress(f"threads at {lanes} models, {steps} steps: pair {nth + 1} of {pairs}")
            found["one thread"].append(training(one))
            found["two threads"].append(training(two))
            found["two processes"].append(training(*both))
        for how, seconds in found.items():
            spread = Spread.of(seconds)
            ratio = Spread.of(alone / s for alone, s in zip(found["one thread"], seconds))
            shown = "" if how == "one thread" else f"{short(ratio.median)} ({short(ratio.low)} … {short(ratio.high)})"
            rows.append([how, lanes, *spread.numbers(), shown])
            lines.append([how, lanes, steps, spread.median, spread.low, spread.high, ratio.median, ratio.low, ratio.high])
            if how == "two threads":
                targets.append(Target(f"two threads against one, {lanes} models", 1.9, ratio.median))
    table(
        "misfit run on two cores, seconds after libtorch is loaded; two processes with half of the seeds each show what the machine itself gives",
        ["how", "models", "median", "lowest", "highest", "times one thread's speed"],
        rows,
    )
    header = "how,lanes,steps,seconds,min,max,speedup,speedup_min,speedup_max"
    write_csv("threads.csv", header, lines)
    return targets


def run_experiment(options: Options) -> list[Target]:
    """The embedded experiment, whole, with all threads."""
    command = [options.misfit, "run", "--out", OUT / "default", "--fresh"]
    found = []
    count = options.repeat(3, quick=1)
    for nth in range(count):
        progress(f"the default experiment, {nth + 1} of {count}")
        found.append(run_processes(command))
    spread = Spread.of(found)
    table("The full default experiment, seconds", ["what", "median", "lowest", "highest"], [["misfit run", *spread.numbers()]])
    write_csv("experiment.csv", "program,seconds,min,max", [["misfit run", spread.median, spread.low, spread.high]])
    return [Target("the full default experiment", 20.0, spread.median, at_most=True, unit="s")]
