"""The data of the published regression programs: `make(folder)` writes all tables."""

from pathlib import Path

import numpy as np
from sklearn.datasets import make_multilabel_classification, make_regression
from sklearn.model_selection import train_test_split

from common import table


def linear(rows: int, inputs: int, decimals: int, **settings) -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's make_regression, with the targets computed from inputs that are rounded first."""
    x, _, coefficients = make_regression(rows, inputs, coef=True, random_state=0, **settings)
    x = x.round(decimals)
    return x, x @ coefficients


def minus_one_to_one(folder: Path) -> None:
    x, y = linear(6000, 10, 1)
    table(folder, "so-46869312-plane", {"x": x, "y": 2 * (y - y.min()) / np.ptp(y) - 1})


def cars(folder: Path) -> None:
    """Used cars: age, mileage, engine, power and owners, and prices from 500 to 29 926."""
    rng = np.random.default_rng(48976413)
    n = 963
    age = rng.integers(0, 21, n)
    mileage = (age * rng.uniform(5_000, 20_000, n) + rng.uniform(0, 10_000, n)).round(-2)
    engine = rng.choice([1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0], n)
    power = (engine * rng.uniform(55, 85, n)).round()
    owners = 1 + rng.binomial(4, age / 40)
    price = np.exp(9.1 + 0.004 * power - 0.11 * age - 1.5e-6 * mileage - 0.05 * owners + rng.normal(0, 0.2, n))
    price = (500 + (price - price.min()) * (29_926 - 500) / np.ptp(price)).round()
    columns = {"age": age, "mileage": mileage, "engine": engine, "power": power, "owners": owners, "price": price}
    table(folder, "so-48976413-cars", columns, digits=6)


def shares(folder: Path) -> None:
    """As the benchmark has it, linear targets over their sum, which may be near 0; and shares as the thread has them."""
    x, y = linear(1000, 28, 2, n_targets=6)
    shares = np.exp(y / 100)
    columns = {"x": x, "y": y / y.sum(axis=1, keepdims=True), "share": shares / shares.sum(axis=1, keepdims=True)}
    table(folder, "so-50555434-shares", columns)


def in_order(folder: Path) -> None:
    """The benchmark's own split: its training rows first, then its 300 test rows."""
    x, y = make_regression(1000, 5, random_state=75)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, random_state=75)
    table(folder, "so-52566823-plane", {"x": np.concatenate([x, x_test]), "y": np.concatenate([y, y_test])}, digits=5)


def wide(folder: Path) -> None:
    x, y = linear(250, 300, 1, n_targets=3, n_informative=3)
    table(folder, "so-53749895-wide", {"x": x, "y": y})


def halves(folder: Path) -> None:
    table(folder, "so-56452176-halves", {"x": [0.5, 1.0, 0.4, 5.0, 25.0], "y": [0.25, 0.5, 0.2, 2.5, 12.5]})


def three_planes(folder: Path) -> None:
    x, y = linear(1000, 10, 2, n_targets=3)
    table(folder, "so-56774954-planes", {"x": x, "y": y})


def plane(folder: Path) -> None:
    x, y = linear(1000, 4, 3)
    table(folder, "so-59758722-plane", {"x": x, "y": y})


def four_planes(folder: Path) -> None:
    x, y = linear(1000, 8, 2, n_targets=4)
    table(folder, "so-60766775-planes", {"x": x, "y": y})


def factors(folder: Path) -> None:
    """The pairs (m, n) of 1 … 10, −2mn and mn, all scaled to 0 … 1 as the program does: both columns by one range."""
    pairs = np.array([(m, n) for m in range(1, 11) for n in range(1, 11)])
    products = np.stack([-2 * pairs.prod(axis=1), pairs.prod(axis=1)], axis=1)
    scaled = [(values - values.min()) / np.ptp(values) for values in (pairs, products)]
    table(folder, "so-60831731-pairs", {"x": scaled[0], "y": scaled[0], "product": scaled[1]}, digits=6)


def five_rows(folder: Path) -> None:
    """Five rows of small whole numbers; of the four targets only the third is not the same everywhere, as in the program."""
    x = np.random.default_rng(68458462).integers(1, 11, (5, 5))
    table(folder, "so-68458462-five-rows", {"x": x, "y": [[3, 3, third, 0] for third in (1, 3, 4, 1, 4)]})


def labels(folder: Path) -> None:
    x, y = make_multilabel_classification(5000, 20, n_classes=3, random_state=0)
    table(folder, "so-38648195-labels", {"x": x.astype(int), "y": y})


def bytes_of(folder: Path) -> None:
    """All bytes, each asked for its image under a random permutation of them (y), or for itself (same)."""
    bits = (np.arange(256)[:, None] >> np.arange(7, -1, -1)) & 1
    shuffled = np.random.default_rng(39217567).permutation(bits)
    table(folder, "so-39217567-bytes", {"x": bits, "y": shuffled, "same": bits})


