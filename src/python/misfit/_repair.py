"""What a diagnosis found to be enough, made of the user's own model; or the lines of code that make it."""

import copy
import os
import re
from collections.abc import Callable
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from . import _safetensors

#: Keys that say what a network is made of: where they are as they were, it is the user's own.
_NETWORK = (
    "hidden",
    "activation",
    "bias",
    "negative_slope",
    "dropout",
    "norm",
    "norm_place",
    "norm_eps",
    "norm_momentum",
    "output",
    "outputs",
)


class Diagnosis(Protocol):
    """The results folder of a diagnosis, and its manifest."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]: ...


class Lines(list[str]):
    """Lines of code to change, each with the fix that it makes; a list of texts."""

    def __repr__(self) -> str:
        return "\n".join(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def lines(diagnosis: Diagnosis) -> Lines:
    """The lines of code that make the fixes, in the experiment's framework, as `repaired.toml` has them.

    Fixes for which the framework has no line, or of an experiment without `framework`, are lines of an experiment file.
    """
    found = Lines()
    for name, patch, code in _fixes(diagnosis):
        found += [
            f"{line}  # {name}" if "#" not in line else f"{line}; {name}"
            for line in code or [f"# in the experiment: {patch}"]
        ]
    return found


def _text(diagnosis: Diagnosis) -> str:
    path = diagnosis.folder / "repaired.toml"
    if not path.is_file():
        if not (diagnosis.folder / "verdicts.csv").is_file():
            raise ValueError(
                f"{diagnosis.folder}: is no diagnosis: call misfit.diagnose, or .diagnose() of an experiment"
            )
        raise ValueError(
            f"{diagnosis.folder}: nothing is repaired: the baseline fits as it is, or nothing that was tried helps"
        )
    return path.read_text(encoding="utf-8")


def _fixes(diagnosis: Diagnosis) -> list[tuple[str, str, list[str]]]:
    """Each fix of the chosen set: its name, its patch, its lines of code."""
    fixes: list[tuple[str, str, list[str]]] = []
    for line in _text(diagnosis).splitlines()[1:]:
        if not line.startswith("#"):
            break
        code = re.match(r"#   in [^:]+: (.*)", line)
        fix = re.match(r"# ([^:]+): (.*)", line)
        if code and fixes:
            fixes[-1][2].append(code[1])
        elif fix:
            fixes.append((fix[1], fix[2], []))
    return fixes


def _configs(diagnosis: Diagnosis, fixes: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The resolved settings of the baseline, and of the chosen set."""
    variants = diagnosis.manifest["variants"]
    before = next(variant["config"] for variant in variants if not variant["fixes"])
    after = next((variant["config"] for variant in variants if set(variant["fixes"]) == set(fixes)), None)
    if after is None:
        raise ValueError(
            f"{diagnosis.folder}: manifest.json has no variant of {' + '.join(fixes)}: diagnose again with fresh=True"
        )
    return before, after


class Repaired:
    """The user's model with the fixes made, and all that a loop needs beside it.

        repaired = results.repaired(model)
        x, y = repaired.scale_input(X), repaired.scale_target(y)
        for epoch in range(repaired.epochs):        # or repaired.steps updates
            …                                       # batches of repaired.batch_size rows, shuffled if repaired.shuffle
            repaired.optimizer.zero_grad()
            repaired.loss(repaired.model(x), y).backward()
            repaired.optimizer.step()
        repaired.unscale_target(repaired.model(x))

    `.lines` are the lines of code that make the same in a script, `.notes` what is left to be done by hand.
    """

    def __init__(self, diagnosis: Diagnosis) -> None:
        fixes = _fixes(diagnosis)
        #: Names of the fixes.
        self.fixes = [name for name, *_ in fixes]
        before, after = _configs(diagnosis, self.fixes)
        #: The resolved settings with the fixes: sections of keys.
        self.settings: dict[str, Any] = after
        self.before: dict[str, Any] = before
        #: Whether the fixes are enough, by the diagnosis.
        self.enough = "found to be enough" in _text(diagnosis).partition("\n")[0]
        self.lines = lines(diagnosis)
        self.notes: list[str] = []
        #: The model; `None` where it cannot be made, which `.notes` then says.
        self.model: Any = None
        self.optimizer: Any = None
        self.loss: Any = None
        train, batch = after["train"], after["batch"]
        self.epochs: int | None = train.get("epochs")
        self.steps: int | None = train.get("steps")
        self.batch_size: int | None = None if batch["size"] == "all" else batch["size"]
        self.shuffle: bool = batch["draw"] in ("epoch", "fresh")
        data = _tensors(diagnosis, after)
        identity = _Scale(0.0, 1.0)
        self.scale_input: Callable[[Any], Any] = (
            _scale(after["data"]["scale_input"], data.get("x"), self.notes, "X") or identity
        )
        scale = _scale(after["data"]["scale_target"], data.get("y"), self.notes, "y") or identity
        self.scale_target: Callable[[Any], Any] = scale
        self.unscale_target: Callable[[Any], Any] = scale.inverse
        if not self.enough:
            self.notes.append("these fixes are the best that was found, and do not fit on enough seeds")
        if "stop" in train and train.get("stop") != before["train"].get("stop"):
            self.notes.append(f"stop early: {train['stop']}")

    def __repr__(self) -> str:
        parts = [f"<misfit.Repaired: {' + '.join(self.fixes) or 'no fixes'}>"]
        parts += [f"  model: {type(self.model).__name__ if self.model is not None else 'by hand'}"]
        parts += [f"  {line}" for line in self.lines]
        parts += [f"  note: {note}" for note in self.notes]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


