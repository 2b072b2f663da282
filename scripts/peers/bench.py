"""Runs the parts of the benchmark that are asked for, one after the other. scripts/bench builds all and starts it."""

import signal
import subprocess
import sys
import time

import long
import machine
import memory
import plot
import processes
import scaling
import simplechains
import threads
import throughput
import torch_engine
import whole
from agreement import Disagreement
from options import Options, parse
from processes import OUT, Failed
from tables import Target, progress, table

RUN = {
    "throughput": throughput.run,
    "tanh": lambda options: throughput.run(options, "tanh"),
    "classifier": lambda options: throughput.run(options, "classifier"),
    "simplechains": simplechains.run,
    "long": long.run,
    "torch-engine": torch_engine.run,
    "whole": whole.run,
    "threads": threads.run,
    "experiment": threads.run_experiment,
    "scaling": scaling.run,
    "memory": memory.run,
}


def has_cuda() -> bool:
    """Asked in a process of its own, so that this one stays small and without a GPU's threads."""
    asked = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", asked], capture_output=True, check=False).returncode == 0


def measure(options: Options, parts: list[str]) -> bool:
    """Whether every part could be measured; one that cannot be leaves the others alone."""
    print(machine.facts(), flush=True)
    targets: list[Target] = []
    complete = True
    for part in RUN:
        if part in parts:
            began = time.monotonic()
            try:
                targets += RUN[part](options) or []
            except Failed as failed:
                print(f"bench: {part}: {failed}", file=sys.stderr)
                complete = False
            progress(f"{part} took {time.monotonic() - began:.0f} s")
    if {"scaling", "memory"} & set(parts):
        plot.run()
    if targets:
        table("Targets", ["target", "wanted", "measured", ""], [target.row() for target in targets])
    print(f"\n{OUT.relative_to(processes.ROOT)}/*.csv")
    return complete


def main() -> int:
    options, parts = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.device == "cuda" and not has_cuda():
        print("bench: --device cuda: PyTorch finds no CUDA device here", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        return 0 if measure(options, parts) else 2
    except Disagreement as disagreement:
        print(f"bench: {disagreement}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    finally:
        processes.end_all()


if __name__ == "__main__":
    sys.exit(main())
