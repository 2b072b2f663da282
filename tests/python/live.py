"""What the tests of live objects share: PyTorch's own loop, and a run of the program from the same objects."""

import os
import tempfile
import unittest
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

import misfit

#: Steps whose losses are compared.
STEPS = 100


@contextmanager
def folder() -> Iterator[str]:
    """A working directory of its own."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        try:
            yield place
        finally:
            os.chdir(before)


def losses_of_the_loop(
    model: Any,
    x: Any,
    y: Any,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    rows: int | None = None,
    zero: bool = True,
) -> list[float]:
    """The losses of PyTorch's own loop, batch after batch in the order of the rows."""
    found: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            for start in range(0, len(x), rows or len(x)):
                if len(found) == STEPS:
                    return found
                part = slice(start, start + (rows or len(x)))
                if zero:
                    optimizer.zero_grad()
                value = loss(model(x[part]), y[part])
                value.backward()
                optimizer.step()
                found.append(float(value))


def losses_of_the_program(experiment: Any, seed: int = 0) -> list[float]:
    """The losses of the first steps of the baseline, as the program trains it."""
    with folder():
        curves = experiment.run(seeds=[seed], **{"train.log_points": 100_000}).curves
    return [float(value) for value in curves.sort_values("step")["train_loss"][:STEPS]]


class Case(unittest.TestCase):
    def setUp(self) -> None:
        torch.manual_seed(3)
        self.random = np.random.default_rng(3)

    def agree(self, found: list[float], wanted: list[float], tolerance: float = 1e-5) -> None:
        self.assertGreaterEqual(len(found), len(wanted))
        off = [abs(one - other) / max(abs(other), 1e-12) for one, other in zip(found, wanted)]
        worst = int(np.argmax(off))
        self.assertLess(off[worst], tolerance, f"step {worst}: {found[worst]} against {wanted[worst]}")

    def trains_alike(self, *objects: Any, rows: int | None = None, tolerance: float = 1e-5, **options: Any) -> Any:
        """Makes the experiment of model, x, y, loss and optimizer; its first losses in the program are the loop's."""
        model, x, y, loss, optimizer = objects
        made = misfit.experiment(
            model, x, y, loss=loss, optimizer=optimizer, batch_size=rows, shuffle=False, steps=STEPS, **options
        )
        wanted = losses_of_the_loop(*objects, rows=rows)
        self.agree(losses_of_the_program(made), wanted, tolerance)
        return made
