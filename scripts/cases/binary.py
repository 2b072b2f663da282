"""The data of the published programs with two classes: `make(folder)` writes all tables."""

import random
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, make_classification, make_multilabel_classification

from common import table


def classification(folder: Path) -> None:
    """scikit-learn's make_classification(1000, 34). Its inputs 1 to 4 are the useful ones, so that the first d inputs are a
    make_classification(1000, d); only the rows are shuffled."""
    x, y = make_classification(1000, 34, shuffle=False, random_state=0)
    rows = np.random.default_rng(0).permutation(len(y))
    table(folder, "classification-1000x34", {"x": x[rows], "y": y[rows]}, digits=3)


def five_inputs(folder: Path) -> None:
    """The program's own call, seed included."""
    x, y = make_classification(1000, 5, random_state=42)
    table(folder, "so-66407123-rows", {"x": x, "y": y})


def many_rows(folder: Path) -> None:
    x, y = make_classification(10_000, 5, random_state=0)
    table(folder, "so-68701979-rows", {"x": x, "y": y}, digits=2)


def few_rows(folder: Path) -> None:
    x, y = make_classification(100, 14, random_state=0)
    table(folder, "so-68751439-rows", {"x": x, "y": y})


def wide(folder: Path) -> None:
    """More inputs than rows, as the program has them, but 300 in place of 19 900."""
    x, y = make_classification(150, 300, random_state=0)
    table(folder, "so-56218256-wide", {"x": x, "y": y}, digits=2)


def counts(folder: Path) -> None:
    """The program's call: four word counts, and whether a text has the one label."""
    x, y = make_multilabel_classification(1000, 4, n_classes=1, random_state=0)
    table(folder, "so-50481178-counts", {"x": x.astype(int), "y": y[:, 0]})


def breast_cancer(folder: Path) -> None:
    data = load_breast_cancer()
    table(folder, "so-57397440-cells", {"x": data.data, "y": data.target})


def boolean(folder: Path) -> None:
    a, b = [0, 0, 1, 1], [0, 1, 0, 1]
    table(folder, "so-58572274-xnor", {"a": a, "b": b, "y": [1, 0, 0, 1]})
    table(folder, "so-64395424-and", {"a": a, "b": b, "y": [0, 0, 0, 1]})
    table(folder, "so-42191656-xor", {"a": a, "b": b, "y": [0, 1, 1, 0]})


def two_squares(folder: Path) -> None:
    """The program's recipe: the classes take turns, in [0.2, 0.4]² and [0.5, 0.7]²."""
    rng = np.random.default_rng(50306988)
    low, high = rng.uniform(0.2, 0.4, (100, 2)), rng.uniform(0.5, 0.7, (100, 2))
    x = np.stack([low, high], axis=1).reshape(200, 2)
    table(folder, "so-50306988-squares", {"x": x, "y": [0, 1] * 100})


def threshold(folder: Path) -> None:
    """One whole number from 15 000 to 25 000, and whether it is below 20 000."""
    x = np.random.default_rng(45442843).integers(15_000, 25_000, 999)
    table(folder, "so-45442843-threshold", {"x": x, "y": (x < 20_000).astype(int)})


def sine(folder: Path) -> None:
    """Three periods of a sine, the value before, and whether it rises."""
    t = np.arange(299)
    value = np.sin(2 * np.pi * t / 100)
    before = np.concatenate([[0.0], value[:-1]])
    rises = (np.cos(2 * np.pi * t / 100) > 0).astype(int)
    table(folder, "so-41372874-sine", {"sine": value, "before": before, "rises": rises}, digits=6)


