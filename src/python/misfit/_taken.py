"""What the frameworks' parts of `misfit.experiment` share: what the user hands over, and what is taken over of it."""

import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: The sections of an experiment file, in its order.
SECTIONS = ("data", "batch", "model", "loss", "optimizer", "train")
#: Seeds for which initial parameters are written where the program cannot draw them: a diagnosis takes up to 10.
DRAWN = 12
#: Bytes of initial parameters at most; beyond that fewer seeds have some.
MOST_INITIAL = 512 * 2**20


class NotTaken(UserWarning):
    """Something of the live objects that the experiment has not, or has otherwise.

    All of it is in `Experiment.notes`.
    """


class CannotTake(ValueError):
    """Objects of which no experiment can be made: what it is, and the cure, in one line."""


class Notes(list[str]):
    """What is to be known of an experiment beside its keys."""

    def say(self, text: str) -> None:
        """Notes what is taken over as it is meant, though not as it stands."""
        if text not in self:
            self.append(text)

    def lose(self, text: str) -> None:
        """Notes and warns of what is not taken over, or so that it changes what is trained."""
        if text not in self:
            self.append(text)
            warnings.warn(text, NotTaken, stacklevel=_caller())


def _caller() -> int:
    """How many frames the first one outside of this package is away from the one that calls `lose`."""
    here, level = os.path.dirname(__file__), 1
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.dirname(frame.f_code.co_filename) == here:
        frame, level = frame.f_back, level + 1
    return level


@dataclass(frozen=True)
class Training:
    """What the user handed over: the arguments of `misfit.experiment`."""

    model: Any
    X: Any
    y: Any
    loss: Any
    optimizer: Any
    batch_size: Any
    epochs: int | None
    steps: int | None
    shuffle: bool | None
    validation: Any
    seeds: list[int]

    @property
    def validation_data(self) -> Any:
        """Inputs and targets of the validation; `None` if it is a share of the rows, or if there is none."""
        return None if isinstance(self.validation, (int, float)) else self.validation


@dataclass
class Taken:
    """What a framework's part found: the keys of the experiment, and the files beside it."""

    #: Who is spoken of: "PyTorch 2.11.0".
    source: str
    framework: str | None
    notes: Notes
    #: Keys by section, and what is said of them: "optimizer.eps" -> "a comment".
    keys: dict[str, dict[str, Any]] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    comments: dict[str, str] = field(default_factory=dict)
    #: x and y, and x_test and y_test where they are given.
    data: dict[str, Array] = field(default_factory=dict)
    #: Initial parameters: "SEED/NAME".
    initial: dict[str, Array] = field(default_factory=dict)
    #: TorchScript modules, as they are saved.
    model: bytes | None = None
    loss: bytes | None = None

    def set(self, key: str, value: Any, comment: str = "") -> None:
        """Sets `section.name`; no value takes it away."""
        section, name = key.split(".", 1)
        self.keys[section].pop(name, None)
        self.comments.pop(key, None)
        if value is not None:
            self.keys[section][name] = value
            if comment:
                self.comments[key] = comment


def readable_size(count: int) -> str:
    """A number of bytes in the unit that suits it."""
    units = ["bytes", "KiB", "MiB", "GiB"]
    while count >= 1024 and len(units) > 1:
        count, units = count // 1024, units[1:]
    return f"{count} {units[0]}"


