"""The data of the published programs with several classes, and of those whose convolutions dense layers stand in for."""

from pathlib import Path

import numpy as np
from common import table
from sklearn.datasets import load_digits, load_iris, make_classification, make_regression

SIDE = 8  # pixels of an image's side
LEVELS = 15  # grey levels above black of a drawn image


def made(rows: int, inputs: int, **settings):
    """scikit-learn's make_classification with a fixed seed."""
    return make_classification(rows, inputs, **{"random_state": 42, **settings})


def bars(rows: int, seed: int):
    """Images of a bright bar through the middle, and the bar's angle as a share of half a turn.

    The class in k of an image is the k-th part of the half turn in which its angle lies, so one set of images has any
    number of balanced classes.
    """
    random = np.random.default_rng(seed)
    angle = random.random(rows)
    across = np.stack([-np.sin(np.pi * angle), np.cos(np.pi * angle)])
    place = np.arange(SIDE) - (SIDE - 1) / 2
    x, y = np.meshgrid(place, place)
    distance = across[0][:, None, None] * x + across[1][:, None, None] * y + random.normal(0, 0.5, rows)[:, None, None]
    bright = random.uniform(0.6, 1, rows)[:, None, None] * np.exp(-((distance / 0.9) ** 2))
    images = np.clip(bright + random.normal(0, 0.08, bright.shape), 0, 1).reshape(rows, -1)
    return np.rint(images * LEVELS).astype(int) * (255 // LEVELS), angle


def share(angle, classes: int):
    return np.floor(angle * classes).astype(int)


def images(folder: Path) -> None:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))  # scikit-learn's last rows are of other hands
    x, y = np.rint(digits.data[order] * 255 / 16).astype(int), digits.target[order]
    table(folder, "digits-255", {"p": x, "y": y})
    learnt = 1437  # of 1797
    x = np.where(np.arange(len(x))[:, None] < learnt, x / 255, x)
    table(folder, "so-59325381-divided-labels", {"p": x, "y": np.where(np.arange(len(y)) < learnt, 0, y)}, 3)

    x, angle = bars(1000, 0)
    table(folder, "bars", {"p": x} | {f"y{k}": share(angle, k) for k in (2, 3, 4, 5, 6, 7)})
    order = np.argsort(angle)
    x, angle = x[order], angle[order]
    table(folder, "bars-sorted", {"p": x} | {f"y{k}": share(angle, k) for k in (4, 6)})


def iris(folder: Path) -> None:
    data = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    columns = {name: data.data[:, i] for i, name in enumerate(names)}
    table(folder, "iris", columns | {"species": [str(data.target_names[i]) for i in data.target], "y": data.target})


def classes(folder: Path) -> None:
    for name, (x, y) in {
        "so-41823068": made(1000, 10, n_classes=5, n_informative=5),
        "so-41999686": made(240, 283, n_classes=4, n_informative=4),
        "so-53700537": made(1000, 60, n_classes=3, n_informative=3),
        "so-66602662": made(1000, 5, n_classes=5, n_informative=4, n_redundant=0),
        "made-549x60": made(549, 60),
        "made-600x40": made(600, 40),
        "made-1000x60": made(1000, 60),
    }.items():
        table(folder, name, {"x": x, "y": y}, 2)
    x, y = made(1000, 10)
    table(folder, "so-68938619-unit-rows", {"x": x / np.linalg.norm(x, axis=1, keepdims=True), "y": y}, 3)


def first_digits(folder: Path) -> None:
    """Numbers from 1 to 599 999 999 by their length and first digit: 69 classes, all lengths about as frequent."""
    random = np.random.default_rng(0)
    power = random.integers(0, 9, 2209)
    lead = np.where(power == 0, random.integers(1, 10, 2209), random.integers(1, np.where(power == 8, 6, 10)))
    number = lead * 10**power + random.integers(0, 10**power)
    label = np.where(power == 0, 0, (power - 1) * 9 + lead)
    table(folder, "so-58609115-first-digit", {"number": number, "log10": np.log10(number), "y": label})


def flows(folder: Path) -> None:
    """Network flows as an attack detector sees them: raw sizes, counts, ports, times, most of them of one class."""
    random = np.random.default_rng(0)
    rows = 1500
    y = random.choice(5, rows, p=[0.75, 0.1, 0.07, 0.05, 0.03])
    centre = random.normal(0, 1, (5, 15))
    x = centre[y] + random.normal(0, 1, (rows, 15))
    spread = np.array([1e6, 1e4, 1e3, 1e3, 1e2, 1e2, 10, 10, 1, 1, 1, 0.1, 0.1, 1e5, 65535])
    x = np.exp(0.8 * x) * spread / 5
    x[:, 14] = np.clip(x[:, 14], 0, 65535)
    table(folder, "ddos-ml-detection", {"x": x, "y": y}, 2)


def few_digits(folder: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(1, 10, (300, 5))
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    table(folder, "so-61997645-parity", {"d": x, "name": names[x], "y": x[:, 0] % 2})


def regressions(folder: Path) -> None:
    x, y = make_regression(2000, 12, random_state=42)
    table(folder, "so-60574843", {"x": x, "y": y}, 3)
    x, y = make_regression(100, 100, random_state=42)
    table(folder, "so-62440336", {"x": x, "y": y}, 3)
    rows = [[9, 0, 21, 11], [8, 0, 19, 8], [6, 0, 16, 12], [7, 0, 29, 9], [5, 0, 23, 10], [8, 0, 18, 7]]
    x = np.array(rows)
    table(folder, "so-54811239", {"x": x, "y": x[:, 3]})


def life(folder: Path) -> None:
    """Every neighbourhood of the game of life, the cell itself in the middle, and whether the cell lives next."""
    x = (np.arange(512)[:, None] >> np.arange(9)) & 1
    alive, near = x[:, 4], x.sum(1) - x[:, 4]
    table(folder, "gol_nn", {"c": x, "y": ((near == 3) | ((alive == 1) & (near == 2))).astype(int)})


def make(folder: Path) -> None:
    for part in (images, iris, classes, first_digits, flows, few_digits, regressions, life):
        part(folder)


if __name__ == "__main__":
    make(Path(__file__).parents[2] / "experiments/published")
