"""Do two diagnoses of the same data agree? verdicts.py MISFIT [--sets N] [--jobs N] [--out FOLDER] [DATASET …]

Eight real data sets, each with a naive baseline and fixes of mixed worth, are diagnosed over 20 disjoint sets of five seeds. For
every fix the table says how often each verdict was given. Two sets of seeds contradict each other about a fix if one says
"needed", "one way" or "helps" and the other "hurts", or one says "needed" and the other "no difference". The exit code is 1 if
that is so in more than 5 % of all pairs.

The data come from scikit-learn, vega_datasets (both need pandas) and experiments/penguins.csv, so it is run from the
repository's root; a folder that has the data already needs none of them. A diagnosis
that is finished is not made again: the same command with the same --out resumes. `--make` writes the experiments and stops.
"""

import argparse
import csv
import itertools
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SEEDS = 5
APART = 1000
DRAWS = 1000
LIMIT = 0.05
PENGUINS = Path("experiments/penguins.csv")
WORDS = ["needed", "one way", "helps", "no difference", "hurts", "cannot be told"]
GOOD = {"needed", "one way", "helps"}

BASELINE = """
[batch]
size = 32
draw = "epoch"

[model]
hidden = [32, 32]

[loss]
kind = "{loss}"

[optimizer]
kind = "adam"
learning_rate = 1e-3

[train]
epochs = {epochs}
log_points = 20
"""

SCALED_INPUT = "data.scale_input = \"standardize\""
SCALED_TARGET = "data.scale_target = \"standardize\""
OTHER_BETAS = "optimizer.betas = [0.9, 0.99]"


def experiment(title: str, target: str, loss: str, epochs: int, fixes: dict[str, str], seeds: int = SEEDS, more: str = "") -> str:
    """The text of an experiment: target is what stands in data.target beside the file, and each fix a patch."""
    data = f'title = "{title}"\nseeds = {seeds}\n\n[data]\ntarget = {{ {target} }}\nholdout = 0.2\n{more}'
    patches = "".join(f"\n[fix.{name}]\nset = {{ {patch} }}\n" for name, patch in fixes.items())
    return data + BASELINE.format(loss=loss, epochs=epochs) + patches


# The fixes are of mixed worth: other-betas should do nothing anywhere, scaled-input much on raw columns.
EXPERIMENTS = {
    "diabetes": experiment(
        "Progression of diabetes, raw columns and targets",
        'csv = "diabetes.csv", inputs = ["*"], output = "progression"',
        "mse",
        20,
        {
            "scaled-input": SCALED_INPUT,
            "scaled-target": SCALED_TARGET,
            "more-steps": "train.epochs = 60",
            "wider": "model.hidden = [64, 64]",
            "other-betas": OTHER_BETAS,
        },
    ),
    "auto-mpg": experiment(
        "Miles per gallon of 392 cars, raw columns and targets",
        'csv = "auto-mpg.csv", inputs = ["*"], output = "mpg"',
        "mse",
        20,
        {
            "scaled-input": SCALED_INPUT,
            "scaled-target": SCALED_TARGET,
            "more-steps": "train.epochs = 100",
            "wider": "model.hidden = [64, 64]",
            "other-betas": OTHER_BETAS,
        },
    ),
    "penguins": experiment(
        "Three species of penguins, millimetres and grams",
        'csv = "penguins.csv", inputs = ["*", "-year"], class = "species"',
        "cross_entropy",
        15,
        {
            "scaled-input": SCALED_INPUT,
            "more-steps": "train.epochs = 60",
            "wider": "model.hidden = [64, 64]",
            "other-betas": OTHER_BETAS,
        },
        more='missing = "mean"\n',
    ),
    "breast-cancer": experiment(
        "Benign or malignant, 30 raw columns, plain descent",
        'csv = "breast-cancer.csv", inputs = ["*"], class = "class"',
        "bce",
        10,
        {
            "scaled-input": SCALED_INPUT,
            "adam": "optimizer.kind = \"adam\", optimizer.learning_rate = 1e-3",
            "lower-rate": "optimizer.learning_rate = 1e-3",
            "wider": "model.hidden = [64, 64]",
        },
    ).replace('kind = "adam"\nlearning_rate = 1e-3', 'kind = "sgd"\nlearning_rate = 0.01'),
    "wine": experiment(
        "Three kinds of wine, raw columns (proline to 1680)",
        'csv = "wine.csv", inputs = ["*"], class = "class"',
        "cross_entropy",
        30,
        {
            "scaled-input": SCALED_INPUT,
            "more-steps": "train.epochs = 120",
            "tanh-units": "model.activation = \"tanh\"",
            "other-betas": OTHER_BETAS,
        },
    ),
    "digits": experiment(
        "Handwritten digits, a softmax before a loss that takes logits",
        'csv = "digits.csv", inputs = ["*"], class = "class"',
        "cross_entropy",
        4,
        {
            "logits": "model.output = \"identity\"",
            "scaled-input": SCALED_INPUT,
            "more-steps": "train.epochs = 12",
            "other-betas": OTHER_BETAS,
        },
    ).replace("hidden = [32, 32]", 'hidden = [32, 32]\noutput = "softmax"').replace('kind = "cross_entropy"', 'kind = "cross_entropy"\nfrom = "logits"'),
    "linnerud": experiment(
        "Three body measures of 20 men from three exercises, all raw",
        'csv = "linnerud.csv", inputs = ["*"], outputs = ["Weight", "Waist", "Pulse"]',
        "mse",
        100,
        {
            "scaled-input": SCALED_INPUT,
            "scaled-target": SCALED_TARGET,
            "more-steps": "train.epochs = 400",
            "linear": "model.hidden = []",
        },
    ).replace("size = 32", "size = 8"),
    "iris": experiment(
        "Three species of iris, sigmoid layers",
        'csv = "iris.csv", inputs = ["*"], class = "class"',
        "cross_entropy",
        30,
        {
            "scaled-input": SCALED_INPUT,
            "relu-units": "model.activation = \"relu\"",
            "more-steps": "train.epochs = 150",
            "other-betas": OTHER_BETAS,
        },
    ).replace("hidden = [32, 32]", 'hidden = [32, 32]\nactivation = "sigmoid"'),
}