def counties(folder: Path) -> None:
    """Ten counties with sixteen columns, from shares to populations, and who won there."""
    rng = np.random.default_rng(34673164)
    n, won = 10, np.array([0] * 5 + [1] * 5)
    uniform = lambda low, high, shift=0.0: rng.uniform(low, high, n) + shift * won
    population = rng.choice([9_000, 13_000, 21_000, 35_000, 52_000, 57_000, 114_000, 186_000, 211_000, 660_000], n, False)
    population = population + rng.integers(0, 900, n)
    columns = {
        "population": population,
        "age": uniform(34, 40, 1),
        "age_men": uniform(34, 40, 1),
        "share_a": uniform(9, 32),
        "share_b": uniform(11, 21, -3),
        "share_c": uniform(11, 21, -3),
        "voters": rng.integers(90, 175_000, n),
        "households": (population * rng.uniform(0.37, 0.42, n)).round().astype(int),
        "household_size": uniform(2.4, 2.55, 0.07),
        "owners": uniform(50, 62, 8),
        "degree": uniform(14, 28, -1),
        "poverty": uniform(13, 32, -8),
        "income": rng.integers(56_000, 112_000, n) + 15_000 * won,
        "index_a": uniform(-1.2, 0, 1.1),
        "index_b": uniform(-1, 0, 1.1),
        "index_c": uniform(0.2, 0.7),
        "winner": won,
    }
    table(folder, "so-34673164-counties", columns)


def packets(folder: Path) -> None:
    """21 network packets: addresses and flags as whole numbers, and whether they come from the third machine."""
    rng = np.random.default_rng(44066044)
    attack = np.array([0] * 8 + [1] * 13)
    base = (192 << 24) + (168 << 16) + (1 << 8)
    answer = np.arange(21) % 2
    columns = {
        "source": base + np.where(attack == 1, 5, rng.choice([2, 4], 21)),
        "destination": np.full(21, base + 3),
        "protocol": np.full(21, 6),
        "life": np.full(21, 128),
        "flags": np.where(attack == 1, rng.choice([8_192, 525_558, 525_568], 21), rng.choice([524_032, 524_288, 524_544], 21)),
        "port": np.where(rng.random(21) < 0.5, 502, np.where(attack == 1, 55_924, 55_783)),
        "length": 12 * answer,
        "value": np.where(answer == 1, rng.choice([0, 61, 65_280], 21), 0),
        "code": np.where(answer == 1, np.where(attack == 1, 5, 6), 0),
        "error": np.zeros(21, int),
        "register": np.where(answer == 1, np.where(attack == 1, 100, 206) + rng.integers(0, 3, 21), 0),
        "attack": attack,
    }
    table(folder, "so-44066044-packets", columns)


def pima(folder: Path) -> None:
    """768 rows like the diabetes data of the Pima: eight measurements with their ranges, 35 % positive, some 77 % of them told
    by a logistic regression."""
    rng = np.random.default_rng(768)
    n = 768
    pregnancies = np.minimum(rng.negative_binomial(1.5, 0.28, n), 17)
    age = np.clip(21 + rng.gamma(1.1, 9, n) + pregnancies, 21, 81).round()
    mass = np.clip(rng.normal(32.4, 6.9, n), 18.2, 67.1)
    glucose = np.clip(rng.normal(121, 30, n) + 0.3 * (age - 33), 44, 199).round()
    insulin = np.where(rng.random(n) < 0.48, 0, np.clip(rng.gamma(1.8, 80, n) * glucose / 121, 14, 846)).round()
    skin = np.where(rng.random(n) < 0.3, 0, np.clip(rng.normal(29, 9, n) + 0.6 * (mass - 32), 7, 99)).round()
    pressure = np.where(rng.random(n) < 0.045, 0, np.clip(rng.normal(72, 12, n), 24, 122)).round()
    pedigree = np.clip(rng.gamma(2.4, 0.19, n), 0.078, 2.42)
    logit = (
        1.15 * (glucose - 121) / 30
        + 0.65 * (mass - 32.4) / 6.9
        + 0.35 * (pregnancies - 3.8) / 3.4
        + 0.3 * (pedigree - 0.47) / 0.33
        + 0.15 * (age - 33) / 11.8
        - 0.87
    )
    positive = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    columns = {
        "pregnancies": pregnancies,
        "glucose": glucose.astype(int),
        "pressure": pressure.astype(int),
        "skin": skin.astype(int),
        "insulin": insulin.astype(int),
        "mass": mass.round(1),
        "pedigree": pedigree.round(3),
        "age": age.astype(int),
        "positive": positive,
    }
    table(folder, "diabetes-768", columns)


