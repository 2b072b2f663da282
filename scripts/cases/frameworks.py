"""The rows of experiments/two-frameworks.toml: ten normal inputs around 1, and the mean of their squares plus 10, with noise."""

from pathlib import Path

import numpy as np

from common import table


def make(folder: Path) -> None:
    random = np.random.default_rng(22)
    x = random.normal(size=(100, 10)) + 1
    y = (x**2 + 10 + 0.1 * random.normal(size=x.shape)).mean(axis=1)
    table(folder.parent, "two-frameworks", {"x": x, "y": y}, digits=5)
