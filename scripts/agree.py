"""The same networks by misfit and by PyTorch, on scikit-learn's data and on a table with text and missing values:

    python scripts/agree.py MISFIT [SEEDS]      the table of both
    python scripts/agree.py MISFIT 10 write     and tests/agree/: the data, and PyTorch's figures for tests/agree.rs

Needs torch, pandas and scikit-learn. Each run of PyTorch has the test rows of misfit's run of that seed, read from its
predictions.csv, and everything else of its own: initial parameters, order of the samples, scaling, means of missing values,
loss. So differences are those of the two programs and of chance, and the table says how large beside their standard error.
"""

import gzip
import math
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn.datasets
import torch

FOLDER = Path(__file__).parent.parent / "tests" / "agree"
NAMES = ["diabetes", "linnerud", "iris", "breast_cancer", "wine", "digits", "travellers"]


def travellers():
    """Who survived: a text of three, a text of two, a number of which a fifth is missing, and a text that may be missing."""
    draw = np.random.default_rng(0)
    count = 600
    where = draw.choice(["first", "second", "third"], count, p=[0.25, 0.2, 0.55])
    sex = draw.choice(["female", "male"], count, p=[0.35, 0.65])
    age = np.clip(draw.normal(30, 14, count), 1, 80).round()
    fare = (draw.lognormal(2.3, 0.5, count) * np.select([where == "first", where == "second"], [5, 1.5], 1)).round(2)
    port = draw.choice(["Cork", "Dover", "Essex"], count, p=[0.2, 0.7, 0.1])
    sure = 2.4 * (sex == "female") + 1.4 * (where == "first") + 0.7 * (where == "second") - 0.03 * age - 0.6
    survived = np.where(draw.random(count) < 1 / (1 + np.exp(-sure)), "yes", "no")
    table = pd.DataFrame({"class": where, "sex": sex, "age": age, "fare": fare, "port": port, "survived": survived})
    table.loc[draw.random(count) < 0.2, "age"] = np.nan
    table.loc[draw.random(count) < 0.02, "port"] = np.nan
    return table


def table(name):
    if name == "travellers":
        return travellers()
    data = getattr(sklearn.datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    frame = pd.DataFrame(data.data, columns=[str(column) for column in data.feature_names])
    if name == "diabetes":
        frame["progression"] = data.target
    elif name == "linnerud":
        frame[[str(column) for column in data.target_names]] = data.target
    else:
        frame["class"] = data.target if name == "digits" else data.target_names[data.target]
    return frame


def inputs(frame, training):
    """Numbers, with means of the training rows for what is missing, and a column for each text of theirs."""
    columns = []
    for name in frame:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column):
            columns.append(column.fillna(column[training].mean()))
        else:
            column = column.fillna(column[training].mode()[0])
            columns += [column == text for text in column[training].unique()]
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def standardized(values, training):
    return (values - values[training].mean(0)) / values[training].std(0)


def train(frame, experiment, held, seed):
    """The last test loss, and the accuracy or the root mean square error in original units."""
    torch.manual_seed(1000 + seed)
    rows = np.arange(len(frame))
    training = np.setdiff1d(rows, held)
    target = experiment["data"]["target"]
    outputs = target.get("outputs") or [target.get("output") or target["class"]]
    x = inputs(frame.drop(columns=outputs), training)
    spread = x[training].std(0)
    x = (x - x[training].mean(0)) / np.where(spread == 0, 1, spread)
    classes = "class" in target
    if classes:
        y = torch.tensor(np.unique(frame[outputs[0]], return_inverse=True)[1])
        units = int(y.max()) + 1
        loss = torch.nn.CrossEntropyLoss()
        if experiment["loss"]["kind"] == "bce":
            y, units, loss = y.float()[:, None], 1, torch.nn.BCEWithLogitsLoss()
    else:
        original = frame[outputs].to_numpy(dtype=np.float64)
        y = torch.tensor(standardized(original, training), dtype=torch.float32)
        units, loss = len(outputs), torch.nn.MSELoss()
    x = torch.tensor(x, dtype=torch.float32)
    layers, width = [], x.shape[1]
    for hidden in experiment["model"]["hidden"]:
        layers += [torch.nn.Linear(width, hidden), torch.nn.ReLU()]
        width = hidden
    network = torch.nn.Sequential(*layers, torch.nn.Linear(width, units))
    for layer in network:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(network.parameters(), experiment["optimizer"]["learning_rate"])
    size = experiment["batch"]["size"]
    order = []
    for _ in range(math.ceil(experiment["train"]["epochs"] * len(training) / size)):
        while len(order) < size:
            order += list(training[torch.randperm(len(training)).numpy()])
        batch, order = torch.tensor(order[:size]), order[size:]
        optimizer.zero_grad()
        loss(network(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        p = network(x[held])
        value = loss(p, y[held]).item()
    if not classes:
        p = p.double().numpy() * original[training].std(0) + original[training].mean(0)
        return value, float(np.sqrt(((p - original[held]) ** 2).mean()))
    right = (p[:, 0] > 0) == (y[held][:, 0] == 1) if units == 1 else p.argmax(1) == y[held]
    return value, right.double().mean().item()


def main(misfit, seeds=10, write=None):
    torch.set_num_threads(1)
    known = []
    print(f"{'data':14} {'figure':10} {'misfit':>17} {'PyTorch':>17} {'difference':>19}  over {seeds} seeds")
    for name in NAMES:
        text = (FOLDER / f"{name}.toml").read_text()
        experiment = tomllib.loads(text)
        frame = table(name)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            packed = gzip.compress(frame.to_csv(index=False).encode(), mtime=0)
            if write:
                (FOLDER / f"{name}.csv.gz").write_bytes(packed)
            (folder / f"{name}.csv.gz").write_bytes(packed)
            (folder / "x.toml").write_text(text)
            command = [str(Path(misfit).resolve()), "run", "x.toml", "--out", "out", "--seeds", str(seeds)]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            runs, curves, predictions = [pd.read_csv(folder / "out" / f"{of}.csv") for of in ["runs", "curves", "predictions"]]
        figure = "accuracy" if "class" in experiment["data"]["target"] else "test_rmse"
        ours, theirs = [], []
        for seed in range(int(seeds)):
            held = np.sort(predictions[predictions.seed == seed]["row"].to_numpy())
            ours.append((curves[curves.seed == seed].test_loss.iloc[-1], runs[runs.seed == seed][figure].iloc[0]))
            theirs.append(train(frame, experiment, held, seed))
            known += [f"{name},{seed},{theirs[-1][0]:.8g},{theirs[-1][1]:.8g}"]
        ours, theirs = np.array(ours), np.array(theirs)
        for at, of in enumerate(["test_loss", figure]):
            error = lambda values: values.std(ddof=1) / math.sqrt(len(values))
            pair = [f"{values.mean():.4f} ± {error(values):.4f}" for values in (ours[:, at], theirs[:, at])]
            difference = ours[:, at] - theirs[:, at]
            errors = difference.mean() / max(error(difference), 1e-300)
            print(f"{name:14} {of:10} {pair[0]:>17} {pair[1]:>17} {difference.mean():+9.4f} = {errors:+5.2f} s. e.")
    if write:
        (FOLDER / "pytorch.csv").write_text("\n".join(["data,seed,test_loss,figure", *known, ""]))


main(*sys.argv[1:])
