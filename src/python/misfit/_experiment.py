"""An experiment from live objects: a model, its data, its loss and its optimizer, as they stand in a notebook."""

import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _safetensors, _toml

if TYPE_CHECKING:
    from ._results import Results

Array = np.ndarray[Any, Any]

#: The sections of an experiment file, in its order.
SECTIONS = ("data", "batch", "model", "loss", "optimizer", "train")
#: Seeds of an experiment that is not told how many.
SEEDS = 6
#: Seeds for which initial parameters are written where the program cannot draw them: a diagnosis takes up to 10.
DRAWN = 12
#: Bytes of initial parameters at most; beyond that fewer seeds have some.
MOST_INITIAL = 512 * 2**20


class NotTaken(UserWarning):
    """Something of the live objects that the experiment has not, or has otherwise. All of it is in `Experiment.notes`."""


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
    import sys

    here, level = os.path.dirname(__file__), 1
    frame = sys._getframe(1)
    while frame.f_back is not None and os.path.dirname(frame.f_code.co_filename) == here:
        frame, level = frame.f_back, level + 1
    return level


@dataclass
class Taken:
    """What a framework's half found: the keys of the experiment, and the files beside it."""

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


class Experiment:
    """An experiment that was made of live objects: an experiment file, and the files beside it.

    `.text` is the file, `.files` are those beside it, `.notes` what is to be known. `.run()`, `.diagnose()` and `.check()`
    give `Results`; `.save("mine.toml")` writes it all, to go on with by hand and by the command `misfit`.
    """

    def __init__(self, name: str, seeds: int | list[int], taken: Taken) -> None:
        #: Names the results folder.
        self.name = name
        self.seeds = seeds
        self._taken = taken

    @property
    def notes(self) -> list[str]:
        """What was not taken over, or otherwise than it stood, a line each."""
        return list(self._taken.notes)

    @property
    def settings(self) -> dict[str, Any]:
        """Every key that the file names: `settings["optimizer.learning_rate"]`."""
        return {f"{section}.{key}": value for section, of in self._taken.keys.items() for key, value in of.items()}

    @property
    def text(self) -> str:
        """The experiment file."""
        return self._text(self.name)

    @property
    def files(self) -> dict[str, bytes]:
        """The files beside it, by their names."""
        return self._files(self.name)

    def save(self, path: "str | os.PathLike[str]") -> Path:
        """Writes the experiment file, and beside it its data, modules and initial parameters, named after it."""
        path = Path(path)
        if path.suffix != ".toml":
            raise ValueError(f"{path}: an experiment file ends with .toml: name it so")
        path.parent.mkdir(parents=True, exist_ok=True)
        for name, contents in self._files(path.stem).items():
            beside = path.with_name(name)
            # Written anew only if it changed: what is there may be large.
            if not (beside.is_file() and beside.stat().st_size == len(contents) and beside.read_bytes() == contents):
                beside.write_bytes(contents)
        path.write_text(self._text(path.stem), encoding="utf-8")
        return path

    def run(self, **options: Any) -> "Results":
        """Trains it over its seeds. The options are those of `misfit.run`."""
        from . import _commands

        __tracebackhide__ = True
        return _commands.run(self, **options)

    def diagnose(self, **options: Any) -> "Results":
        """Finds out why it does not fit, and what mends it. The options are those of `misfit.diagnose`."""
        from . import _commands

        __tracebackhide__ = True
        return _commands.diagnose(self, **options)

    def check(self, **options: Any) -> "Results":
        """Checks it by what every guide asks for. The options are those of `misfit.check`."""
        from . import _commands

        __tracebackhide__ = True
        return _commands.check(self, **options)

    def __repr__(self) -> str:
        files = "".join(f", {name} ({_size(len(of))})" for name, of in self.files.items())
        notes = "".join(f"\n  {note}" for note in self.notes)
        return f"<misfit.Experiment {self.name!r}{files}>{notes}"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        files = ", ".join(f"<code>{escape(name)}</code> ({_size(len(of))})" for name, of in self.files.items())
        notes = f"<ul>{items}</ul>" if items else ""
        return f"<b>{escape(self.name)}</b>{notes}<pre>{escape(self.text)}</pre>beside it: {files}"

    def _files(self, stem: str) -> dict[str, bytes]:
        taken = self._taken
        files = {f"{stem}.safetensors": _safetensors.dumps(taken.data)}
        if taken.initial:
            files[f"{stem}.initial.safetensors"] = _safetensors.dumps(taken.initial)
        if taken.model is not None:
            files[f"{stem}.model.pt"] = taken.model
        if taken.loss is not None:
            files[f"{stem}.loss.pt"] = taken.loss
        return files

    def _text(self, stem: str) -> str:
        taken = self._taken
        keys = {section: dict(of) for section, of in taken.keys.items()}
        comments = {**taken.comments}
        shapes = ", ".join(f"{name} {list(of.shape)} {of.dtype}" for name, of in taken.data.items())
        keys["data"] = {"target": {"tensors": f"{stem}.safetensors"}, **keys["data"]}
        comments["data.target"] = shapes
        if taken.initial:
            keys["model"]["initial"] = f"{stem}.initial.safetensors"
            held = sorted({int(name.split("/")[0]) for name in taken.initial})
            of = f"of the seeds {held[0]} to {held[-1]}" if len(held) > 1 else f"of seed {held[0]}"
            comments.setdefault("model.initial", f"the initial parameters {of}")
        if taken.model is not None:
            keys["model"] = {"torchscript": f"{stem}.model.pt", **keys["model"]}
        if taken.loss is not None:
            keys["loss"] = {"torchscript": f"{stem}.loss.pt", **keys["loss"]}
        lines = [f"# Made of live objects by the Python package misfit ({taken.source})."]
        lines += [f"# - {note}" for note in self.notes]
        lines += ["", f"name = {_toml.value(self.name)}", f"seeds = {_toml.value(self.seeds)}"]
        lines += [f"framework = {_toml.value(taken.framework)}"] if taken.framework else []
        for section, inner in keys.items():
            if inner:
                lines += ["", f"[{section}]"]
                lines += [_line(key, value, comments.get(f"{section}.{key}", "")) for key, value in inner.items()]
        return "\n".join(lines) + "\n"


