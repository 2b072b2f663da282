"""Compares misfit with PyTorch, JAX and plain tch, and measures how it scales. scripts/bench builds all and starts it.

Tables go to standard output, CSV files and a figure (scaling.svg and .png) to target/bench. It never fails because of a ratio: it ends with 0,
with 1 if a peer does not train the same as the others, with 2 if it cannot measure.
"""

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

import machine
import memory
import plot
import processes
import scaling
import threads
import throughput
import whole
from agreement import Disagreement
from options import Options
from processes import OUT, Failed
from tables import Target, progress, table

PARTS = {
    "throughput": throughput.run,
    "whole": whole.run,
    "threads": threads.run,
    "experiment": threads.run_experiment,
    "scaling": scaling.run,
    "memory": memory.run,
}


def parse() -> tuple[Options, list[str]]:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and smaller lists, to try it; results go to target/bench-quick")
    parser.add_argument("--only", metavar="PARTS", help=f"some of {','.join(PARTS)}, with commas between them")
    parser.add_argument("--repetitions", type=int, metavar="N", help="of every measurement, instead of each part's own")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="cuda: the throughput on a GPU")
    parser.add_argument("--misfit", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", type=Path, required=True, help=argparse.SUPPRESS)
    given = parser.parse_args()
    parts = given.only.split(",") if given.only else ["throughput"] if given.device == "cuda" else list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"--only: unknown part {unknown[0]!r}, there are {', '.join(PARTS)}")
    if given.device == "cuda" and parts != ["throughput"]:
        parser.error("--device cuda: only the throughput is measured on a GPU")
    if given.repetitions is not None and given.repetitions < 1:
        parser.error("--repetitions: at least 1")
    return Options(given.quick, given.device, given.repetitions, given.misfit, given.peers), parts


def has_cuda() -> bool:
    """Asked in a process of its own, so that this one stays small and without a GPU's threads."""
    asked = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", asked], capture_output=True, check=False).returncode == 0


def measure(options: Options, parts: list[str]) -> bool:
    """Whether every part could be measured; one that cannot be leaves the others alone."""
    print(machine.facts(), flush=True)
    targets: list[Target] = []
    complete = True
    for part in PARTS:
        if part in parts:
            began = time.monotonic()
            try:
                targets += PARTS[part](options) or []
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
