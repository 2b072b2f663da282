"""Losses and gradients by PyTorch's own functions and by Keras' on PyTorch: python tests/losses.py [all] > tests/losses.csv
and then by Keras on TensorFlow: python tests/losses.py tensorflow >> tests/losses.csv

Needs torch and keras, or tensorflow. Without `all` it prints the part that is committed. tests/losses.rs has the same
inputs, parameters and targets, and computes each row by misfit. A loss by both is printed once, after they were found to
agree.
"""

import csv
import os
import sys

TENSORFLOW = "tensorflow" in sys.argv[1:]
os.environ["KERAS_BACKEND"] = "tensorflow" if TENSORFLOW else "torch"
import keras

if TENSORFLOW:
    import numpy as np
    import tensorflow as tf
else:
    import torch
    import torch.nn.functional as F

X = [[0.9, -0.4, 0.3], [-0.7, 0.8, 0.5], [0.2, 0.1, -0.9], [0.6, 0.7, -0.2], [-0.3, -0.8, 0.4], [0.1, 0.5, 0.8]]
WEIGHTS = [[1.1, -0.6, 0.4], [-0.3, 0.9, 0.7], [0.5, 0.2, -0.8]]
BIASES = [0.2, -0.1, 0.3]
NUMBERS = [[0.7, -1.2, 0.0], [2.5, 0.3, 1.0], [-0.4, 0.9, 3.0], [1.1, 0.0, 0.2], [0.6, 4.0, -0.8], [0.1, 0.5, 0.9]]
SWITCHES = [[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 1]]
THREE = [0, 2, 1, 0, 1, 2]
TWO = [0, 1, 1, 0, 1, 0]
# What the classes are called, where they are numbers as they stand.
NAMES = {2: [3, 4], 3: [2, 5, 9]}

# By name, for either library; sigmoid and softmax are spelt out, since Keras would look behind TensorFlow's own.
OUTPUTS = {
    "identity": lambda z: z,
    "relu": lambda z: tf.nn.relu(z) if TENSORFLOW else torch.relu(z),
    "sigmoid": lambda z: 1 / (1 + tf.exp(-z)) if TENSORFLOW else torch.sigmoid(z),
    "tanh": lambda z: tf.tanh(z) if TENSORFLOW else torch.tanh(z),
    "softmax": lambda z: tf.exp(z) / tf.reduce_sum(tf.exp(z), -1, keepdims=True) if TENSORFLOW else torch.softmax(z, -1),
    "log_softmax": lambda z: torch.log_softmax(z, -1),
}
LOSSES = ["mse", "sse", "mae", "huber", "log_cosh", "mape", "poisson", "hinge", "nll"]
LOSSES = [(kind, "") for kind in LOSSES]
LOSSES += [(kind, of) for kind in ["bce", "cross_entropy"] for of in ["logits", "probabilities", "log_probabilities"]]


def targets(target, labels):
    """What the loss takes, and how many classes there are."""
    if target == "numbers":
        return torch.tensor(NUMBERS), 0
    if target == "labels":
        y = torch.tensor(SWITCHES, dtype=torch.float32)
        return (2 * y - 1 if labels == "plus-minus" else y), 0
    classes, count = (TWO, 2) if target == "two" else (THREE, 3)
    places = torch.tensor(classes)
    if labels == "index":
        return places.float()[:, None], count
    if labels == "number":
        return torch.tensor(NAMES[count], dtype=torch.float32)[places][:, None], count
    one_hot = F.one_hot(places, count).float()
    if labels == "one-hot":
        return one_hot, count
    return (2 * places.float()[:, None] - 1 if count == 2 else 2 * one_hot - 1), count


def by_pytorch(kind, of, p, y, sparse):
    """The elements, or rows, of a loss; none where PyTorch has no such loss."""
    if kind in ["cross_entropy", "nll"]:
        if sparse and p.shape[1] > 1:
            y = y[:, 0].long()
            if kind == "nll" or of == "log_probabilities":
                return F.nll_loss(p, y, reduction="none")
            return F.cross_entropy(p, y, reduction="none") if of == "logits" else None
        if of == "logits" and not sparse and p.shape == y.shape:
            return F.cross_entropy(p, y, reduction="none")
        return None
    p, y = torch.broadcast_tensors(p, y)
    if kind in ["mse", "sse"]:
        return F.mse_loss(p, y, reduction="none")
    if kind == "mae":
        return F.l1_loss(p, y, reduction="none")
    if kind == "huber":
        return F.huber_loss(p, y, reduction="none")
    if kind == "poisson":
        return F.poisson_nll_loss(p, y, log_input=False, eps=1e-7, reduction="none")
    if kind == "bce" and of == "logits":
        return F.binary_cross_entropy_with_logits(p, y, reduction="none")
    if kind == "bce" and of == "log_probabilities" and y.min() >= 0 and y.max() <= 1 and p.max() < 0:
        return F.binary_cross_entropy(p.exp(), y, reduction="none")
    return None


