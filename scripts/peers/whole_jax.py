"""The same as whole_torch.py as one writes it in JAX: all steps in one jit-compiled scan, the CSV from its arrays.

Usage: whole_jax.py CURVE.csv
"""

import csv
import sys

import jax
import jax.numpy as jnp
import optax

STEPS = 10_000


def init(key, sizes):
    """U(±√(1/inputs)) for weights and biases, as PyTorch begins."""
    layers = []
    for key, ins, outs in zip(jax.random.split(key, len(sizes) - 1), sizes[:-1], sizes[1:]):
        weights, biases = jax.random.split(key)
        bound = ins**-0.5
        layers.append(
            (
                jax.random.uniform(weights, (ins, outs), minval=-bound, maxval=bound),
                jax.random.uniform(biases, (outs,), minval=-bound, maxval=bound),
            )
        )
    return layers


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


key, data = jax.random.split(jax.random.key(0))
inputs = jax.random.uniform(data, (32, 1))
test_inputs = jnp.linspace(0, 1, 100)[:, None]
losses, test_losses = train(
    init(key, [1, 40, 40, 1]), inputs, inputs**2 + inputs, test_inputs, test_inputs**2 + test_inputs
)

with open(sys.argv[1], "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["step", "train_loss", "test_loss"])
    writer.writerows(zip(range(STEPS), losses.tolist(), test_losses.tolist()))