def drawn_seeds(seeds: list[int], size: int, notes: Notes) -> list[int]:
    """The seeds for which initial parameters of `size` bytes each are written, the live model's first."""
    more = [seed for seed in range(seeds[-1] + DRAWN + 1) if seed not in seeds]
    wanted = seeds + more[: max(0, DRAWN - len(seeds))]
    most = max(1, MOST_INITIAL // max(size, 1))
    if most < len(wanted):
        notes.say(
            f"initial parameters are {readable_size(size)} a seed: {most} seeds have some, and no others can be asked "
            f"for: a diagnosis takes up to 10"
        )
    return wanted[:most]


def array(thing: Any, what: str) -> Array:
    """NumPy's own of a tensor, a table, a list."""
    if hasattr(thing, "detach"):
        thing = thing.detach().cpu().resolve_conj().resolve_neg()
        thing = thing.float().numpy() if str(thing.dtype) == "torch.bfloat16" else thing.numpy()
    elif hasattr(thing, "to_numpy"):
        thing = thing.to_numpy()
    elif hasattr(thing, "toarray"):
        thing = thing.toarray()
    found: Array = np.asarray(thing)
    if found.dtype.kind == "O":
        try:
            found = found.astype(np.float64)
        except (TypeError, ValueError):
            raise CannotTake(
                f"{what}: has values that are no numbers: encode them, as pandas.get_dummies does"
            ) from None
    if found.ndim == 0 or 0 in found.shape:
        raise CannotTake(f"{what}: has the shape {list(found.shape)}: expected rows as the first dimension")
    return found


def input_array(X: Any, what: str = "X") -> Array:
    found = array(X, what)
    if found.dtype.kind not in "fbiu":
        raise CannotTake(f"{what} is {found.dtype}: expected numbers: encode texts, as pandas.get_dummies does")
    return found


def target_array(y: Any, what: str) -> Array:
    found = array(y, what)
    if found.dtype.kind in "USO":
        raise CannotTake(f"{what} is texts: give classes as numbers from 0, as LabelEncoder of scikit-learn makes them")
    return found


def number_or_class(found: Array) -> Array:
    """Floats as f32, integers and booleans as int64; texts and the like as they are."""
    if found.dtype.kind == "f":
        return found.astype(np.float32)
    if found.dtype.kind in "biu":
        return found.astype(np.int64)
    return found


def check_rows(x: Array, y: Array, of: str = "") -> None:
    if len(x) != len(y):
        raise CannotTake(f"X{of} has {len(x)} rows and y{of} {len(y)}: expected a target for each row")


def held_out(taken: Taken, share: float | None, rows: str) -> None:
    """The keys of what a run is tested on, where that is a share of the rows or nothing."""
    if not share:
        taken.set("data.holdout", 0.0, "no validation was given: errors are those of the training rows")
    else:
        taken.set("data.holdout", float(share), "validation")
        taken.set("data.holdout_rows", rows)


def length(taken: Taken, epochs: int | None, steps: int | None) -> None:
    if epochs is None and steps is None:
        raise CannotTake("how long does it train? Say epochs=… (passes over the rows) or steps=… (updates)")
    if epochs is not None:
        taken.set("train.epochs", int(epochs))
    else:
        assert steps is not None
        taken.set("train.steps", int(steps))


def batches(taken: Taken, batch_size: Any, shuffle: bool, rows: int) -> None:
    """`batch.size`, `.draw` and `.last`, of passes over the rows."""
    if batch_size is None or batch_size == "all":
        taken.set("batch.size", "all")
    else:
        size = int(batch_size)
        if size < 1:
            raise CannotTake(f'batch_size={batch_size}: expected a number of at least 1, or "all"')
        if size > rows:
            taken.notes.say(f"batch_size={size} is more than the {rows} rows there are: every batch is all of them")
        taken.set("batch.size", "all" if size >= rows else size)
    taken.set("batch.draw", "epoch" if shuffle else "sequential", "shuffled" if shuffle else "in the order of the rows")
    taken.set("batch.last", "short")


def labels(y: Array, outputs: int) -> bool:
    """Whether integers `y` of one column are the places of classes 0, 1, … of which none is left out."""
    values = np.unique(y)
    return bool(values[0] == 0 and values[-1] == len(values) - 1 and len(values) > 1 and values[-1] < max(outputs, 2))


def only_01(y: Array) -> bool:
    return bool(np.isin(y, (0, 1)).all())


def is_one_hot(y: Array) -> bool:
    """Whether the program takes several columns for classes: one 1 in each row."""
    return bool(y.ndim == 2 and y.shape[1] > 1 and only_01(y) and (y.sum(axis=1) == 1).all())


def class_targets(
    taken: Taken, y: Array, y_test: Array | None, word: str, comment: str
) -> tuple[Array, Array | None]:
    """Targets as integers, of which `data.labels` says how they are classes."""
    taken.set("data.labels", word, comment)
    return y.astype(np.int64), None if y_test is None else y_test.astype(np.int64)


def number_targets(taken: Taken, y: Array, y_test: Array | None) -> tuple[Array, Array | None]:
    """Targets as floats, which are one-hot where they look so."""
    y, y_test = y.astype(np.float32), None if y_test is None else y_test.astype(np.float32)
    if is_one_hot(y) and (y_test is None or is_one_hot(y_test)):
        taken.set("data.labels", "one-hot", "a row has 1 for its class")
    return y, y_test


def options_left(options: Mapping[str, Any], why: str) -> None:
    """Refuses options that an object holds itself."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise CannotTake(f"{', '.join(given)}: {why}")