class _Scale:
    """(values − shift)/divisor, of arrays, tensors and tables."""

    def __init__(self, shift: Any, divisor: Any) -> None:
        self.shift, self.divisor = shift, divisor

    def __call__(self, values: Any) -> Any:
        return (values - self._of(self.shift, values)) / self._of(self.divisor, values)

    def inverse(self, values: Any) -> Any:
        """Values in their own units again."""
        return values * self._of(self.divisor, values) + self._of(self.shift, values)

    @staticmethod
    def _of(numbers: Any, values: Any) -> Any:
        if isinstance(numbers, np.ndarray) and type(values).__module__.startswith("torch"):
            torch: Any = import_module("torch")
            return torch.as_tensor(numbers, dtype=torch.float32, device=values.device)
        return numbers


def _scale(how: Any, values: Any, notes: list[str], what: str) -> "_Scale | None":
    if not isinstance(how, str):
        return None if how == 1.0 else _Scale(0.0, float(how))
    if values is None:
        notes.append(
            f'{what} is scaled by "{how}", column by column, of the training rows: by hand, as the data are not at hand'
        )
        return None
    flat = values.astype(np.float64)
    if how == "standardize":
        shift, divisor = flat.mean(axis=0), flat.std(axis=0)
    else:
        shift, divisor = flat.min(axis=0), flat.max(axis=0) - flat.min(axis=0)
    return _Scale(
        np.asarray(shift, dtype=np.float32), np.asarray(np.where(divisor == 0, 1.0, divisor), dtype=np.float32)
    )


def _file(diagnosis: Diagnosis, config: dict[str, Any], section: str, key: str) -> "Path | None":
    """A file that the settings name, as the manifest or the repaired experiment leads to it."""
    named = config[section].get(key)
    named = named.get("tensors") if isinstance(named, dict) else named
    if not named:
        return None
    origin = Path(diagnosis.manifest.get("file") or ".").parent
    beside = re.search(rf'"([^"]*{re.escape(os.path.basename(named))})"', _text(diagnosis))
    places = [Path(named), origin / named, origin / os.path.basename(named)]
    places += [diagnosis.folder / beside[1]] if beside else []
    return next((place for place in places if place.is_file()), None)


def _tensors(diagnosis: Diagnosis, config: dict[str, Any]) -> dict[str, Any]:
    path = _file(diagnosis, config, "data", "target")
    return _safetensors.loads(path.read_bytes()) if path is not None and path.suffix == ".safetensors" else {}


