"""The state in which every peer begins: what misfit's own lanes begin with, so that losses can be compared."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Start:
    """Stacked over lanes, in float32: `weights[layer]` is [lanes, inputs, outputs], `biases[layer]` [lanes, outputs]."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    inputs: np.ndarray  # [lanes, batch, 1]
    targets: np.ndarray  # [lanes, batch, 1]
    test_inputs: np.ndarray  # [points, 1]
    test_targets: np.ndarray  # [points, 1]

    def lanes(self, count: int) -> "Start":
        """The first `count` lanes; of more than there are, lane i begins as lane i modulo those."""
        pick = np.arange(count) % len(self.inputs)
        return Start(
            [w[pick] for w in self.weights],
            [b[pick] for b in self.biases],
            self.inputs[pick],
            self.targets[pick],
            self.test_inputs,
            self.test_targets,
        )


def read(path: Path) -> Start:
    """Reads what `throughput misfit` wrote. The batch and the test points are columns, as frameworks take them."""
    found = json.loads(path.read_text())

    def column(values: list[float]) -> np.ndarray:
        return np.array(values, np.float32)[:, None]

    lanes = found["lanes"]
    tensors = [np.array([lane["parameters"][i] for lane in lanes], np.float32) for i in range(len(lanes[0]["parameters"]))]
    biases = tensors[1::2]
    weights = [w.reshape(len(lanes), -1, b.shape[1]) for w, b in zip(tensors[::2], biases)]
    return Start(
        weights,
        biases,
        np.stack([column(lane["inputs"]) for lane in lanes]),
        np.stack([column(lane["targets"]) for lane in lanes]),
        column(found["test_inputs"]),
        column(found["test_targets"]),
    )