def by_keras(kind, of, p, y, sparse):
    """The same by Keras, which has the mean over a row where PyTorch has its elements."""
    losses = keras.losses
    if kind == "cross_entropy":
        # Of one unit both are taken from [N, 1]; of an index Keras on TensorFlow does something else with probabilities.
        if not sparse and p.shape == y.shape and of == "probabilities":
            return losses.categorical_crossentropy(y, p)
        return None
    if kind == "nll":
        return None
    p, y = torch.broadcast_tensors(p, y)
    if kind == "hinge" and set(y.flatten().tolist()) == {-1.0, 1.0}:
        return losses.hinge(y, p)
    if kind == "bce" and of == "probabilities" and y.min() >= 0 and y.max() <= 1:
        return losses.binary_crossentropy(y, p)
    found = {
        "mse": losses.mean_squared_error,
        "mae": losses.mean_absolute_error,
        "huber": losses.huber,
        "log_cosh": losses.log_cosh,
        "mape": losses.mean_absolute_percentage_error,
        "poisson": losses.poisson,
    }.get(kind)
    return found(y, p) if found else None


def derived(of, kind, reduction, output, units, y, loss):
    """A loss and its gradient by the weights and biases."""
    weights = torch.tensor(WEIGHTS)[:, :units].clone().requires_grad_()
    biases = torch.tensor(BIASES)[:units].clone().requires_grad_()
    p = OUTPUTS[output](torch.tensor(X) @ weights + biases)
    elements = loss(p, y)
    if elements is None:
        return None
    if reduction == "mean":
        value = elements.mean()
    else:
        # Keras has a mean over each row.
        elements_of_a_row = max(p.shape[1], y.shape[1]) if of == "keras" and kind != "cross_entropy" else 1
        value = elements.sum() * elements_of_a_row
    value.backward()
    return [value.item(), *weights.grad.flatten().tolist(), *biases.grad.tolist()]


def close(a, b):
    return all(abs(x - y) <= 2e-6 * (1 + abs(y)) or x != x and y != y for x, y in zip(a, b))


def on_tensorflow(writer):
    """The losses of places of classes from probabilities, where Keras depends on what is below it."""
    places = np.array(THREE)
    for output in ["identity", "relu", "sigmoid", "tanh", "softmax"]:
        weights, biases = tf.Variable(WEIGHTS), tf.Variable(BIASES)
        with tf.GradientTape() as tape:
            p = OUTPUTS[output](tf.constant(X) @ weights + biases)
            value = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(places, p))
        numbers = np.concatenate([np.ravel(of) for of in [value, *tape.gradient(value, [weights, biases])]])
        loss, *gradient = (f"{number:.8g}" for number in numbers)
        row = ["three", "index", 3, output, "cross_entropy", "probabilities", "mean", "keras on tensorflow", loss]
        writer.writerow(row + [" ".join(gradient)])


def main():
    whole = "all" in sys.argv[1:]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if TENSORFLOW:
        return on_tensorflow(writer)
    writer.writerow("target labels outputs output kind from reduction by loss gradient".split())
    cases = [("numbers", ""), ("labels", ""), ("labels", "plus-minus")]
    cases += [(target, labels) for target in ["two", "three"] for labels in ["index", "one-hot", "plus-minus", "number"]]
    nth = 0
    for target, labels in cases:
        y, count = targets(target, labels)
        for kind, of in LOSSES:
            sparse = labels == "index" and kind in ["cross_entropy", "nll"]
            width = y.shape[1]
            for units in [1, 2, 3]:
                if not (units in [width, 1] or width == 1 and (not sparse or units >= count)):
                    continue
                for output in OUTPUTS:
                    for reduction in ["sum"] if kind == "sse" else ["mean", "sum"]:
                        found = {}
                        for by, function in [("pytorch", by_pytorch), ("keras", by_keras)]:
                            loss = lambda p, y: function(kind, of, p, y, sparse)
                            numbers = derived(by, kind, reduction, output, units, y, loss)
                            if numbers:
                                found[by] = numbers
                        if not found:
                            continue
                        first = next(iter(found.values()))
                        assert all(close(first, other) for other in found.values()), (target, labels, kind, of, found)
                        nth += 1
                        if whole or nth % 11 == 0:
                            loss, *gradient = (f"{number:.8g}" for number in first)
                            writer.writerow(
                                [target, labels, units, output, kind, of, reduction, "+".join(found), loss]
                                + [" ".join(gradient)]
                            )


main()
