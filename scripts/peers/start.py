"""The state in which every peer begins: what misfit's own lanes begin with, so that losses can be compared."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from networks import Network


@dataclass
class Start:
    """Stacked over lanes, in float32: `weights[layer]` is [lanes, inputs, outputs], `biases[layer]` [lanes, outputs]."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    inputs: np.ndarray  # [lanes, batch, columns]
    targets: np.ndarray  # [lanes, batch, numbers], or [lanes, batch] places of classes
    test_inputs: np.ndarray  # [points, columns]
    test_targets: np.ndarray  # as the targets of a lane

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


def read(path: Path, network: Network) -> Start:
    """Reads what `throughput misfit` wrote."""
    found = json.loads(path.read_text())

    def inputs(values: list[float]) -> np.ndarray:
        return np.array(values, np.float32).reshape(-1, found["columns"])

    def targets(values: list[float]) -> np.ndarray:
        return np.array(values, np.int32) if network.classes else np.array(values, np.float32).reshape(-1, found["width"])

    lanes = found["lanes"]
    tensors = [np.array([lane["parameters"][i] for lane in lanes], np.float32) for i in range(len(lanes[0]["parameters"]))]
    biases = tensors[1::2]
    weights = [w.reshape(len(lanes), -1, b.shape[1]) for w, b in zip(tensors[::2], biases)]
    return Start(
        weights,
        biases,
        np.stack([inputs(lane["inputs"]) for lane in lanes]),
        np.stack([targets(lane["targets"]) for lane in lanes]),
        inputs(found["test_inputs"]),
        targets(found["test_targets"]),
    )
