"""PyTorch, and what all code that is written for it needs."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._taken import Array

if TYPE_CHECKING:
    #: PyTorch's types are not asked for: the package is checked where there is no PyTorch.
    torch: Any
else:
    import torch
    import torch.fx

nn: Any = torch.nn
F: Any = torch.nn.functional

#: Layers that are otherwise in training than in evaluation, which a trace would fix.
TWO_MODES = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "BatchNorm", "RReLU", "InstanceNorm")


@contextmanager
def quiet() -> Iterator[None]:
    """Without PyTorch's warnings, and with the user's random numbers as they were."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def numbers(tensor: Any) -> Array:
    """A copy as an array of f32."""
    found: Array = tensor.detach().cpu().float().numpy().copy()
    return found


def listed(names: list[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def shape_of_rows(rest: Iterable[int]) -> str:
    """The shape of rows in words: "[rows, 3]"."""
    return f"[{', '.join(['rows', *map(str, rest)])}]"


def first_line(error: BaseException) -> str:
    """The first line of an error that says something, no longer than a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 160 else text[:157] + "…"
