"""The networks that are measured, by name. What they learn from is made by `throughput misfit`, which writes where all begin."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    title: str
    activation: str  # of the hidden layers
    classes: bool = False  # cross-entropy of logits by the place of a class; else the mean squared error
    lanes: tuple[int, ...] = (1, 4, 16, 64, 256)
    starts: int = 256


NETWORKS = {
    "relu": Network("1–40–40–1, ReLU, batch 32", "relu"),
    "tanh": Network("1–40–40–1, tanh, batch 32", "tanh"),
    "classifier": Network("64–32–32–10, ReLU, cross-entropy, batch 64", "relu", classes=True),
    "simplechains": Network("4–32–16–4, tanh, full batch of 10 000", "tanh", lanes=(1,), starts=1),
}
