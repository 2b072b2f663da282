"""The loss and its targets: a loss that the format has, or a module of TorchScript."""

import copy
import functools
import inspect
import math
from typing import Any

import numpy as np

from ._taken import (
    Array,
    CannotTake,
    Notes,
    Taken,
    check_rows,
    class_targets,
    is_one_hot,
    labels,
    number_or_class,
    number_targets,
    only_01,
    target_array,
)
from ._torch import F, first_line, nn, shape_of_rows, torch
from ._torch_module import predictions
from ._torch_script import saved, scripted


def set_loss(
    taken: Taken, loss: Any, bare: Any, x: Array, y: Any, y_test: Any, maximize: bool
) -> tuple[Array, Array | None]:
    """Sets the loss' keys and how targets reach it; the targets as they are written."""
    notes = taken.notes
    loss = _as_module(loss)
    if not isinstance(loss, nn.Module) and not callable(loss):
        raise CannotTake(f"loss is {type(loss).__name__}: expected one of PyTorch's, as nn.MSELoss(), or a function")
    known = _known(loss) if isinstance(loss, nn.Module) else None
    family = known[0] if known else "module"
    whole = _targets(y, family, notes, "y")
    check_rows(x, whole)
    if known is None and not isinstance(loss, nn.Module):
        same = _by_value(loss, bare, x, whole)
        if same is not None:
            notes.say(f"the loss is {same} by its values: it is taken over as that")
            loss, known, family = same, _known(same), "numbers"
            whole = _targets(y, family, notes, "y")
    tested = None if y_test is None else _targets(y_test, family, notes, "y_val").astype(whole.dtype)
    if tested is not None and tested.shape[1:] != whole.shape[1:]:
        raise CannotTake(
            f"y_val has rows of {list(tested.shape[1:])}, y of {list(whole.shape[1:])}: give them the same shape"
        )
    size = taken.keys["batch"]["size"]
    rows = min(len(x), 64, len(x) if size == "all" else size)
    prediction = _tried(bare, loss, x, whole, rows)
    rest = tuple(prediction.shape[1:])
    target = whole.shape[1:]
    both = whole if tested is None else np.concatenate([whole, tested])
    if maximize:
        taken.notes.say("the optimizer maximizes: the loss is its negative, which is the same")
        known = None
    if known is not None:
        keys = dict(known[1])
        fits = _fits(taken, family, keys, rest, target, both)
        if fits is not None:
            for key, value in keys.items():
                taken.set(f"loss.{key}", value, fits if key == "pairing" else "")
            taken.comments.setdefault("loss.kind", f"nn.{type(loss).__name__}")
            return _written(taken, family, whole, tested, both)
    return _loss_module(taken, loss, prediction, whole, tested, both, maximize)


def _as_module(loss: Any) -> Any:
    """One of PyTorch's losses for one of its functions."""
    keywords: dict[str, Any] = {}
    if isinstance(loss, functools.partial) and not loss.args:
        loss, keywords = loss.func, loss.keywords
    named = {
        F.mse_loss: nn.MSELoss,
        F.l1_loss: nn.L1Loss,
        F.huber_loss: nn.HuberLoss,
        F.smooth_l1_loss: nn.SmoothL1Loss,
        F.cross_entropy: nn.CrossEntropyLoss,
        F.nll_loss: nn.NLLLoss,
        F.binary_cross_entropy: nn.BCELoss,
        F.binary_cross_entropy_with_logits: nn.BCEWithLogitsLoss,
        F.poisson_nll_loss: nn.PoissonNLLLoss,
    }
    if inspect.isclass(loss):
        raise CannotTake(f"loss is the class {loss.__name__}: give an object, as nn.{loss.__name__}()")
    if loss in named.keys():
        return named[loss](**keywords)
    return functools.partial(loss, **keywords) if keywords else loss


def _known(loss: Any) -> tuple[str, dict[str, Any]] | None:
    """What family of losses it is, and its keys; `None` if the format has no word for it."""
    kind = type(loss)
    reduction = getattr(loss, "reduction", "mean")
    if reduction == "none":
        raise CannotTake(
            f"{kind.__name__}(reduction='none') puts out a loss for each row: give a function that makes one number of "
            "it, as lambda prediction, y: loss(prediction, y).mean()"
        )
    keys: dict[str, Any] = {} if reduction == "mean" else {"reduction": "sum"}
    plain = getattr(loss, "weight", None) is None
    if kind is nn.MSELoss:
        return "numbers", {"kind": "mse", **keys}
    if kind is nn.L1Loss:
        return "numbers", {"kind": "mae", **keys}
    if kind is nn.HuberLoss:
        return "numbers", {"kind": "huber", "delta": float(loss.delta), **keys}
    if kind is nn.SmoothL1Loss and loss.beta == 1.0:
        return "numbers", {"kind": "huber", "delta": 1.0, **keys}
    if kind is nn.SmoothL1Loss and loss.beta == 0.0:
        return "numbers", {"kind": "mae", **keys}
    if kind is nn.PoissonNLLLoss and not loss.log_input and not loss.full and loss.eps == 1e-8:
        return "numbers", {"kind": "poisson", **keys}
    if kind is nn.BCELoss and plain:
        return "labels", {"kind": "bce", "from": "probabilities", **keys}
    if kind is nn.BCEWithLogitsLoss and plain and loss.pos_weight is None:
        return "labels", {"kind": "bce", "from": "logits", **keys}
    if kind is nn.CrossEntropyLoss and plain and loss.label_smoothing == 0.0:
        return "classes", {"kind": "cross_entropy", "from": "logits", **keys}
    if kind is nn.NLLLoss and plain:
        return "classes", {"kind": "nll", **keys}
    return None