def uniform_five(folder: Path) -> None:
    x = np.random.default_rng(45337371).uniform(size=(200, 5)).round(3)
    table(folder, "so-45337371-uniform", {"x": x, "y": (x.sum(axis=1) > 2.5).astype(int)})


def faces(folder: Path) -> None:
    """Drawn faces of 12 × 12 grey levels: dark spots at 15 points of a shape that is moved, turned, sized and bent."""
    rng = np.random.default_rng(12)
    n, side = 500, 12
    mean = np.array(
        [(-0.3, -0.25), (0.3, -0.25), (-0.2, -0.25), (-0.4, -0.25), (0.2, -0.25), (0.4, -0.25), (-0.15, -0.4), (-0.45, -0.4)]
        + [(0.15, -0.4), (0.45, -0.4), (0.0, 0.1), (-0.22, 0.4), (0.22, 0.4), (0.0, 0.33), (0.0, 0.5)]
    )
    angle, size = rng.normal(0, 0.1, n), rng.normal(1, 0.08, n)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(n, 2, 2) * size[:, None, None]
    points = np.einsum("nij,kj->nki", turn, mean) + rng.normal(0, 0.06, (n, 1, 2)) + rng.normal(0, 0.015, (n, 15, 2))
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side)), axis=-1)
    distance = ((grid[None, :, :, None] - points[:, None, None]) ** 2).sum(axis=-1)
    dark = np.exp(-distance / 0.03).sum(axis=-1)
    light = rng.uniform(120, 220, (n, 1, 1)) + rng.normal(0, 20, (n, 1, 1)) * grid[None, :, :, 0]
    pixels = np.clip(light * np.exp(-0.6 * dark) + rng.normal(0, 6, dark.shape), 0, 255)
    pixels = (pixels / 8).round().astype(int) * 8
    table(folder, "facialkeypoints-faces", {"p": pixels.reshape(n, -1), "y": points.reshape(n, -1)}, digits=3)


def houses(folder: Path) -> None:
    """House sales: areas, years, ratings and codes of texts as they stand, and prices from 34 900 to 755 000."""
    rng = np.random.default_rng(1460)
    n = 1460
    good, large, new = rng.normal(size=(3, n))
    columns = {}
    for name, mean, spread in [("lot", 10_500, 4_000), ("living", 1_500, 450), ("basement", 1_050, 380), ("first", 1_160, 350)]:
        columns[name] = np.maximum(mean + spread * (0.75 * large + 0.66 * rng.normal(size=n)), mean / 5).round()
    for name, mean, spread in [("garage", 470, 180), ("deck", 95, 110), ("porch", 47, 60), ("veneer", 104, 160), ("frontage", 58, 30)]:
        columns[name] = np.maximum(mean + spread * (0.4 * large + 0.9 * rng.normal(size=n)), 0).round()
    columns["built"] = np.clip(1971 + 28 * new, 1872, 2010).round()
    columns["remodelled"] = np.clip(np.maximum(columns["built"], 1985 + 18 * rng.normal(size=n)), 1950, 2010).round()
    columns["quality"] = np.clip(6 + 1.3 * good, 1, 10).round()
    columns["condition"] = np.clip(5.5 + 1.1 * rng.normal(size=n), 1, 9).round()
    for name, levels in [("exterior", 5), ("kitchen", 5), ("heating", 5), ("fireplace", 6)]:
        columns[name] = np.clip(levels / 2 + 0.8 * good + 0.8 * rng.normal(size=n), 0, levels - 1).round()
    for name, levels in [("rooms", 12), ("baths", 4), ("cars", 5)]:
        columns[name] = np.clip(levels / 2 + levels / 8 * (large + rng.normal(size=n)), 0, levels).round()
    for i, levels in enumerate([5, 25, 9, 8, 15, 16, 6, 4, 3, 5]):
        columns[f"code{i + 1}"] = rng.integers(0, levels, n)
    price = 12 + 0.22 * good + 0.2 * large + 0.1 * new + 0.06 * (columns["condition"] - 5) + 0.01 * (columns["code2"] - 12)
    price = np.exp(price + rng.normal(0, 0.12, n))
    columns["price"] = (34_900 + (price - price.min()) * (755_000 - 34_900) / np.ptp(price)).round(-2)
    table(folder, "kaggle-melbourne-houses", columns, digits=7)


def make(folder: Path) -> None:
    for part in [minus_one_to_one, cars, shares, in_order, wide, halves, three_planes, plane, four_planes]:
        part(folder)
    for part in [factors, five_rows, labels, bytes_of, uniform_five, faces, houses]:
        part(folder)
