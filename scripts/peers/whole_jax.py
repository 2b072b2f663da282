"""The same as whole_torch.py as one writes it in JAX: all steps in one jit-compiled scan, the CSV from its arrays.

Usage: whole_jax.py START.npz CURVE.csv
"""

import csv
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

STEPS = 10_000


def mse(layers, inputs, targets):
    for weights, biases in layers[:-1]:
        inputs = jax.nn.relu(inputs @ weights + biases)
    weights, biases = layers[-1]
    return jnp.mean((inputs @ weights + biases - targets) ** 2)


optimizer = optax.adam(1e-3)


@jax.jit
def train(layers, inputs, targets, test_inputs, test_targets):
    def step(state, _):
        layers, moments = state
        test_loss = mse(layers, test_inputs, test_targets)
        loss, gradient = jax.value_and_grad(mse)(layers, inputs, targets)
        updates, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(layers, updates), moments), (loss, test_loss)

    return jax.lax.scan(step, (layers, optimizer.init(layers)), length=STEPS)[1]


start = {name: jnp.asarray(values) for name, values in np.load(sys.argv[1]).items()}
layers = [(start[f"weights{at}"], start[f"biases{at}"]) for at in range(3)]
losses, test_losses = train(
    layers, start["inputs"], start["targets"], start["test_inputs"], start["test_targets"]
)

with open(sys.argv[2], "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["step", "train_loss", "test_loss"])
    writer.writerows(zip(range(STEPS), losses.tolist(), test_losses.tolist()))
