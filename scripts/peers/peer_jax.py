"""The JAX peer: all steps of a measurement in one jit-compiled scan; several models with vmap; optax's Adam.

Usage: peer_jax.py START DEVICE NETWORK. Losses of the evaluation are outputs of the scan.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from networks import NETWORKS
from serve import Start, serve

Layer = tuple[jax.Array, jax.Array]
NETWORK = NETWORKS[sys.argv[3]]
ACTIVATION = {"relu": jax.nn.relu, "tanh": jnp.tanh}[NETWORK.activation]


def network(layers: list[Layer], inputs: jax.Array) -> jax.Array:
    for weights, biases in layers[:-1]:
        inputs = ACTIVATION(inputs @ weights + biases)
    weights, biases = layers[-1]
    return inputs @ weights + biases


def loss_of(layers: list[Layer], inputs: jax.Array, targets: jax.Array) -> jax.Array:
    outputs = network(layers, inputs)
    if NETWORK.classes:
        return optax.softmax_cross_entropy_with_integer_labels(outputs, targets).mean()
    return jnp.mean((outputs - targets) ** 2)


class Scan:
    """Models in training: one plain, several under vmap."""

    def __init__(self, start: Start, lanes: int, evaluate: bool) -> None:
        plain = lanes == 1
        self.loss = loss_of if plain else jax.vmap(loss_of)
        self.test_loss = loss_of if plain else jax.vmap(loss_of, in_axes=(0, None, None))
        self.gradient = jax.grad(loss_of) if plain else jax.vmap(jax.grad(loss_of))
        pick = (lambda a: jnp.asarray(a[0])) if plain else jnp.asarray
        layers = [(pick(w), pick(b)) for w, b in zip(start.weights, start.biases)]
        self.batch = pick(start.inputs), pick(start.targets)
        self.test = jnp.asarray(start.test_inputs), jnp.asarray(start.test_targets)
        self.optimizer = optax.adam(1e-3)
        self.state = layers, self.optimizer.init(layers)
        self.evaluate = evaluate
        self.compiled: dict[int, jax.stages.Compiled] = {}

    def steps(self, count: int, state, batch, test):
        """`count` updates; the test losses before each of them if they are wanted."""

        def step(state, _):
            layers, moments = state
            measured = self.test_loss(layers, *test) if self.evaluate else None
            updates, moments = self.optimizer.update(self.gradient(layers, *batch), moments)
            return (optax.apply_updates(layers, updates), moments), measured

        return jax.lax.scan(step, state, length=count)

    def prepare(self, steps: int) -> None:
        if steps not in self.compiled:
            lowered = jax.jit(self.steps, static_argnums=0).lower(steps, self.state, self.batch, self.test)
            self.compiled[steps] = lowered.compile()
            jax.block_until_ready(self.compiled[steps](self.state, self.batch, self.test))

    def advance(self, steps: int) -> None:
        self.state, measured = self.compiled[steps](self.state, self.batch, self.test)
        jax.block_until_ready(self.state)
        if measured is not None:
            np.asarray(measured)

    def losses(self) -> tuple[list[float], list[float]]:
        layers = self.state[0]
        train, test = self.loss(layers, *self.batch), self.test_loss(layers, *self.test)
        return np.atleast_1d(train).tolist(), np.atleast_1d(test).tolist()


if __name__ == "__main__":
    serve(Scan, f"jax {jax.__version__}", NETWORK)
