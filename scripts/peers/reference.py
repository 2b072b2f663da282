"""What all peers are held against: the same training in float64, by a backward pass written out, one model at a time."""

import numpy as np
from start import Start

RATE, BETAS, EPS = 1e-3, (0.9, 0.999), 1e-8
ACTIVATIONS = {"relu": lambda z: np.maximum(z, 0.0), "tanh": np.tanh}
SLOPES = {"relu": lambda h: h > 0.0, "tanh": lambda h: 1.0 - h * h}
"""By what the activation puts out."""


def forward(layers: list[np.ndarray], inputs: np.ndarray, activation: str) -> list[np.ndarray]:
    """What each layer is given, and last what the network puts out. `layers` holds weights and biases by turns."""
    passed = [inputs]
    for at in range(0, len(layers), 2):
        z = passed[-1] @ layers[at] + layers[at + 1]
        passed.append(z if at + 2 == len(layers) else ACTIVATIONS[activation](z))
    return passed


def gradient(layers: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray, activation: str) -> list[np.ndarray]:
    """Of the mean squared error."""
    passed = forward(layers, inputs, activation)
    found: list[np.ndarray] = []
    back = 2.0 * (passed[-1] - targets) / targets.size
    for layer in reversed(range(len(layers) // 2)):
        found = [passed[layer].T @ back, back.sum(axis=0)] + found
        back = (back @ layers[2 * layer].T) * SLOPES[activation](passed[layer])
    return found


def losses(start: Start, lane: int, steps: int, activation: str) -> tuple[float, float]:
    """A lane's loss on its batch and on the test points after this many updates."""
    layers = [np.float64(tensor[lane]) for pair in zip(start.weights, start.biases) for tensor in pair]
    inputs, targets = np.float64(start.inputs[lane]), np.float64(start.targets[lane])
    first = [np.zeros_like(tensor) for tensor in layers]
    second = [np.zeros_like(tensor) for tensor in layers]
    for step in range(1, steps + 1):
        for tensor, g, m, v in zip(layers, gradient(layers, inputs, targets, activation), first, second):
            m += (1 - BETAS[0]) * (g - m)
            v += (1 - BETAS[1]) * (g * g - v)
            mean, square = m / (1 - BETAS[0] ** step), v / (1 - BETAS[1] ** step)
            tensor -= RATE * mean / (np.sqrt(square) + EPS)
    ends = ((inputs, targets), (np.float64(start.test_inputs), np.float64(start.test_targets)))
    train, test = (float(np.mean((forward(layers, x, activation)[-1] - y) ** 2)) for x, y in ends)
    return train, test
