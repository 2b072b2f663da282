"""An experiment from live objects: a model, its data, its loss and its optimizer, as they stand in a notebook."""

import os
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from . import _commands, _safetensors, _toml
from ._results import Results
from ._taken import CannotTake, Taken, Training, readable_size

#: Seeds of an experiment that is not told how many.
SEEDS = 6


class Experiment:
    """An experiment that was made of live objects: an experiment file, and the files beside it.

    `.text` is the file, `.files` are those beside it, `.notes` what is to be known. `.run()`, `.diagnose()` and
    `.check()` give `Results`; `.save("mine.toml")` writes it all, to go on with by hand and by the command `misfit`.
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

    def run(self, **options: Any) -> Results:
        """Trains it over its seeds. The options are those of `misfit.run`."""
        __tracebackhide__ = True
        return _commands.run(self, **options)

    def diagnose(self, **options: Any) -> Results:
        """Finds out why it does not fit, and what mends it. The options are those of `misfit.diagnose`."""
        __tracebackhide__ = True
        return _commands.diagnose(self, **options)

    def check(self, **options: Any) -> Results:
        """Checks it by what every guide asks for. The options are those of `misfit.check`."""
        __tracebackhide__ = True
        return _commands.check(self, **options)

    def __repr__(self) -> str:
        files = "".join(f", {name} ({readable_size(len(of))})" for name, of in self.files.items())
        notes = "".join(f"\n  {note}" for note in self.notes)
        return f"<misfit.Experiment {self.name!r}{files}>{notes}"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        files = ", ".join(f"<code>{escape(name)}</code> ({readable_size(len(of))})" for name, of in self.files.items())
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

    PyTorch: `model` is an `nn.Module`, `X` and `y` are arrays or tensors, or `X` is a `DataLoader`; `loss` is one of
    PyTorch's or a function of predictions and targets, `optimizer` an instance of `SGD`, `Adam`, `AdamW` or `RMSprop`.
    scikit-learn: an `MLPRegressor` or `MLPClassifier`, which holds all of this itself. Keras 3: a compiled model.

    `batch_size` is a number or `"all"`, `epochs` or `steps` how long it trains, `shuffle` whether each epoch has the
    rows in an order of its own. `validation` is a pair of inputs and targets, or the share of the rows that is held
    out; without it errors are those of the training rows. `seeds` is how many seeds train it, or a list; the model as
    it stands is the first one's.

    What is not taken over is warned of as `NotTaken` and stands in `.notes`. Raises `CannotTake` with the cure where no
    experiment can be made.
    """
    if epochs is not None and steps is not None:
        raise CannotTake("epochs and steps at once: keep one")
    if isinstance(validation, (int, float)) and not isinstance(validation, bool) and not 0 <= validation < 1:
        raise CannotTake(f"validation={validation}: expected a share of the rows from 0 to below 1, or (X_val, y_val)")
    listed = _seeds(seeds)
    training = Training(
        model,
        X,
        y,
        loss=loss,
        optimizer=optimizer,
        batch_size=batch_size,
        epochs=epochs,
        steps=steps,
        shuffle=shuffle,
        validation=validation,
        seeds=listed,
    )
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
            f"model is {what}: expected an nn.Module of PyTorch, an MLPRegressor or MLPClassifier of scikit-learn, or "
            f"a compiled model of Keras 3{hint}"
        )
    taken = take(training)
    return Experiment(_name(name, model), listed if isinstance(seeds, Iterable) else len(listed), taken)


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