def repaired(diagnosis: Diagnosis, model: Any, optimizer: Any = None) -> Repaired:
    """The user's `model` with the fixes that a diagnosis found to be enough.

    Of a `Sequential` of PyTorch, or a module whose forward is a chain of layers, the layers are built anew as a
    `Sequential` where the fixes change them; any other module is copied, if they do not. Both begin as the experiment's
    first seed does. `optimizer` is the one that was used, whose further options are kept. An `MLPRegressor` or
    `MLPClassifier` of scikit-learn is cloned with other parameters. Of anything else there are `.lines`.
    """
    found = Repaired(diagnosis)
    roots = {f"{of.__module__.partition('.')[0]}.{of.__name__}" for of in type(model).__mro__}
    if "torch.Module" in roots and "keras.Model" not in roots:
        _torch(found, diagnosis, model, optimizer)
    elif "sklearn.BaseMultilayerPerceptron" in roots:
        _sklearn(found, model)
    else:
        found.notes.append("the model is to be changed by hand: .lines has the lines")
    return found


def _torch(found: Repaired, diagnosis: Diagnosis, model: Any, optimizer: Any) -> None:
    from ._torch import nn

    before, after = found.before["model"], found.settings["model"]
    changed = [key for key in _NETWORK if before.get(key) != after.get(key)]
    if not changed:
        found.model = copy.deepcopy(model)
        _begin(found, diagnosis, after)
    elif "torchscript" not in after and not isinstance(chain := _chain(model), str):
        found.model = _sequential(after, chain)
        if type(model) is not nn.Sequential:
            name = type(model).__name__
            found.notes.append(
                f"the model is an nn.Sequential of layers as {name} has, with the fixes in {', '.join(changed)}"
            )
    else:
        found.notes.append(
            f"{', '.join('model.' + key for key in changed)} is to be changed in the module by hand: see .lines"
        )
        return
    found.loss = _loss(found, diagnosis)
    found.optimizer = _optimizer(found, optimizer)


def _chain(model: Any) -> Any:
    """The layers of a model, in the order in which it calls them, as a `Sequential`; or why it has none."""
    from ._torch import quiet
    from ._torch_chain import as_chain

    with quiet():
        return as_chain(model, copy.deepcopy(model))


def _linear(model: Any) -> list[Any]:
    """Its linear layers as the settings number them."""
    from ._torch import nn

    chain = _chain(model)
    return [part for part in (model if isinstance(chain, str) else chain).modules() if isinstance(part, nn.Linear)]


def _begin(found: Repaired, diagnosis: Diagnosis, config: dict[str, Any]) -> None:
    """Gives a copy of the module the initial parameters of the first seed, or draws them anew."""
    from ._torch import nn, torch

    path = _file(diagnosis, found.settings, "model", "initial")
    if path is not None and config.get("init") == found.before["model"].get("init"):
        held = _safetensors.loads(path.read_bytes())
        seed = diagnosis.manifest["seeds"][0]
        own = {name.partition("/")[2]: values for name, values in held.items() if name.startswith(f"{seed}/")}
        names = dict(found.model.named_parameters())
        if "torchscript" not in config:
            linear = enumerate(_linear(found.model))
            names = {f"{at}.{name}": value for at, part in linear for name, value in part.named_parameters()}
        if set(own) <= set(names):
            with torch.no_grad():
                for name, values in own.items():
                    names[name].copy_(torch.from_numpy(values.copy()))
            _forget(found.model)
            return
    for part in found.model.modules():
        if isinstance(part, nn.Linear) and "init" in config:
            _draw(part, config)
        elif hasattr(part, "reset_parameters"):
            part.reset_parameters()


def _forget(model: Any) -> None:
    for part in model.modules():
        if hasattr(part, "reset_running_stats"):
            part.reset_running_stats()


def _draw(linear: Any, config: dict[str, Any]) -> None:
    """Draws a linear layer's parameters as `model.init` and `model.init_bias` say."""
    from ._torch import nn

    def draw(tensor: Any, init: Any) -> None:
        (o, i) = linear.weight.shape
        if isinstance(init, dict):
            ((kind, (one, other)),) = init.items()
            (nn.init.uniform_ if kind == "uniform" else nn.init.normal_)(tensor, one, other)
            return
        wide = {"glorot": 2 / (i + o), "kaiming": 2 / i, "lecun": 1 / i, "pytorch": 1 / (3 * i), "zeros": 0.0}
        family, _, law = str(init).partition("_")
        deviation = wide[family] ** 0.5
        if deviation == 0:
            nn.init.zeros_(tensor)
        elif law == "normal" and family != "lecun":
            nn.init.normal_(tensor, 0.0, deviation)
        elif law in ("truncated", "normal"):
            nn.init.trunc_normal_(tensor, 0.0, deviation / 0.8796256610342398, -2 * deviation, 2 * deviation)
        else:
            nn.init.uniform_(tensor, -deviation * 3**0.5, deviation * 3**0.5)

    draw(linear.weight, config["init"])
    if linear.bias is not None:
        draw(linear.bias, config["init_bias"])