def passengers(folder: Path) -> None:
    """891 passengers like those of the Titanic, each text replaced by its number in the alphabet, as the program does it."""
    rng = np.random.default_rng(31627380)
    n = 891
    rank = rng.choice([1, 2, 3], n, p=[0.24, 0.21, 0.55])
    man = (rng.random(n) < np.array([0.56, 0.59, 0.71])[rank - 1]).astype(int)
    known = rng.random(n) > 0.2
    age = np.where(known, np.clip(rng.normal(np.array([38, 30, 25])[rank - 1], 14), 0.5, 80).round(), 29.7)
    siblings = np.minimum(rng.negative_binomial(0.5, 0.5, n), 8)
    parents = np.minimum(rng.negative_binomial(0.35, 0.5, n), 6)
    fare = np.clip(rng.lognormal(np.array([4.1, 2.9, 2.4])[rank - 1], 0.55), 4, 512)
    cabin = np.where(rng.random(n) < np.array([0.82, 0.09, 0.02])[rank - 1], rng.integers(0, 186, n), 186)
    logit = 2.6 - 2.6 * man - 1.05 * (rank - 1) - 0.03 * (age - 29) - 0.3 * siblings
    survived = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    columns = {
        "class": rank,
        "name": rng.permutation(1307)[:n],
        "sex": man,
        "age": age,
        "siblings": siblings,
        "parents": parents,
        "ticket": rng.integers(0, 929, n),
        "fare": fare,
        "cabin": cabin,
        "port": rng.choice([0, 1, 2], n, p=[0.19, 0.09, 0.72]),
        "survived": survived,
    }
    table(folder, "so-31627380-passengers", columns)


def incomes(folder: Path) -> None:
    """3000 rows like those of Adult: six numbers as they stand, of each of the eight texts only whether it is the first one."""
    rng = np.random.default_rng(47724077)
    n = 3000
    age = np.clip(17 + rng.gamma(2.2, 9.8, n), 17, 90).round()
    education = np.clip(rng.normal(10.1, 2.57, n), 1, 16).round()
    hours = np.clip(rng.normal(40.4, 12.3, n), 1, 99).round()
    first = lambda share: (rng.random(n) < share).astype(int)
    married, man = first(0.46), first(0.67)
    gain = np.where(rng.random(n) < 0.08, np.clip(rng.lognormal(8.8, 1), 100, 99_999), 0).round()
    loss = np.where(rng.random(n) < 0.047, rng.normal(1870, 370, n), 0).round()
    logit = (
        -3.1
        + 0.035 * (age - 38.6)
        + 0.36 * (education - 10.1)
        + 0.03 * (hours - 40.4)
        + 2.3 * married
        + 0.3 * man
        + 0.0003 * np.minimum(gain, 15_000)
        + 0.0006 * loss
    )
    rich = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    columns = {
        "age": age.astype(int),
        "work": first(0.056),
        "weight": np.clip(rng.lognormal(12, 0.55, n), 12_285, 1_484_705).round().astype(int),
        "school": first(0.029),
        "education": education.astype(int),
        "married": married,
        "occupation": first(0.057),
        "husband": married * man,
        "origin": first(0.0096),
        "woman": 1 - man,
        "gain": gain.astype(int),
        "loss": loss.astype(int),
        "hours": hours.astype(int),
        "country": first(0.018),
        "rich": rich,
    }
    table(folder, "so-47724077-incomes", columns)


