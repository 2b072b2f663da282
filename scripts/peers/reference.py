"""What all peers are held against: the same training in float64, by a backward pass written out, one model at a time."""

import numpy as np
from networks import Network
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


def shares(logits: np.ndarray) -> np.ndarray:
    """Their softmax."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def loss(outputs: np.ndarray, targets: np.ndarray, classes: bool) -> float:
    if classes:
        return float(-np.mean(np.log(shares(outputs)[np.arange(len(targets)), targets])))
    return float(np.mean((outputs - targets) ** 2))


def slope(outputs: np.ndarray, targets: np.ndarray, classes: bool) -> np.ndarray:
    """The loss' derivative by the outputs."""
    if classes:
        return (shares(outputs) - np.eye(outputs.shape[1])[targets]) / len(targets)
    return 2.0 * (outputs - targets) / targets.size


def gradient(layers: list[np.ndarray], inputs: np.ndarray, targets: np.ndarray, network: Network) -> list[np.ndarray]:
    passed = forward(layers, inputs, network.activation)
    found: list[np.ndarray] = []
    back = slope(passed[-1], targets, network.classes)
    for layer in reversed(range(len(layers) // 2)):
        found = [passed[layer].T @ back, back.sum(axis=0)] + found
        back = (back @ layers[2 * layer].T) * SLOPES[network.activation](passed[layer])
    return found


def losses(start: Start, lane: int, steps: int, network: Network) -> tuple[float, float]:
    """A lane's loss on its batch and on the test points after this many updates."""
    layers = [np.float64(tensor[lane]) for pair in zip(start.weights, start.biases) for tensor in pair]
    inputs, targets = np.float64(start.inputs[lane]), start.targets[lane]
    first = [np.zeros_like(tensor) for tensor in layers]
    second = [np.zeros_like(tensor) for tensor in layers]
    for step in range(1, steps + 1):
        for tensor, g, m, v in zip(layers, gradient(layers, inputs, targets, network), first, second):
            m += (1 - BETAS[0]) * (g - m)
            v += (1 - BETAS[1]) * (g * g - v)
            mean, square = m / (1 - BETAS[0] ** step), v / (1 - BETAS[1] ** step)
            tensor -= RATE * mean / (np.sqrt(square) + EPS)
    ends = ((inputs, targets), (np.float64(start.test_inputs), start.test_targets))
    train, test = (loss(forward(layers, x, network.activation)[-1], y, network.classes) for x, y in ends)
    return train, test