def _sequential(config: dict[str, Any], model: Any) -> Any:
    """The layers that the settings say."""
    from ._torch import nn

    old = [part for part in model.modules() if isinstance(part, nn.Linear)]
    slope = config.get("negative_slope", 0.01)
    makes: dict[str, Callable[[], Any]] = {
        "relu": nn.ReLU,
        "leaky_relu": lambda: nn.LeakyReLU(slope),
        "elu": nn.ELU,
        "gelu": nn.GELU,
        "gelu_exact": nn.GELU,
        "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "softmax": lambda: nn.Softmax(dim=1),
        "log_softmax": lambda: nn.LogSoftmax(dim=1),
    }
    hidden = config["hidden"]
    several = {
        key: _each(config.get(key, usual), len(hidden))
        for key, usual in (("activation", "relu"), ("norm", "none"), ("dropout", 0.0))
    }
    first = next((part for part in model.modules() if not list(part.children())), None)
    layers: list[Any] = [nn.Flatten()] if isinstance(first, nn.Flatten) else []
    units = old[0].in_features
    for at, width in enumerate(hidden):
        layers.append(nn.Linear(units, width, bias=config["bias"]))
        word, norm = several["activation"][at], several["norm"][at]
        activation = [makes[word]()] if word in makes else []
        eps, momentum = config.get("norm_eps", 1e-5), config.get("norm_momentum", 0.1)
        normed = (
            [nn.BatchNorm1d(width, eps=eps, momentum=momentum)]
            if norm == "batch"
            else [nn.LayerNorm(width, eps=eps)]
            if norm == "layer"
            else []
        )
        layers += [*normed, *activation] if config.get("norm_place") == "before" else [*activation, *normed]
        if several["dropout"][at]:
            layers.append(nn.Dropout(several["dropout"][at]))
        units = width
    layers.append(nn.Linear(units, config.get("outputs") or old[-1].out_features, bias=config["bias"]))
    if len(several["dropout"]) > len(hidden) and several["dropout"][-1]:
        layers.append(nn.Dropout(several["dropout"][-1]))
    if config["output"] in makes:
        layers.append(makes[config["output"]]())
    made = nn.Sequential(*layers)
    for part in made.modules():
        if isinstance(part, nn.Linear):
            _draw(part, config)
    linear = [part for part in made.modules() if isinstance(part, nn.Linear)]
    for at in config.get("frozen", []):
        linear[at].requires_grad_(False)
    device = next(model.parameters()).device
    return made.to(device)


def _each(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, list) else [value] * count


def _loss(found: Repaired, diagnosis: Diagnosis) -> Any:
    """The loss, of predictions and targets of whatever shape, with the penalty where there is one."""
    from ._torch import nn, torch

    of = found.settings["loss"]
    reduction = of.get("reduction", "mean")
    path = _file(diagnosis, found.settings, "loss", "torchscript")
    kinds: dict[str, Callable[[], Any]] = {
        "mse": lambda: nn.MSELoss(reduction=reduction),
        "sse": lambda: nn.MSELoss(reduction="sum"),
        "mae": lambda: nn.L1Loss(reduction=reduction),
        "huber": lambda: nn.HuberLoss(reduction=reduction, delta=of.get("delta", 1.0)),
        "bce": lambda: (nn.BCEWithLogitsLoss if of.get("from") == "logits" else nn.BCELoss)(reduction=reduction),
        "cross_entropy": lambda: nn.CrossEntropyLoss(reduction=reduction),
        "nll": lambda: nn.NLLLoss(reduction=reduction),
        "poisson": lambda: nn.PoissonNLLLoss(log_input=False, reduction=reduction),
    }
    if path is not None:
        inner = torch.jit.load(os.fspath(path))
    elif of["kind"] in kinds and not (of["kind"] == "cross_entropy" and of.get("from") != "logits"):
        inner = kinds[of["kind"]]()
    else:
        found.notes.append(f"the loss is {of['kind']}, which PyTorch has not: by hand")
        return None
    matched = of["pairing"] == "matched" and of["kind"] not in ("cross_entropy", "nll", "torchscript")
    l1, l2, model = of.get("l1", 0.0), of.get("l2", 0.0), found.model

    def loss(prediction: Any, target: Any) -> Any:
        if matched and prediction.shape != target.shape and prediction.numel() == target.numel():
            target = target.reshape(prediction.shape)
        if of["kind"] == "bce":
            target = target.to(prediction.dtype)
        value = inner(prediction, target)
        if l1 or l2:
            weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
            value = value + sum(l1 * weight.abs().sum() + l2 * (weight**2).sum() for weight in weights)
        return value

    return loss