def weather(folder: Path) -> None:
    """3000 days: the coldest and the warmest hour, rain and wind, and whether it rains tomorrow, on 22 % of them."""
    rng = np.random.default_rng(56317174)
    n = 3000
    coldest = rng.normal(12.2, 6.4, n)
    warmest = coldest + np.clip(rng.normal(11, 4.5, n), 0.5, None)
    rain = np.where(rng.random(n) < 0.64, 0, rng.gamma(0.55, 12, n))
    wind = np.clip(rng.normal(40, 13.6, n), 6, 135).round()
    logit = -1.75 + 0.1 * (coldest - 12.2) - 0.12 * (warmest - 23.2) + 0.07 * np.minimum(rain, 25) + 0.045 * (wind - 40)
    tomorrow = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    columns = {
        "coldest": coldest.round(1),
        "warmest": warmest.round(1),
        "rain": rain.round(1),
        "wind": wind.astype(int),
        "tomorrow": tomorrow,
    }
    table(folder, "so-56317174-weather", columns)


def reviews(folder: Path) -> None:
    """1500 reviews as flags of 300 words: frequent ones to rare ones, of which each leans a little to one side."""
    rng = np.random.default_rng(10_000)
    rows, words = 1500, 300
    good = rng.integers(0, 2, rows)
    share = 0.6 / (1 + 0.06 * np.arange(words))
    lean = np.exp(rng.normal(0, 0.28, words))
    share = np.clip(np.where(good[:, None] == 1, share * lean, share / lean), 0, 0.95)
    flags = (rng.random((rows, words)) < share).astype(int)
    table(folder, "moviereviews-flags", {"w": flags, "good": good})


def shifted(folder: Path) -> None:
    """The program's recipe with the program's seeds: normal noise, of one class shifted by -1, 0 or 1."""
    rng, choice = np.random.RandomState(20180130), random.Random(20180130)
    rng.normal(0, 3, 14)
    x, y = [], []
    for _ in range(100):
        row = rng.normal(0, 0.1, 14)
        label = 0 if choice.uniform(0, 3) > 1 else 1
        x.append(row + choice.randint(-1, 1) if label == 0 else row)
        y.append(label)
    table(folder, "so-42821125-shifted", {"x": np.array(x), "y": y})


def heart(folder: Path) -> None:
    """462 rows like the South African heart disease data: nine columns with their ranges, 35 % ill."""
    rng = np.random.default_rng(45002504)
    n = 462
    age = np.clip(rng.normal(43, 15, n), 15, 64).round()
    tobacco = np.where(rng.random(n) < 0.23, 0, np.clip(rng.gamma(1.1, 0.1 * age), 0, 31.2))
    cholesterol = np.clip(rng.gamma(5.5, 0.86, n), 0.98, 15.3)
    family = (rng.random(n) < 0.42).astype(int)
    kind = np.clip(rng.normal(53, 9.8, n), 13, 78).round()
    obesity = np.clip(rng.normal(26, 4.2, n), 14.7, 46.6)
    logit = (
        -0.8
        + 0.055 * (age - 43)
        + 0.1 * (tobacco - 3.6)
        + 0.22 * (cholesterol - 4.7)
        + 1.1 * (family - 0.42)
        + 0.04 * (kind - 53)
    )
    columns = {
        "pressure": np.clip(rng.normal(138, 20, n) + 0.4 * (age - 43), 101, 218).round().astype(int),
        "tobacco": tobacco.round(2),
        "cholesterol": cholesterol.round(2),
        "adiposity": np.clip(25.4 + 0.3 * (age - 43) + 0.9 * (obesity - 26) + rng.normal(0, 4, n), 6.7, 42.5).round(2),
        "family": family,
        "type_a": kind.astype(int),
        "obesity": obesity.round(2),
        "alcohol": np.where(rng.random(n) < 0.24, 0, np.clip(rng.gamma(0.8, 25, n), 0, 147)).round(2),
        "age": age.astype(int),
        "ill": (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(int),
    }
    table(folder, "so-45002504-heart", columns)


def make(folder: Path) -> None:
    classification(folder)
    five_inputs(folder)
    many_rows(folder)
    few_rows(folder)
    wide(folder)
    counts(folder)
    breast_cancer(folder)
    boolean(folder)
    two_squares(folder)
    threshold(folder)
    sine(folder)
    counties(folder)
    packets(folder)
    pima(folder)
    passengers(folder)
    incomes(folder)
    weather(folder)
    reviews(folder)
    shifted(folder)
    heart(folder)
