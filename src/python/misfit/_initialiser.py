"""Which initialiser draws such weights and biases."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._taken import Array


def initialiser(weights: list[Array]) -> str | dict[str, Any] | None:
    """The format's word for what draws such weights `[outputs, inputs]`; `None` if it has none."""
    if all(not weight.any() for weight in weights):
        return "zeros"
    fans = [(weight.shape[1], weight.shape[0]) for weight in weights]
    scales: list[tuple[str, Callable[[Array], Array], Callable[[int, int], float]]] = [
        ("pytorch", _uniform, lambda i, o: math.sqrt(1 / i)),
        ("glorot_uniform", _uniform, lambda i, o: math.sqrt(6 / (i + o))),
        ("kaiming_uniform", _uniform, lambda i, o: math.sqrt(6 / i)),
        ("lecun_uniform", _uniform, lambda i, o: math.sqrt(3 / i)),
        ("kaiming_normal", _normal, lambda i, o: math.sqrt(2 / i)),
        ("glorot_normal", _normal, lambda i, o: math.sqrt(2 / (i + o))),
    ]
    for word, law, scale in scales:
        drawn = np.concatenate([weight.ravel() / scale(*fan) for weight, fan in zip(weights, fans)])
        if _agrees(drawn, law):
            return word
    all_of_them = np.concatenate([weight.ravel() for weight in weights]).astype(float)
    if len(all_of_them) >= 20:
        bound, deviation = float(f"{np.abs(all_of_them).max():.1g}"), float(f"{all_of_them.std():.1g}")
        if bound and _agrees(all_of_them / bound, _uniform):
            return {"uniform": [-bound, bound]}
        if deviation and _agrees(all_of_them / deviation, _normal):
            return {"normal": [0.0, deviation]}
    return None


def bias_initialiser(weights: list[Array], biases: list[Array]) -> str | None:
    if all(not bias.any() for bias in biases):
        return "zeros"
    drawn = np.concatenate([bias * math.sqrt(weight.shape[1]) for weight, bias in zip(weights, biases)])
    return "pytorch" if _agrees(drawn, _uniform) else None


def _agrees(values: Array, law: Callable[[Array], Array]) -> bool:
    """Whether numbers look drawn from a law with this distribution function: Kolmogorov–Smirnov test, p > 0.001."""
    ordered = np.sort(values)
    count = len(ordered)
    cumulated = law(ordered)
    above = (np.arange(1, count + 1) / count - cumulated).max()
    below = (cumulated - np.arange(count) / count).max()
    return bool(max(above, below) * math.sqrt(count) < 1.95)


def _uniform(values: Array) -> Array:
    inside: Array = np.where(np.abs(values) <= 1.000001, (values + 1) / 2, np.inf)
    return inside


def _normal(values: Array) -> Array:
    return np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in values])