def _optimizer(found: Repaired, used: Any) -> Any:
    from ._torch import torch

    of = found.settings["optimizer"]
    names = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}
    given: dict[str, Any] = {"lr": of["learning_rate"], "weight_decay": of.get("weight_decay", 0.0)}
    for key, name in (
        ("betas", "betas"),
        ("eps", "eps"),
        ("momentum", "momentum"),
        ("nesterov", "nesterov"),
        ("alpha", "alpha"),
    ):
        if key in of:
            given[name] = tuple(of[key]) if key == "betas" else of[key]
    if used is not None and type(used).__name__ == names[of["kind"]]:
        for name in ("amsgrad", "centered", "dampening", "maximize"):
            if used.param_groups[0].get(name):
                given[name] = used.param_groups[0][name]
    linear = _linear(found.model) if of.get("without") else []
    without = {id(parameter) for at in of.get("without", []) for parameter in linear[at].parameters()}
    parameters = [parameter for parameter in found.model.parameters() if id(parameter) not in without]
    if of.get("eps_place") == "inside":
        found.notes.append("eps stands inside the root here, which PyTorch's optimizers have not")
    if of.get("schedule", "constant") != "constant":
        found.notes.append(f"the rate falls by a {of['schedule']} schedule: see .lines")
    for key in ("clip_norm", "clip_value"):
        if of.get(key):
            found.notes.append(f"gradients are clipped, {key} = {of[key]:g}: see .lines")
    return getattr(torch.optim, names[of["kind"]])(parameters, **given)


def _sklearn(found: Repaired, model: Any) -> None:
    from sklearn.base import clone  # type: ignore[import-untyped, import-not-found, unused-ignore]

    before, after = found.before, found.settings
    words = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
    changed = {
        f"{section}.{key}"
        for section in ("model", "loss", "optimizer", "batch", "train")
        for key in {*before[section], *after[section]}
        if before[section].get(key) != after[section].get(key)
    }
    params: dict[str, Any] = {}
    left: list[str] = []
    for key in sorted(changed):
        section, _, name = key.partition(".")
        value = after[section].get(name)
        if key == "model.hidden":
            params["hidden_layer_sizes"] = tuple(value)
        elif key == "model.activation" and len({*_each(value, 1)}) == 1 and _each(value, 1)[0] in words:
            params["activation"] = words[_each(value, 1)[0]]
        elif key == "optimizer.learning_rate":
            ratio = value / before["optimizer"]["learning_rate"]
            same = before["optimizer"]["kind"] == after["optimizer"]["kind"]
            params["learning_rate_init"] = model.learning_rate_init * ratio if same else value
        elif key == "optimizer.kind" and value in ("adam", "sgd"):
            params["solver"] = value
        elif key in ("train.epochs", "train.stop") and name in after["train"]:
            if name == "epochs":
                params["max_iter"] = value
        elif key == "train.stop":
            params["n_iter_no_change"] = np.inf
        elif key == "loss.l2":
            ratio = value / before["loss"]["l2"] if before["loss"].get("l2") else 0.0
            params["alpha"] = model.alpha * ratio
        elif key == "batch.size":
            params["batch_size"] = 10**9 if value == "all" else value
        elif key == "batch.draw" and value in ("epoch", "sequential"):
            params["shuffle"] = value == "epoch"
        elif key in ("model.initial", "model.init", "model.init_bias", "batch.last") or section == "optimizer":
            continue
        else:
            left.append(f"{key} = {value!r}")
    found.model = clone(model).set_params(**params)
    if left:
        found.notes.append(f"scikit-learn has nothing for {', '.join(left)}")
