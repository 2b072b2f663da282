"""Lines of training scripts as Python reads and runs them: python tests/code_lines.py < lines.jsonl > answers.jsonl

One JSON object a line in, one out: {"error": null}, or what was raised. Without "framework" a line is only parsed. Else it
runs beside a network of 3 inputs (1 where "columns" says so) and 16 hidden units, by the usual names: model, x, y, loss,
optimizer, params, … A layer must give the outputs that it says, a loss one finite number with a gradient, an optimizer a step.

A case has framework, line, columns, outputs, target (numbers, places, one-hot) and output, the last layer's activation.
"""

import ast
import io
import json
import math
import sys
from contextlib import redirect_stdout


def data(case, np):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, case["columns"])).astype("float32")
    outputs = case["outputs"]
    places = np.arange(8) % max(outputs, 2)
    y = {
        "numbers": (np.arange(8 * outputs).reshape(8, outputs) % 2).astype("float32"),
        "places": places,
        "one-hot": np.eye(max(outputs, 2), dtype="float32")[places],
    }[case["target"]]
    return x, y


def finite(value):
    assert math.isfinite(float(value)), f"{value} is no finite number"


def has(layer, units, rows=8):
    assert tuple(layer.shape) == (rows, units), f"{tuple(layer.shape)} in place of {(rows, units)}"


def run(line, names):
    """Runs a line; the value of what is an expression."""
    code = line.split("  # ")[0]
    tree = ast.parse(code)
    if len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
        return eval(compile(ast.Expression(tree.body[0].value), "line", "eval"), names)
    exec(code, names)


def pytorch(case):
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    x, y = map(torch.tensor, data(case, np))
    last = {"softmax": nn.Softmax(dim=1), "sigmoid": nn.Sigmoid(), "log_softmax": nn.LogSoftmax(dim=1)}
    layers = [nn.Linear(case["columns"], 16), nn.ReLU(), nn.Linear(16, case["outputs"]), last.get(case["output"], nn.Identity())]
    model = nn.Sequential(*layers)
    if "squeeze" in case["line"]:
        y = y[:, 0]
    names = {"torch": torch, "nn": nn, "F": F, "np": np, "DataLoader": DataLoader, "TensorDataset": TensorDataset}
    names |= {"model": model, "x": x, "y": y, "optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}
    names |= {"epoch": 5, "best_epoch": 1}
    model(x).sum().backward()
    value = run(case["line"], names)
    if case["line"].startswith("nn.Linear"):
        layers = value if isinstance(value, tuple) else (value,)
        has(nn.Sequential(*layers)(torch.randn(8, 16)), case["outputs"])
    if "loss" in names:
        finite(names["loss"].detach())
        names["loss"].backward()
    has(names["model"](names["x"]), case["outputs"], len(names["x"]))
    names["optimizer"].step()
    for batch in names.get("loader", []):
        assert len(batch) == 2


def by_keras(case):
    import keras
    import numpy as np

    x, y = data(case, np)
    last = None if case["output"] == "identity" else case["output"]
    model = keras.Sequential([keras.layers.Dense(16, "relu"), keras.layers.Dense(case["outputs"], last)])
    model(x)
    optimizer = keras.optimizers.SGD(0.1)
    loss = "sparse_categorical_crossentropy" if case["target"] == "places" else "mse"
    model.compile(optimizer, loss)
    optimizer.build(model.trainable_variables)
    gradients = [np.zeros(v.shape, "float32") for v in model.trainable_variables]
    names = {"keras": keras, "np": np, "model": model, "x": x, "y": y, "optimizer": optimizer, "loss": loss}
    names |= {"gradients": gradients, "x_test": x, "y_test": y}
    value = run(case["line"], names)
    if case["line"].startswith("keras.layers.Dense"):
        has(value(np.zeros((8, 16), "float32")), case["outputs"])
    model = names["model"]
    has(model(names["x"]), case["outputs"], len(names["x"]))
    optimizer = keras.optimizers.SGD(0.1) if optimizer is names["optimizer"] else names["optimizer"]
    model.compile(optimizer, names["loss"])
    x, y = names["x"], names["y"]
    if len(x) == len(y):
        finite(np.ravel(model.train_on_batch(x, y))[0])


def flax(case):
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
    from flax.training.early_stopping import EarlyStopping

    x, y = data(case, np)
    key = jax.random.key(0)
    line = case["line"]
    last = {"softmax": nn.softmax, "sigmoid": nn.sigmoid, "log_softmax": nn.log_softmax}

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            if line.startswith("x = nn."):
                names = {"nn": nn, "jax": jax, "jnp": jnp, "x": x, "train": train}
                run(line, names)
                return names["x"]
            x = nn.Dense(case["outputs"])(nn.relu(nn.Dense(16)(x)))
            return last.get(case["output"], lambda x: x)(x)

    of = np.zeros((8, 16), "float32") if "# last layer" in line else x
    model = Network()
    params = model.init(key, of)
    has(model.apply(params, of), case["outputs"])
    model.apply(params, of, train=True, rngs={"dropout": key}, mutable=["batch_stats"])
    if "squeeze" in line:
        y = y[:, 0]
    optimizer = optax.sgd(0.1)
    names = {"nn": nn, "jax": jax, "jnp": jnp, "np": np, "optax": optax, "EarlyStopping": EarlyStopping, "key": key}
    names |= {"model": model, "params": params, "x": x, "y": y, "optimizer": optimizer}
    names |= {"p": model.apply(params, of), "loss_fn": lambda params, x, y: ((model.apply(params, x) - y) ** 2).mean()}
    if not line.startswith("x = nn."):
        run(line, names)
    if "loss" in names:
        finite(names["loss"])
    if "early_stop" in names:
        assert not names["early_stop"].update(1.0).should_stop
    optimizer = names["optimizer"]
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    optax.apply_updates(params, updates)


def main():
    for text in sys.stdin:
        case = json.loads(text)
        error = None
        try:
            ast.parse(case["line"])
            by = {"pytorch": pytorch, "keras": by_keras, "flax": flax}.get(case.get("framework"))
            if by:
                with redirect_stdout(io.StringIO()):
                    by(case)
        except Exception as wrong:
            error = f"{type(wrong).__name__}: {wrong}"
        print(json.dumps({"error": error}), flush=True)


main()
