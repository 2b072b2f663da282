"""What the driver is asked to do, for all of its parts. By itself it only reads the command line, in any Python 3.11, so
that scripts/bench can refuse a wrong one before it sets anything up: options.py [OPTIONS]."""

import argparse
from dataclasses import dataclass
from pathlib import Path

PARTS = {
    "throughput": "one training step, by every peer",
    "tanh": "the same of a network of tanh units",
    "classifier": "the same of a classifier of ten classes",
    "simplechains": "a shape that SimpleChains.jl published its time of",
    "long": "a step of long runs, and of dying units, beside one of short runs",
    "torch-engine": "a step by the torch engine, models alone and stacked",
    "whole": "whole processes with a CSV at the end",
    "threads": "two threads against one",
    "experiment": "the full default experiment",
    "scaling": "time by models, width, depth, batch and steps",
    "memory": "memory by steps and models",
}

DESCRIPTION = """\
Compares misfit with PyTorch, JAX and plain tch, and measures how it scales. Tables go to standard output, CSV files
and a figure (scaling.svg and .png) to target/bench. It never fails because of a ratio: it ends with 0, with 1 if a
peer does not train the same as the others, with 2 if it cannot measure.

parts (all of them take about 25 minutes on two cores):
""" + "\n".join(f"  {name:12} {what}" for name, what in PARTS.items())


@dataclass
class Options:
    quick: bool
    device: str
    repetitions: int | None
    """As asked for; every part has its own where nothing was."""
    misfit: Path
    """The built command."""
    peers: Path
    """The built benchmark, which holds two peers."""

    def repeat(self, default: int, quick: int = 2) -> int:
        return self.repetitions or (quick if self.quick else default)


def parse() -> tuple[Options, list[str]]:
    """The options, and the parts that are wanted."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer repetitions and smaller lists, to try it: a few minutes, into target/bench-quick",
    )
    parser.add_argument("--only", metavar="PART,PART", help="some of the parts, with commas between them")
    parser.add_argument("--repetitions", type=int, metavar="N", help="of every measurement, instead of each part's own")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="cuda: the throughput on a GPU")
    parser.add_argument("--misfit", type=Path, default=Path(), help=argparse.SUPPRESS)
    parser.add_argument("--peers", type=Path, default=Path(), help=argparse.SUPPRESS)
    given = parser.parse_args()
    parts = given.only.split(",") if given.only else ["throughput"] if given.device == "cuda" else list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"--only: unknown part {unknown[0]!r}, there are {', '.join(PARTS)}")
    if given.device == "cuda" and parts != ["throughput"]:
        parser.error("--device cuda: only the throughput is measured on a GPU")
    if given.repetitions is not None and given.repetitions < 1:
        parser.error("--repetitions: at least 1")
    return Options(given.quick, given.device, given.repetitions, given.misfit, given.peers), parts


if __name__ == "__main__":
    parse()
