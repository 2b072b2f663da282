"""How a Python peer answers the driver's requests (see protocol.py)."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import start
from networks import Network
from start import Start

WARM_UP = 20


class Case(Protocol):
    """A number of models that train at once, with or without an evaluation at every step."""

    def prepare(self, steps: int) -> None:
        """Whatever must be compiled before `steps` steps are timed."""

    def advance(self, steps: int) -> None:
        """Trains on; with evaluation, every step's losses on the test points are on the host when it returns."""

    def losses(self) -> tuple[list[float], list[float]]:
        """Every model's loss on its batch and on the test points."""


def one_line(error: BaseException) -> str:
    """What an error says, on one line: the first that is not blank."""
    text = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {text}"[:300]


def serve(make: Callable[[Start, int, bool], Case], ready: str, network: Network) -> None:
    """Answers until standard input ends. `make` builds a case from where it begins, its lanes and whether it evaluates."""
    # What libraries print must not come between the answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer: dict) -> None:
        print(json.dumps(answer), file=out, flush=True)

    begin: Start | None = None
    cases: dict[tuple[int, bool], Case] = {}
    say({"ready": ready})
    for line in sys.stdin:
        request = json.loads(line)
        lanes, evaluate, steps = request["lanes"], request.get("eval", False), request["steps"]
        try:
            begin = begin or start.read(Path(sys.argv[1]), network)
            if request["cmd"] == "check":
                case = make(begin.lanes(lanes), lanes, False)
                case.prepare(steps)
                case.advance(steps)
                train, test = case.losses()
                say({"train": train, "test": test})
            else:
                if (lanes, evaluate) not in cases:
                    case = cases[lanes, evaluate] = make(begin.lanes(lanes), lanes, evaluate)
                    case.prepare(WARM_UP)
                    case.advance(WARM_UP)
                case = cases[lanes, evaluate]
                case.prepare(steps)
                begun = time.perf_counter()
                case.advance(steps)
                say({"seconds": time.perf_counter() - begun})
        except Exception as error:
            say({"error": one_line(error)})