def _line(key: str, value: Any, comment: str) -> str:
    line = f"{key} = {_toml.value(value)}"
    return f"{line:<43} # {comment}" if comment else line


def _size(count: int) -> str:
    units = ["bytes", "KiB", "MiB", "GiB"]
    while count >= 1024 and len(units) > 1:
        count, units = count // 1024, units[1:]
    return f"{count} {units[0]}"


def experiment(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = None,
    batch_size: "int | str | None" = None,
    epochs: int | None = None,
    steps: int | None = None,
    shuffle: bool | None = None,
    validation: Any = None,
    seeds: "int | Iterable[int] | None" = None,
    name: str | None = None,
) -> Experiment:
    """An experiment of live objects, whose baseline trains as they would.

    PyTorch: `model` is an `nn.Module`, `X` and `y` are arrays or tensors, or `X` is a `DataLoader`; `loss` is one of PyTorch's
    or a function of predictions and targets, `optimizer` an instance of `SGD`, `Adam`, `AdamW` or `RMSprop`. scikit-learn:
    an `MLPRegressor` or `MLPClassifier`, which holds all of this itself. Keras 3: a compiled model.

    `batch_size` is a number or `"all"`, `epochs` or `steps` how long it trains, `shuffle` whether each epoch has the rows in an
    order of its own. `validation` is a pair of inputs and targets, or the share of the rows that is held out; without it errors are
    those of the training rows. `seeds` is how many seeds train it, or a list; the model as it stands is the first one's.

    What is not taken over is warned of as `NotTaken` and stands in `.notes`. Raises `CannotTake` with the cure where no
    experiment can be made.
    """
    if epochs is not None and steps is not None:
        raise CannotTake("epochs and steps at once: keep one")
    if isinstance(validation, (int, float)) and not isinstance(validation, bool) and not 0 <= validation < 1:
        raise CannotTake(f"validation={validation}: expected a share of the rows from 0 to below 1, or (X_val, y_val)")
    seed_list = _seeds(seeds)
    options: dict[str, Any] = {
        "loss": loss,
        "optimizer": optimizer,
        "batch_size": batch_size,
        "epochs": epochs,
        "steps": steps,
        "shuffle": shuffle,
        "validation": validation,
        "seeds": seed_list,
    }
    roots = {f"{of.__module__.partition('.')[0]}.{of.__name__}" for of in type(model).__mro__}
    # A Keras model on PyTorch is a module too.
    if "keras.Model" in roots:
        from ._from_keras import take
    elif "torch.Module" in roots:
        from ._from_torch import take
    elif roots & {"sklearn.BaseMultilayerPerceptron", "sklearn.BaseEstimator"}:
        from ._from_sklearn import take
    else:
        what = model.__name__ if isinstance(model, type) else type(model).__name__
        hint = ", an object and not its class" if isinstance(model, type) else ""
        raise CannotTake(
            f"model is {what}: expected an nn.Module of PyTorch, an MLPRegressor or MLPClassifier of scikit-learn, or a "
            f"compiled model of Keras 3{hint}"
        )
    taken = take(model, X, y, **options)
    whole = isinstance(seeds, Iterable)
    return Experiment(_name(name, model), seed_list if whole else len(seed_list), taken)


def _seeds(seeds: "int | Iterable[int] | None") -> list[int]:
    if seeds is None:
        return list(range(SEEDS))
    if isinstance(seeds, Iterable):
        listed = [int(seed) for seed in seeds]
    else:
        listed = list(range(int(seeds)))
    if not listed:
        raise CannotTake(f"seeds={seeds!r}: expected a number of at least 1, or a list of seeds")
    return listed


def _name(name: str | None, model: Any) -> str:
    if name is None:
        return type(model).__name__.lower()
    if not re.fullmatch(r"[\w\-+=. ]{1,100}", name):
        raise CannotTake(f"name={name!r}: expected letters, digits, -, _, +, =, . and spaces, at most 100")
    return name


def drawn_seeds(seeds: list[int], size: int, notes: Notes) -> list[int]:
    """The seeds for which initial parameters of `size` bytes each are written, the live model's first."""
    more = [seed for seed in range(seeds[-1] + DRAWN + 1) if seed not in seeds]
    wanted = seeds + more[: max(0, DRAWN - len(seeds))]
    most = max(1, MOST_INITIAL // max(size, 1))
    if most < len(wanted):
        notes.say(
            f"initial parameters are {_size(size)} a seed: {most} seeds have some, and no others can be asked for: "
            f"a diagnosis takes up to 10"
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


def held_out(taken: Taken, validation: Any, rows: str) -> None:
    """The keys of what a run is tested on, where that is a share of the rows or nothing."""
    if validation is None or (isinstance(validation, (int, float)) and validation == 0):
        taken.set("data.holdout", 0.0, "no validation was given: errors are those of the training rows")
    elif isinstance(validation, (int, float)):
        taken.set("data.holdout", float(validation), "validation")
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


def options_left(options: Mapping[str, Any], why: str) -> None:
    """Refuses options that an object holds itself."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise CannotTake(f"{', '.join(given)}: {why}")