def _targets(y: Any, family: str, notes: Notes, what: str) -> Array:
    """Targets as PyTorch's loss would be given them: a tensor as it is, an array in the type that the loss takes."""
    found = target_array(y, what)
    if hasattr(y, "detach"):
        if found.dtype == np.float64:
            notes.say(f"{what} is float64: converted to float32, in which everything is trained")
            return found.astype(np.float32)
        return found
    if family == "classes" and (found.ndim == 1 or found.dtype.kind in "biu"):
        if not (np.asarray(found, dtype=np.float64) % 1 == 0).all():
            raise CannotTake(f"{what} is no classes: expected integers from 0")
        return found.astype(np.int64)
    if family in ("numbers", "labels", "classes"):
        return found.astype(np.float32)
    return number_or_class(found)


def _by_value(loss: Any, bare: Any, x: Array, y: Array) -> Any:
    """PyTorch's loss of numbers with the values and gradients of a function, on numbers of several sizes."""
    if y.dtype.kind != "f":
        return None
    found = predictions(bare, x)
    if found is None:
        return None
    generator = torch.Generator().manual_seed(0)
    candidates = [
        kind(reduction=reduction) for kind in (nn.MSELoss, nn.L1Loss, nn.HuberLoss) for reduction in ("mean", "sum")
    ]
    # Rows of a number of their own, so that no other dimension is taken for them.
    for rows, size in ((5, 1.0), (7, 1e-2), (11, 1e3), (7, 30.0)):
        prediction = size * torch.randn([rows, *found.shape[1:]], generator=generator)
        target = size * torch.randn([rows, *y.shape[1:]], generator=generator)
        try:
            value, slope = _value(loss, prediction, target)
        except Exception:
            return None
        agreeing = []
        for candidate in candidates:
            try:
                other, its_slope = _value(candidate, prediction, target)
            except Exception:
                continue
            close = math.isclose(value, other, rel_tol=1e-5) and bool(
                torch.allclose(slope, its_slope, rtol=1e-4, atol=1e-7 * size)
            )
            if close:
                agreeing.append(candidate)
        candidates = agreeing
    return candidates[0] if len(candidates) == 1 else None


def _value(loss: Any, prediction: Any, target: Any) -> tuple[float, Any]:
    prediction = prediction.clone().requires_grad_()
    value = loss(prediction, target.clone())
    value.backward()
    return float(value), prediction.grad


def _tried(bare: Any, loss: Any, x: Array, y: Array, rows: int) -> Any:
    """Predictions for the first rows, after PyTorch itself made a step's loss and gradient of them."""
    model = copy.deepcopy(bare).train()
    try:
        prediction = model(torch.from_numpy(x[:rows].copy()))
        found = loss(prediction, torch.from_numpy(y[:rows].copy()))
        if not isinstance(found, torch.Tensor) or found.numel() != 1:
            shape = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise CannotTake(f"the loss puts out {shape}: expected one number: take its mean or its sum")
        if not found.requires_grad:
            raise CannotTake(
                "the loss has no gradient: it was detached, as by .item(), .data, .detach() or NumPy on the way"
            )
        found.backward()
    except CannotTake:
        raise
    except Exception as error:
        shapes = f"X {list(x[:rows].shape)} {x.dtype} and y {list(y[:rows].shape)} {y.dtype}"
        raise CannotTake(f"PyTorch itself refuses a step with {shapes}: {first_line(error)}") from None
    return prediction.detach()


def _fits(
    taken: Taken, family: str, keys: dict[str, Any], rest: tuple[int, ...], target: tuple[int, ...], y: Array
) -> str | None:
    """Whether the format's loss is PyTorch's of these shapes; sets `loss.pairing`. What is said of that."""
    if family == "classes":
        if len(rest) != 1:
            return None
        if y.dtype.kind in "biu" and target == ():
            # Other numbers of classes than 0, 1, … would be given other places.
            return "" if labels(y, rest[0]) and not (y < 0).any() else None
        return "" if target == rest and rest[0] > 1 else None
    if family == "numbers" and {rest, target} == {(), (1,)}:
        keys["pairing"] = "broadcast-mean"
        return f"{shape_of_rows(rest)} against {shape_of_rows(target)}: PyTorch pairs each prediction with every target"
    if rest == target and len(rest) <= 1:
        return ""
    if family == "numbers" and len(rest) == len(target) == 1 and 1 in (*rest, *target):
        return ""
    return None