def from_scikit_learn(name: str):
    """A data set as a pandas table, the classes by their names."""
    from sklearn import datasets

    raw = {"diabetes": {"scaled": False}}.get(name, {})
    bunch = getattr(datasets, f"load_{name}")(as_frame=True, **raw)
    if name == "linnerud":
        return bunch.frame
    table = bunch.data.copy()
    if name == "diabetes":
        return table.assign(progression=bunch.target)
    return table.assign(**{"class": [f"{bunch.target_names[k]}" if name != "digits" else f"d{k}" for k in bunch.target]})


def rows(name: str):
    """A data set's table, as the experiment names its columns."""
    if name == "penguins":
        import pandas

        return pandas.read_csv(PENGUINS)
    if name == "auto-mpg":
        from vega_datasets import data

        table = data.cars().dropna()
        table.columns = [column.lower() for column in table.columns]
        table["year"] = table["year"].dt.year
        return table.rename(columns={"miles_per_gallon": "mpg"}).drop(columns=["name"])
    return from_scikit_learn(name.replace("-", "_"))


def make(folder: Path, names: list[str]) -> None:
    """Writes the CSVs and experiments that are not there or differ. Changing an experiment restarts its diagnoses."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        table, file = folder / f"{name}.csv", folder / f"{name}.toml"
        if not table.exists():
            rows(name).to_csv(table, index=False)
        if not file.exists() or file.read_text(encoding="utf-8") != EXPERIMENTS[name]:
            file.write_text(EXPERIMENTS[name], encoding="utf-8")
            shutil.rmtree(folder / "diagnoses" / name, ignore_errors=True)


def diagnose(program: str, folder: Path, name: str, number: int, threads: int | None) -> dict[str, str]:
    """The verdict of each fix over the seeds of one set, made unless it is there."""
    out = folder / "diagnoses" / name / f"{number:02}"
    done = out / "finished"
    if not done.exists():
        # Apart, since a diagnosis may take further seeds, those behind its own.
        seeds = ",".join(str(number * APART + i) for i in range(SEEDS))
        words = [program, "diagnose", str(folder / f"{name}.toml"), "--seeds", seeds, "--out", str(out)]
        words += ["--threads", str(threads)] if threads else []
        out.parent.mkdir(parents=True, exist_ok=True)
        ran = subprocess.run(words, capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(f"{name}, seeds {seeds}: {ran.stderr.strip()}")
        done.touch()
    with open(out / "verdicts.csv", newline="", encoding="utf-8") as file:
        # A rule's fix is written with its patch behind a colon in some tables; the name is what the sets have in common.
        return {row["fix"].split(":")[0].strip(): row["verdict"] for row in csv.DictReader(file)}


def contrary(one: str, other: str) -> bool:
    pair = {one, other}
    return "hurts" in pair and bool(pair & GOOD) or pair == {"needed", "no difference"}


def apart(one: str, other: str) -> bool:
    """Contrary, or one of them sees what the other holds to be no difference."""
    pair = {one, other}
    return contrary(one, other) or "no difference" in pair and bool(pair & (GOOD | {"hurts"}))


Differ = Callable[[str, str], bool]


def pairs(verdicts: list[dict[str, str]], differ: Differ) -> tuple[int, int]:
    """How many pairs of sets of seeds differ about a fix, over all fixes that both judged, and of how many."""
    said = [(a[fix], b[fix]) for a, b in itertools.combinations(verdicts, 2) if a is not b for fix in a if fix in b]
    return sum(differ(a, b) for a, b in said), len(said)


def share(told: list[list[dict[str, str]]], differ: Differ) -> float:
    counted = [pairs(verdicts, differ) for verdicts in told]
    return sum(hits for hits, _ in counted) / max(1, sum(of for _, of in counted))


def interval(told: list[list[dict[str, str]]], differ: Differ) -> tuple[float, float]:
    """95 % interval of the share, by the bootstrap over sets of seeds: each is in many pairs, and fixes share its runs."""
    draw = random.Random(1)
    shares = sorted(share([draw.choices(verdicts, k=len(verdicts)) for verdicts in told], differ) for _ in range(DRAWS))
    return shares[int(0.025 * DRAWS)], shares[int(0.975 * DRAWS)]


def summary(name: str, verdicts: list[dict[str, str]]) -> None:
    """Prints a data set's table."""
    print(f"\n{name}: {len(verdicts)} sets of {SEEDS} seeds")
    fixes = list(dict.fromkeys(fix for told in verdicts for fix in told))
    wide = max([len(fix) for fix in fixes], default=3)
    print(f"  {'fix':{wide}}  " + "  ".join(f"{word:>{max(len(word), 3)}}" for word in WORDS) + "  contrary pairs")
    for fix in fixes:
        said = [told[fix] for told in verdicts if fix in told]
        unknown = set(said) - set(WORDS)
        if unknown:
            sys.exit(f"verdicts: {name}, {fix}: unknown verdict {sorted(unknown)}")
        times = Counter(said)
        hits = sum(contrary(a, b) for a, b in itertools.combinations(said, 2))
        of = len(said) * (len(said) - 1) // 2
        counts = "  ".join(f"{times[word] or '–':>{max(len(word), 3)}}" for word in WORDS)
        print(f"  {fix:{wide}}  {counts}  " + (f"{hits} of {of} ({hits / of:.1%})" if of else "–"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("misfit", help="the program")
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help=f"of {', '.join(EXPERIMENTS)} (all)")
    parser.add_argument("--sets", type=int, default=20, help="disjoint sets of five seeds (20)")
    parser.add_argument("--jobs", type=int, default=1, help="diagnoses at a time (1)")
    parser.add_argument("--threads", type=int, help="training threads of each diagnosis (misfit's default)")
    parser.add_argument("--out", type=Path, help="folder for data and results (a temporary one)")
    parser.add_argument("--make", action="store_true", help="write the data and experiments into --out and stop")
    given = parser.parse_args()
    names = given.datasets or list(EXPERIMENTS)
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"unknown data set {unknown[0]}, accepted: {', '.join(EXPERIMENTS)}")

    with tempfile.TemporaryDirectory() as temporary:
        folder = given.out or Path(temporary)
        make(folder, names)
        if given.make:
            return
        work = [(name, number) for name in names for number in range(given.sets)]

        def one(item: tuple[str, int]) -> dict[str, str]:
            told = diagnose(given.misfit, folder, *item, given.threads)
            print(f"{item[0]} {item[1] + 1}/{given.sets}", file=sys.stderr, flush=True)
            return told

        with ThreadPoolExecutor(given.jobs) as pool:
            waiting = [pool.submit(one, item) for item in work]
            try:
                told = [each.result() for each in waiting]
            except RuntimeError as failed:
                for each in waiting:
                    each.cancel()
                sys.exit(f"verdicts: {failed}")
    sets = [told[index * given.sets : (index + 1) * given.sets] for index in range(len(names))]
    for name, verdicts in zip(names, sets):
        summary(name, verdicts)
    print()
    for what, differ in [("contrary", contrary), ("contrary, or seen by one alone", apart)]:
        low, high = interval(sets, differ)
        print(f"{what}: {share(sets, differ):.2%} of all pairs (95 % interval {low:.2%} to {high:.2%})")
    sys.exit(share(sets, contrary) > LIMIT)


if __name__ == "__main__":
    main()