def _written(
    taken: Taken, family: str, y: Array, y_test: Array | None, both: Array
) -> tuple[Array, Array | None]:
    """Targets of a loss that the format has: classes as integers, where they are classes to it."""
    one = int(np.prod(y.shape[1:])) == 1
    if family == "labels" and one and len(np.unique(both)) == 2 and only_01(both):
        return class_targets(taken, y, y_test, "index", "0 and 1 are classes")
    if family == "classes" and y.dtype.kind in "biu":
        return class_targets(taken, y, y_test, "index", "the number of a row's class, from 0")
    return number_targets(taken, y, y_test)


def _loss_module(
    taken: Taken, loss: Any, prediction: Any, y: Array, y_test: Array | None, both: Array, maximize: bool
) -> tuple[Array, Array | None]:
    """A loss as TorchScript, and its targets.

    The file has at most one dimension behind the rows: the module gives targets their shape back.
    """
    notes = taken.notes
    outputs, width = int(np.prod(prediction.shape[1:])), int(np.prod(y.shape[1:]))
    if width > 1 and outputs not in (1, width):
        raise CannotTake(
            f"predictions have {outputs} numbers a row and targets {width}, as of classes of each pixel: the format "
            "has as many of one as of the other: hand over a part of the output, or targets as one-hot"
        )
    name = type(loss).__name__ if isinstance(loss, nn.Module) else getattr(loss, "__name__", type(loss).__name__)
    integers = y.dtype.kind in "biu"
    classes = (
        integers
        and int(np.prod(y.shape[1:])) == 1
        and ((outputs > 1 and both.min() >= 0 and both.max() < outputs) or (outputs == 1 and only_01(both)))
    )
    shape = list(y.shape[1:]) if y.ndim > 2 else None
    written = [part for part in (y, y_test) if part is not None]
    if integers:
        written = [part.astype(np.int64 if classes else np.float32) for part in written]
    if shape is not None:
        written = [part.reshape(len(part), -1) for part in written]
    if classes:
        taken.set("data.labels", "number", "integers as they stand")
    elif all(is_one_hot(part) for part in written):
        taken.set("data.labels", "one-hot", "a row has 1 for its class")
    kind = (
        {"b": "bool", "i": "int", "u": "int"}.get(y.dtype.kind, "")
        if integers and (not classes or y.dtype != np.int64)
        else ""
    )
    plain = isinstance(loss, nn.Module) and shape is None and not kind and not maximize
    wrapped = loss if plain else _Shaped(loss, shape or [], shape is not None, kind, -1.0 if maximize else 1.0)
    rows = len(prediction)
    target = torch.from_numpy(written[0][:rows].copy())
    taken.loss = saved(scripted(wrapped, (prediction.float(), target), notes, "loss"))
    taken.comments["loss.torchscript"] = name
    known = {
        "CrossEntropyLoss": "logits",
        "BCEWithLogitsLoss": "logits",
        "BCELoss": "probabilities",
        "NLLLoss": "log_probabilities",
    }
    if classes and name in known:
        taken.set("loss.from", known[name])
    notes.say(f"the loss {name} is taken over as TorchScript, as it stands: fixes of losses are not tried on it")
    if {tuple(prediction.shape[1:]), tuple(y.shape[1:])} == {(), (1,)}:
        shapes = f"predictions are {shape_of_rows(prediction.shape[1:])} and targets {shape_of_rows(y.shape[1:])}"
        notes.say(
            f"{shapes}: where the loss subtracts them, it pairs each prediction with every target, which no fix mends: "
            "y.reshape(-1, 1) or prediction.squeeze(1) does"
        )
    return written[0], written[1] if y_test is not None else None


class _Shaped(nn.Module):  # type: ignore[misc]
    """A loss of targets that have their shape and type back; `sign` -1 where it is maximized."""

    def __init__(self, inner: Any, shape: list[int], shaped: bool, kind: str, sign: float) -> None:
        super().__init__()
        self.inner = inner
        self.shape: list[int] = shape or [1]
        self.shaped = shaped
        self.whole = kind == "int"
        self.truth = kind == "bool"
        self.sign = sign

    def forward(self, prediction, target):  # type: ignore[no-untyped-def]
        if self.shaped:
            target = target.reshape([target.shape[0]] + self.shape)
        if self.whole:
            target = target.to(torch.long)
        if self.truth:
            target = target.to(torch.bool)
        return self.inner(prediction, target) * self.sign
