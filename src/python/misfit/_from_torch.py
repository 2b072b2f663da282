"""An experiment from PyTorch's objects.

A chain of what the format has layers for becomes a `[model]`, so that every rule and fix applies and the kernels
train it. Any other module becomes TorchScript, and so does a loss that the format has no word for.
"""

import copy
import functools
import gc
import inspect
import io
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ._chain import HOOKS, as_chain
from ._experiment import (
    Array,
    CannotTake,
    Notes,
    Taken,
    array,
    batches,
    check_rows,
    drawn_seeds,
    held_out,
    is_one_hot,
    labels,
    length,
    number_or_class,
    only_01,
)

if TYPE_CHECKING:
    #: PyTorch's types are not asked for: the package is checked where there is no PyTorch.
    torch: Any
else:
    import torch

nn: Any = torch.nn
F: Any = torch.nn.functional

if TYPE_CHECKING:

    class _Base:
        """A module."""
else:
    _Base = nn.Module

#: Layers that are otherwise in training than in evaluation, which a trace would fix.
_OF_TWO_MODES = ("Dropout", "AlphaDropout", "FeatureAlphaDropout", "BatchNorm", "RReLU", "InstanceNorm")


def take(
    model: Any,
    X: Any,
    y: Any,
    *,
    loss: Any,
    optimizer: Any,
    batch_size: Any,
    epochs: int | None,
    steps: int | None,
    shuffle: bool | None,
    validation: Any,
    seeds: list[int],
) -> Taken:
    notes = Notes()
    taken = Taken(f"PyTorch {torch.__version__.partition('+')[0]}", "pytorch", notes)
    if loss is None:
        raise CannotTake("loss is missing: give PyTorch's, as nn.MSELoss(), or a function of predictions and targets")
    if optimizer is None:
        raise CannotTake(
            "optimizer is missing: give the one that your loop steps, as torch.optim.Adam(model.parameters())"
        )
    # What is tried on copies here draws and writes nothing of the user's.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", category=_not_taken())
        loader = None
        if y is None:
            X, y, loader = _loaded(X, notes, "X")
        x, wanted = _inputs(model, X, notes), y
        bare = _copy(model, notes)
        prediction = _predictions(bare, x)
        # Integers that the module does not take as they are, such as pixels.
        if prediction is None:
            x = x.astype(np.float32)
            prediction = _predictions(bare, x, said=True)
            assert prediction is not None
            notes.say("X is integers, which this module takes as floats: converted to float32")
        rows = len(x)
        if loader is not None:
            if batch_size is not None or shuffle is not None:
                raise CannotTake("batch_size and shuffle are the DataLoader's: leave them out, or hand over the arrays")
            _of_loader(taken, loader, rows)
        else:
            batches(taken, batch_size, bool(shuffle), rows)
        length(taken, epochs, steps)
        out = _optimizer(taken, model, optimizer)
        maximize = any(group.get("maximize") for group in optimizer.param_groups)
        x_test: Array | None = None
        y_test: Any = None
        if validation is not None and not isinstance(validation, (int, float)):
            x_test, y_test = _validation(model, validation, x, notes)
        held_out(taken, None if x_test is None and validation is None else validation, "random")
        if x_test is not None:
            taken.keys["data"].pop("holdout", None)
        task = _loss(taken, loss, bare, x, wanted, y_test, maximize)
        taken.data = {"x": x, "y": task.y}
        if x_test is not None:
            assert task.y_test is not None
            taken.data |= {"x_test": x_test, "y_test": task.y_test}
        _odd(model, optimizer, notes)
        chain = as_chain(model, bare, x)
        if isinstance(chain, str):
            layered: _Layers | str = f"{type(model).__name__} is not an nn.Sequential, and {chain}"
        else:
            layered = _layered(chain, x, out)
        if isinstance(layered, str):
            notes.say(
                f"the network is taken over as TorchScript, its fixes are those of data, loss and training: {layered}"
            )
            _module(taken, model, bare, x, prediction, out, seeds)
        else:
            layered.into(taken, seeds[0])
            if type(model) not in (nn.Linear, nn.Sequential):
                notes.say(f"the forward of {type(model).__name__} is a chain: its layers are taken over as they follow there")
        _mode(taken, model if isinstance(layered, str) else chain)
    return taken


def _not_taken() -> type[Warning]:
    from ._experiment import NotTaken

    return NotTaken


# The data.


def _inputs(model: Any, X: Any, notes: Notes, of: str = "") -> Array:
    if isinstance(X, (tuple, list)) and X and all(hasattr(part, "shape") for part in X):
        raise CannotTake(
            f"X{of} is several tensors: a module of one input is taken over: wrap yours in one whose forward cuts X apart"
        )
    found = array(X, f"X{of}")
    if found.dtype.kind not in "fbiu":
        raise CannotTake(f"X{of} is {found.dtype}: expected numbers: encode texts, as pandas.get_dummies does")
    if found.dtype == np.float64:
        notes.say(f"X{of} is float64: converted to float32, in which everything is trained")
    return number_or_class(found)


def _loaded(loader: Any, notes: Notes, what: str) -> tuple[Any, Any, Any]:
    """Inputs and targets of all samples of a DataLoader, as its loop sees them; the loader itself."""
    if not isinstance(loader, torch.utils.data.DataLoader):
        raise CannotTake(f"y is missing: give the targets, or a DataLoader as {what}")
    data = loader.dataset
    if isinstance(data, torch.utils.data.IterableDataset):
        raise CannotTake("the DataLoader's dataset is a stream without a length: collect its samples, and give X and y")
    plain = loader.collate_fn is torch.utils.data.default_collate
    if isinstance(data, torch.utils.data.TensorDataset) and plain:
        parts = list(data.tensors)
    else:
        batch = loader.collate_fn([data[at] for at in range(len(data))])
        parts = list(batch) if isinstance(batch, (tuple, list)) else [batch]
        again = loader.collate_fn([data[0]])
        first = again[0] if isinstance(again, (tuple, list)) else again
        if hasattr(first, "shape") and parts and hasattr(parts[0], "shape"):
            if first.shape[1:] != parts[0].shape[1:] or not bool(torch.equal(first[0], parts[0][0])):
                notes.lose(
                    "the dataset gives another sample each time, as random transforms do: each was read once, and every epoch "
                    "trains on the same. This changes what is trained"
                )
    if len(parts) != 2:
        raise CannotTake(
            f"the DataLoader's samples have {len(parts)} parts: expected an input and a target: give X and y"
        )
    return parts[0], parts[1], loader


def _of_loader(taken: Taken, loader: Any, rows: int) -> None:
    notes, sampler = taken.notes, loader.sampler
    data = torch.utils.data
    if loader.batch_size is None or type(loader.batch_sampler) is not data.BatchSampler:
        raise CannotTake("the DataLoader has a batch sampler of its own: give X and y, batch_size and shuffle")
    batches(taken, loader.batch_size, False, rows)
    if type(sampler) is data.RandomSampler:
        if sampler.replacement:
            taken.set("batch.draw", "fresh", "RandomSampler(replacement=True)")
            taken.set("batch.last", None)
        else:
            taken.set("batch.draw", "epoch", "shuffled")
        if sampler.num_samples != rows:
            notes.lose(
                f"the sampler draws {sampler.num_samples} samples an epoch, here it is all {rows}: this changes what is trained"
            )
    elif type(sampler) is not data.SequentialSampler:
        notes.lose(
            f"the DataLoader's {type(sampler).__name__} is not taken over, rows come shuffled instead: this changes what is trained"
        )
        taken.set("batch.draw", "epoch", f"not by the {type(sampler).__name__}")
    if loader.drop_last and taken.keys["batch"]["draw"] != "fresh":
        if rows < loader.batch_size:
            raise CannotTake(
                f"drop_last with batches of {loader.batch_size} leaves none of {rows} rows: nothing is trained: take smaller ones"
            )
        taken.set("batch.last", "drop", "drop_last")


def _validation(model: Any, validation: Any, x: Array, notes: Notes) -> tuple[Array, Any]:
    if isinstance(validation, torch.utils.data.DataLoader):
        X_val, y_val, _ = _loaded(validation, notes, "validation")
    else:
        try:
            X_val, y_val = validation
        except (TypeError, ValueError):
            raise CannotTake(
                "validation: expected (X_val, y_val), a DataLoader, or the share of the rows to hold out"
            ) from None
    found = _inputs(model, X_val, notes, "_val").astype(x.dtype)
    if found.shape[1:] != x.shape[1:]:
        raise CannotTake(
            f"X_val has rows of {list(found.shape[1:])}, X of {list(x.shape[1:])}: give them the same shape"
        )
    check_rows(found, array(y_val, "y_val"), "_val")
    return found, y_val


# The network.


def _copy(model: Any, notes: Notes) -> Any:
    """A copy on the CPU in f32."""
    kinds = {parameter.dtype for parameter in model.parameters()}
    if not kinds:
        raise CannotTake("the model has no parameters: nothing could be trained")
    if any(isinstance(of, nn.parameter.UninitializedTensorMixin) for of in model.parameters()):
        raise CannotTake("the model has lazy layers without shapes as yet: call it once, as model(X[:2])")
    # What a module keeps of its last call, as hidden states, cannot be copied with its graph.
    kept = [
        of for part in model.modules() for of in vars(part).values() if isinstance(of, torch.Tensor) and not of.is_leaf
    ]
    try:
        bare = copy.deepcopy(model, {id(of): of.detach().clone() for of in kept})
    except Exception as error:
        raise CannotTake(
            f"the model cannot be copied ({_said(error)}): hand over one that was not called yet"
        ) from None
    odd = {str(kind).removeprefix("torch.") for kind in kinds} - {"float32"}
    if odd:
        notes.lose(f"the model is {', '.join(sorted(odd))}: it is trained in float32, so the last digits differ")
    return bare.to("cpu").float()


def _predictions(bare: Any, x: Array, said: bool = False) -> Any:
    """What it puts out for a few rows in evaluation mode; `None` if it does not take such numbers."""
    few = torch.from_numpy(x[:3].copy())
    try:
        found = copy.deepcopy(bare).eval()(few)
    except Exception as error:
        if not said and x.dtype == np.int64:
            return None
        raise CannotTake(
            f"PyTorch itself refuses model(X) for X {list(few.shape)} {few.dtype}: {_said(error)}"
        ) from None
    if not isinstance(found, torch.Tensor):
        raise CannotTake(
            f"the model puts out {type(found).__name__}, as recurrent layers do: wrap it in a module that returns the predictions"
        )
    if found.ndim == 0 or len(found) != len(few):
        raise CannotTake(
            f"the model puts out {list(found.shape)} for {len(few)} rows: expected predictions for each row as the first dimension"
        )
    return found.detach()


class _Layers:
    """A chain of layers that the format has."""

    def __init__(self) -> None:
        self.linear: list[Any] = []
        self.activations: list[str] = []
        self.norms: list[Any] = []
        self.before: list[bool] = []
        self.dropout: list[float] = []
        self.output = "identity"
        self.slopes: set[float] = set()
        self.frozen: list[int] = []
        self.without: list[int] = []

    def into(self, taken: Taken, seed: int) -> None:
        put = taken.set
        hidden = self.linear[:-1]
        put("model.hidden", [layer.out_features for layer in hidden])
        if hidden:
            one = len({*self.activations}) == 1
            put("model.activation", self.activations[0] if one else self.activations)
        if self.slopes - {0.01}:
            put("model.negative_slope", self.slopes.pop())
        if self.linear[0].bias is None:
            put("model.bias", False)
        put("model.outputs", self.linear[-1].out_features)
        put("model.output", self.output)
        if any(self.dropout):
            # The last one is of the output units.
            drops = self.dropout if self.dropout[-1] > 0 else self.dropout[:-1]
            put("model.dropout", drops[0] if len({*drops}) == 1 and len(drops) == len(hidden) else drops)
        norms = [norm for norm in self.norms if norm is not None]
        if norms:
            words = [
                "none" if norm is None else "batch" if isinstance(norm, nn.BatchNorm1d) else "layer"
                for norm in self.norms
            ]
            put("model.norm", words[0] if len({*words}) == 1 else words)
            if self.before[0]:
                put("model.norm_place", "before")
            put("model.norm_eps", float(norms[0].eps))
            momenta = [norm.momentum for norm in norms if isinstance(norm, nn.BatchNorm1d)]
            if momenta:
                put("model.norm_momentum", float(momenta[0]))
        if self.frozen:
            put("model.frozen", self.frozen, "requires_grad is False")
        if self.without:
            put("optimizer.without", self.without, "not among the optimizer's parameters")
        self._initial(taken, seed)

    def _initial(self, taken: Taken, seed: int) -> None:
        weights = [_numbers(layer.weight) for layer in self.linear]
        biases = [_numbers(layer.bias) for layer in self.linear if layer.bias is not None]
        for at, layer in enumerate(self.linear):
            taken.initial[f"{seed}/{at}.weight"] = _numbers(layer.weight)
            if layer.bias is not None:
                taken.initial[f"{seed}/{at}.bias"] = _numbers(layer.bias)
        taken.comments["model.initial"] = f"seed {seed} begins as the live model stands; other seeds are drawn by init"
        init, init_bias = initialiser(weights), bias_initialiser(weights, biases)
        if init is None or init_bias is None:
            what = "weights" if init is None else "biases"
            taken.notes.say(
                f"the {what} are not as one of the known initialisers draws them, as of a model that was trained already: "
                f"seed {seed} begins with them, every other seed as PyTorch's layers do; set model.init for another way"
            )
        taken.set("model.init", init or "pytorch", "as the live weights look" if init not in (None, "pytorch") else "")
        if biases:
            look = "as the live biases look" if init_bias not in (None, "pytorch") else ""
            taken.set("model.init_bias", init_bias or "pytorch", look)


def _numbers(tensor: Any) -> Array:
    found: Array = tensor.detach().cpu().float().numpy().copy()
    return found


def _layered(model: Any, x: Array, out: "set[int]") -> "_Layers | str":
    """The layers of a Sequential, or why it is none that the format has. `out`: parameters that no optimizer has."""
    layers, reason = _Layers(), _chain(model, x.ndim)
    if isinstance(reason, str):
        return reason
    stack: list[Any] = []
    chain = reason
    for layer in chain:
        # Not a subclass, which computes something else, as a layer with weight norm.
        if type(layer) is nn.Linear and {name for name, _ in layer.named_parameters()} <= {"weight", "bias"}:
            stack.append([layer])
        elif not stack:
            return f"it begins with {type(layer).__name__}"
        else:
            stack[-1].append(layer)
    if not stack:
        return "it has no nn.Linear"
    if x.ndim != 2 and not _flattens(model):
        return f"its inputs have {x.ndim} dimensions and no nn.Flatten comes first"
    for at, (linear, *rest) in enumerate(stack):
        layers.linear.append(linear)
        last = at == len(stack) - 1
        fault = _last_block(layers, rest) if last else _block(layers, linear, rest)
        if fault:
            return fault
    if len({layer.bias is None for layer in layers.linear}) > 1:
        return "some of its linear layers have biases and some have none"
    if len(layers.slopes) > 1:
        return "its LeakyReLUs have several slopes"
    norms = [norm for norm in layers.norms if norm is not None]
    if len({before for norm, before in zip(layers.norms, layers.before) if norm is not None}) > 1:
        return "some of its norms stand before the activation and some after it"
    if norms and not any(norm is not None and before for norm, before in zip(layers.norms, layers.before)):
        layers.before = [False] * len(layers.before)
    elif norms:
        layers.before = [True] * len(layers.before)
    if len({norm.eps for norm in norms}) > 1 or len({norm.momentum for norm in norms if hasattr(norm, "momentum")}) > 1:
        return "its norms have several values of eps or momentum"
    parameters = [id(parameter) for layer in [*layers.linear, *norms] for parameter in layer.parameters()]
    if len(set(parameters)) != len(parameters):
        return "two of its layers share their parameters"
    return _frozen(layers, out)


def _chain(model: Any, dimensions: int) -> "list[Any] | str":
    """The layers of a Sequential in their order, those within others taken out of them, without those that do nothing."""
    chain: list[Any] = []
    for layer in model:
        if type(layer) is nn.Sequential:
            inner = _chain(layer, dimensions)
            if isinstance(inner, str):
                return inner
            chain += inner
        elif type(layer) is nn.Identity:
            continue
        elif type(layer) is nn.Flatten:
            if (layer.start_dim, layer.end_dim) not in ((1, -1), (1, dimensions - 1)):
                return "its nn.Flatten is not of each row"
        else:
            chain.append(layer)
    return chain


def _flattens(model: Any) -> bool:
    for layer in model:
        if type(layer) is nn.Sequential:
            return _flattens(layer)
        if type(layer) is not nn.Identity:
            return type(layer) is nn.Flatten
    return False


def _word(layer: Any) -> "tuple[str, float | None] | None":
    """The format's word for an activation, and its slope."""
    kind = type(layer)
    plain = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}
    if kind in plain:
        return plain[kind], None
    if kind is nn.LeakyReLU:
        return "leaky_relu", float(layer.negative_slope)
    if kind is nn.ELU and layer.alpha == 1.0:
        return "elu", None
    if kind is nn.GELU:
        return ("gelu" if layer.approximate == "none" else "gelu_tanh"), None
    return None


def _norm(layer: Any, units: int) -> "str | None":
    """Why a norm is not one of the format; `None` if it is."""
    fresh = layer.weight is not None and bool((layer.weight == 1).all()) and layer.bias is not None
    fresh = fresh and bool((layer.bias == 0).all())
    if isinstance(layer, nn.BatchNorm1d):
        if not layer.affine or not layer.track_running_stats or layer.momentum is None or layer.num_features != units:
            return "it has a BatchNorm1d without weights or running statistics"
        if not (fresh and bool((layer.running_mean == 0).all()) and bool((layer.running_var == 1).all())):
            return "its BatchNorm1d has been trained already"
    else:
        if tuple(layer.normalized_shape) != (units,) or not layer.elementwise_affine:
            return "its LayerNorm is not one of all units with weights and biases"
        if not fresh:
            return "its LayerNorm has been trained already"
    return None


def _block(layers: _Layers, linear: Any, rest: list[Any]) -> "str | None":
    """What stands behind a hidden linear layer: a norm, an activation, a dropout."""
    activation, norm, drop, before = "", None, 0.0, False
    for layer in rest:
        word = _word(layer)
        if word is not None:
            # A dropout before what is linear on either side of 0 is the same as behind it.
            if activation or (drop and word[0] not in ("relu", "leaky_relu")):
                return "two activations, or a dropout before one, follow one another"
            activation = word[0]
            if word[1] is not None:
                layers.slopes.add(word[1])
        elif type(layer) in (nn.BatchNorm1d, nn.LayerNorm):
            if norm is not None or drop:
                return "a norm follows another, or a dropout"
            fault = _norm(layer, linear.out_features)
            if fault:
                return fault
            norm, before = layer, not activation
        elif type(layer) is nn.Dropout:
            if drop:
                return "two dropouts follow one another"
            if layer.p >= 1:
                return "its dropout leaves nothing"
            drop = float(layer.p)
        else:
            return f"it has {type(layer).__name__}"
    layers.activations.append(activation or "identity")
    layers.norms.append(norm)
    # Without an activation there is no difference.
    layers.before.append(before and bool(activation))
    layers.dropout.append(drop)
    return None


def _last_block(layers: _Layers, rest: list[Any]) -> "str | None":
    """What stands behind the last linear layer: a dropout of the output units, and the output."""
    drop = 0.0
    if rest and type(rest[0]) is nn.Dropout and rest[0].p < 1:
        drop = float(rest[0].p)
        rest = rest[1:]
    layers.dropout.append(drop)
    if len(rest) > 1:
        return f"its last layer is followed by {' and '.join(type(layer).__name__ for layer in rest)}"
    for layer in rest:
        kind = type(layer)
        words = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}
        shares = {nn.Softmax: "softmax", nn.LogSoftmax: "log_softmax"}
        if kind in words:
            layers.output = words[kind]
        elif kind in shares and layer.dim in (None, 1, -1):
            layers.output = shares[kind]
        elif kind in shares:
            return f"its {kind.__name__} goes over dimension {layer.dim}, which are the rows"
        else:
            return f"its output is {kind.__name__}"
    return None


def _frozen(layers: _Layers, out: "set[int]") -> "_Layers | str":
    for at, layer in enumerate(layers.linear):
        norm = layers.norms[at] if at < len(layers.norms) else None
        own = [*layer.parameters(), *(norm.parameters() if norm is not None else ())]
        grads = {bool(parameter.requires_grad) for parameter in own}
        outside = {id(parameter) in out for parameter in own if parameter.requires_grad}
        if len(grads) > 1:
            return f"linear layer {at} has requires_grad on a part of its parameters only"
        if len(outside) > 1:
            return f"the optimizer has a part of the parameters of linear layer {at} only"
        if grads == {False}:
            layers.frozen.append(at)
        elif outside == {True}:
            layers.without.append(at)
    return layers


def _agrees(values: Array, law: Callable[[Array], Array]) -> bool:
    """Whether numbers look as if drawn from a law with this distribution function: Kolmogorov and Smirnov's test, p > 0.001."""
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


def initialiser(weights: list[Array]) -> "str | dict[str, Any] | None":
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


def bias_initialiser(weights: list[Array], biases: list[Array]) -> "str | None":
    if all(not bias.any() for bias in biases):
        return "zeros"
    drawn = np.concatenate([bias * math.sqrt(weight.shape[1]) for weight, bias in zip(weights, biases)])
    return "pytorch" if _agrees(drawn, _uniform) else None


def _module(taken: Taken, model: Any, bare: Any, x: Array, prediction: Any, out: "set[int]", seeds: list[int]) -> None:
    """The network as TorchScript, with initial parameters by seed."""
    notes = taken.notes
    held = {name for name, parameter in model.named_parameters() if id(parameter) in out or not parameter.requires_grad}
    unheld = [name for name, parameter in model.named_parameters() if id(parameter) in out and parameter.requires_grad]
    if len(held) == len(list(model.parameters())):
        raise CannotTake("no parameter of this model is trained: make the optimizer with model.parameters()")
    for name, parameter in bare.named_parameters():
        parameter.requires_grad_(name not in held)
    if unheld:
        notes.say(f"not among the optimizer's parameters, so saved as untrained: {_listed(unheld)}")
    few = torch.from_numpy(x[: min(len(x), 8)].copy())
    script = _script(bare, (few,), notes, "model")
    names = {name: name for name, _ in script.named_parameters()}
    if not _runs_without_gradients(script, few):
        script = torch.jit.script(_Differentiated(script))
        names = {name: name.removeprefix("inner.") for name, _ in script.named_parameters()}
        if not _runs_without_gradients(script, few):
            raise CannotTake(
                "the model puts out nothing under torch.no_grad(), as it is evaluated: let its forward work there"
            )
    taken.model = _saved(script)
    outputs = int(np.prod(prediction.shape[1:])) if prediction.ndim > 1 else 1
    taken.set("model.outputs", outputs, f"it puts out {['rows', *prediction.shape[1:]]}".replace("'", ""))
    live = dict(bare.named_parameters())
    size = sum(4 * parameter.numel() for parameter in live.values())
    drawn = drawn_seeds(seeds, size, notes)
    fresh = [_begun_anew(bare, seed) for seed in drawn[1:]]
    undrawn = {name for _, left in fresh for name in left}
    # What every other seed has otherwise is no chance.
    otherwise = _beyond_reset(bare) | {
        name for name in set(live) - undrawn if all(_differs(live[name], begun[name]) for begun, _ in fresh)
    }
    for name, own in names.items():
        if own not in live:
            continue
        values = _numbers(live[own])
        taken.initial[f"{drawn[0]}/{name}"] = values
        for seed, (begun, _) in zip(drawn[1:], fresh):
            if own in otherwise:
                order = np.random.RandomState(seed).permutation(values.size)
                taken.initial[f"{seed}/{name}"] = values.ravel()[order].reshape(values.shape)
            else:
                taken.initial[f"{seed}/{name}"] = _numbers(begun[own])
    taken.comments["model.initial"] = f"seed {seeds[0]} begins as the live model stands, others as its layers draw anew"
    if undrawn:
        notes.say(f"what has no reset_parameters() begins with every seed as it stands: {_listed(sorted(undrawn))}")
    if otherwise and fresh:
        notes.say(
            "the live model begins otherwise than its layers' reset_parameters() draw, as after own initialisers or training: other "
            f"seeds than {seeds[0]} have its values in another order: {_listed(sorted(otherwise))}"
        )


def _begun_anew(bare: Any, seed: int) -> tuple[dict[str, Any], set[str]]:
    """Parameters as the layers draw them under a seed, and the names of those that none draws."""
    fresh = copy.deepcopy(bare)
    torch.manual_seed(seed)
    drawn: set[int] = set()
    for part in fresh.modules():
        reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if callable(reset):
            reset()
            drawn |= {id(parameter) for parameter in part.parameters()}
    left = {name for name, parameter in fresh.named_parameters() if id(parameter) not in drawn}
    return dict(fresh.named_parameters()), left


def _beyond_reset(bare: Any) -> set[str]:
    """Parameters of linear and convolutional layers with values that `reset_parameters()` never draws."""
    found: set[str] = set()
    for name, part in bare.named_modules():
        if type(part) in (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d):
            bound = 1.00001 / math.sqrt(part.weight[0].numel())
            for kind, parameter in part.named_parameters(recurse=False):
                if float(parameter.detach().abs().max()) > bound:
                    found.add(f"{name}.{kind}" if name else kind)
    return found


class _Differentiated(_Base):
    """A module that takes derivatives in its forward, which works under `torch.no_grad()` too."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):  # type: ignore[no-untyped-def]
        before = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
        found = self.inner(x)
        torch.set_grad_enabled(before)
        return found


def _runs_without_gradients(script: Any, few: Any) -> bool:
    mode = script.training
    try:
        with torch.no_grad():
            script.eval()(few)
        return True
    except Exception:
        return False
    finally:
        script.train(mode)


def _differs(live: Any, drawn: Any) -> bool:
    """Whether two tensors of parameters are of clearly different sizes."""
    one, other = _numbers(live).astype(float), _numbers(drawn).astype(float)
    if one.size < 32:
        return False
    scales = sorted([math.sqrt(float((one**2).mean())), math.sqrt(float((other**2).mean()))])
    return scales[1] > 1.5 * scales[0] + 1e-12


def _script(module: Any, examples: tuple[Any, ...], notes: Notes, what: str) -> Any:
    """A module as TorchScript: scripted, else traced."""
    kept = copy.deepcopy(module).train()
    try:
        script = torch.jit.script(kept)
        # What compiles may fail all the same, as torch.tensor(x) of a tensor.
        copy.deepcopy(script).eval()(*examples)
        _saved(script)
        return script
    except Exception as error:
        reason = _said(error)
    for name, part in list(kept.named_modules()):
        if name and type(part).__module__.startswith("torch.nn") and type(part).__name__.startswith(_OF_TWO_MODES):
            owner, _, last = name.rpartition(".")
            setattr(kept.get_submodule(owner), last, torch.jit.script(part))
    try:
        traced = torch.jit.trace(kept, examples, check_trace=False)
    except Exception as error:
        raise CannotTake(
            f"the {what} can be neither scripted ({reason}) nor traced ({_said(error)}): write its forward with tensors alone"
        ) from None
    notes.say(f"the {what} was traced, as torch.jit.script does not take it ({reason})")
    _compare(module, traced, examples, notes, what)
    return traced


def _compare(module: Any, traced: Any, examples: tuple[Any, ...], notes: Notes, what: str) -> None:
    """Holds what was traced to what it was traced of, on other rows and in evaluation."""
    plain, traced = copy.deepcopy(module).eval(), copy.deepcopy(traced).eval()
    for rows in (len(examples[0]), max(1, len(examples[0]) // 2)):
        few = tuple(example[:rows] for example in examples)
        try:
            wanted = plain(*few)
            found = traced(*few)
        except Exception as error:
            raise CannotTake(
                f"the {what} was traced and does not take {rows} rows then ({_said(error)}): write it for any number of rows"
            ) from None
        if wanted.shape != found.shape or not bool(torch.allclose(wanted, found, rtol=1e-4, atol=1e-6, equal_nan=True)):
            notes.lose(
                f"the {what} was traced and puts out something else in evaluation than before: it depends on the mode, on random "
                f"numbers, on numbers of rows or on what it keeps from call to call. This changes what is trained"
            )
            return


def _saved(script: Any) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(script, buffer)
    return buffer.getvalue()


def _mode(taken: Taken, model: Any) -> None:
    """Layers of two modes that are in evaluation now."""
    parts = [part for part in model.modules() if type(part).__name__.startswith(_OF_TWO_MODES)]
    still = [part for part in parts if not part.training]
    if parts and still:
        some = "a part of the layers is" if len(still) < len(parts) else "the model is"
        taken.notes.lose(
            f"{some} in evaluation mode now, and is trained in training mode here, as after model.train(): if your loop never calls "
            'it, set train.mode = "eval"'
        )


# The optimizer.


def _optimizer(taken: Taken, model: Any, optimizer: Any) -> "set[int]":
    """Sets the optimizer's keys; the ids of the model's parameters that it does not move."""
    notes = taken.notes
    if isinstance(optimizer, type) or not isinstance(optimizer, torch.optim.Optimizer):
        raise CannotTake("optimizer: expected an instance, as torch.optim.Adam(model.parameters(), lr=1e-3)")
    kinds = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop"}
    name = type(optimizer).__name__
    if not type(optimizer).__module__.startswith("torch.optim") or name not in kinds:
        raise CannotTake(f"torch.optim.{name} is none that the format has: take one of {', '.join(kinds)}")
    groups = [group for group in optimizer.param_groups if float(group["lr"]) > 0]
    if not groups:
        raise CannotTake("the optimizer's learning rate is 0: nothing is trained")
    group = groups[0]
    apart = ("params", "param_names", "initial_lr", "foreach", "fused", "capturable", "differentiable")
    other = {key for of in groups for key in of if key not in apart and not _same(of[key], group.get(key))}
    if other:
        group = max(groups, key=lambda of: sum(parameter.numel() for parameter in of["params"]))
        notes.lose(
            f"the optimizer has {len(groups)} groups of parameters which differ in {', '.join(sorted(other))}: all have what the "
            "largest has. This changes what is trained"
        )
    taken.set("optimizer.kind", kinds[name])
    taken.set("optimizer.learning_rate", float(group["lr"]))
    decay = float(group["weight_decay"])
    match kinds[name]:
        case "sgd":
            if float(group["momentum"]):
                taken.set("optimizer.momentum", float(group["momentum"]))
            if group["nesterov"]:
                taken.set("optimizer.nesterov", True)
            if float(group["dampening"]) and float(group["momentum"]):
                notes.lose(f"dampening={group['dampening']} of SGD is not taken over: this changes what is trained")
        case "rmsprop":
            taken.set("optimizer.alpha", float(group["alpha"]))
            taken.set("optimizer.eps", float(group["eps"]))
            if float(group["momentum"]):
                taken.set("optimizer.momentum", float(group["momentum"]))
            if group["centered"]:
                notes.lose("centered=True of RMSprop is not taken over: this changes what is trained")
        case _:
            taken.set("optimizer.betas", [float(beta) for beta in group["betas"]])
            taken.set("optimizer.eps", float(group["eps"]))
            if group["amsgrad"]:
                notes.lose(f"amsgrad=True of {name} is not taken over: this changes what is trained")
            if name == "Adam" and group.get("decoupled_weight_decay") and decay:
                taken.set("optimizer.decay", "decoupled")
    if decay or name == "AdamW":
        taken.set("optimizer.weight_decay", decay)
    if any("initial_lr" in of for of in optimizer.param_groups) or _scheduled(optimizer):
        notes.lose(
            f"a scheduler changes the learning rate: it is not taken over, the rate stays at {float(group['lr']):g}: if it decays to 0, "
            'set optimizer.schedule = "linear" or "cosine". This changes what is trained'
        )
    if any(of for of in optimizer.state.values()):
        notes.lose("the optimizer has made steps already: its moments are not taken over, they begin at 0")
    own = {id(parameter) for parameter in model.parameters()}
    has = {id(parameter) for of in groups for parameter in of["params"]}
    strangers = len(has - own)
    if strangers:
        none = "" if has & own else ", and none of this model's: nothing is trained"
        notes.lose(
            f"the optimizer has {strangers} tensor{'s' * (strangers > 1)} that are not this model's{none}: "
            "make it anew with model.parameters() where that is not meant"
        )
    return own - has


def _scheduled(optimizer: Any) -> bool:
    """Whether a scheduler holds this optimizer: not every one leaves a mark on it."""
    kinds = torch.optim.lr_scheduler.LRScheduler
    for holder in gc.get_referrers(optimizer):
        if isinstance(holder, kinds) or (
            isinstance(holder, dict) and holder.get("optimizer") is optimizer and "last_epoch" in holder
        ):
            return True
    return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "item"):
        one = one.item()
    if hasattr(other, "item"):
        other = other.item()
    return bool(one == other)


# The loss.


class _Task:
    """Targets as they stand in the file."""

    def __init__(self, y: Array, y_test: "Array | None" = None) -> None:
        self.y = y
        self.y_test = y_test


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


def _known(loss: Any) -> "tuple[str, dict[str, Any]] | None":
    """What family of losses it is, and its keys; `None` if the format has no word for it."""
    kind = type(loss)
    reduction = getattr(loss, "reduction", "mean")
    if reduction == "none":
        raise CannotTake(
            f"{kind.__name__}(reduction='none') puts out a loss for each row: give a function that makes one number of it, as "
            "lambda prediction, y: loss(prediction, y).mean()"
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


def _loss(taken: Taken, loss: Any, bare: Any, x: Array, y: Any, y_test: Any, maximize: bool) -> _Task:
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


def _targets(y: Any, family: str, notes: Notes, what: str) -> Array:
    """Targets as PyTorch's loss would be given them: a tensor as it is, an array in the type that the loss takes."""
    found = array(y, what)
    tensor = hasattr(y, "detach")
    if found.dtype.kind in "USO":
        raise CannotTake(f"{what} is texts: give classes as numbers from 0, as LabelEncoder of scikit-learn makes them")
    if tensor:
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
    """PyTorch's loss of numbers that a function is, if it has the same values and gradients on numbers of several sizes."""
    if y.dtype.kind != "f":
        return None
    found = _predictions(bare, x)
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
        raise CannotTake(f"PyTorch itself refuses a step with {shapes}: {_said(error)}") from None
    return prediction.detach()


def _fits(
    taken: Taken, family: str, keys: dict[str, Any], rest: tuple[int, ...], target: tuple[int, ...], y: Array
) -> "str | None":
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
        shapes = f"{['rows', *rest]} against {['rows', *target]}".replace("'", "")
        return f"{shapes}: PyTorch pairs each prediction with every target"
    if rest == target and len(rest) <= 1:
        return ""
    if family == "numbers" and len(rest) == len(target) == 1 and 1 in (*rest, *target):
        return ""
    return None


def _written(taken: Taken, family: str, y: Array, y_test: "Array | None", both: Array) -> _Task:
    """Targets of a loss that the format has: classes as integers, where they are classes to it."""
    one = int(np.prod(y.shape[1:])) == 1
    if family == "labels" and one and len(np.unique(both)) == 2 and only_01(both):
        taken.set("data.labels", "index", "0 and 1 are classes")
        return _Task(y.astype(np.int64), None if y_test is None else y_test.astype(np.int64))
    if family == "classes" and y.dtype.kind in "biu":
        taken.set("data.labels", "index", "the number of a row's class, from 0")
        return _Task(y.astype(np.int64), None if y_test is None else y_test.astype(np.int64))
    y = y.astype(np.float32)
    y_test = None if y_test is None else y_test.astype(np.float32)
    if all(is_one_hot(part) for part in (y, y_test) if part is not None):
        taken.set("data.labels", "one-hot", "a row has 1 for its class")
    return _Task(y, y_test)


def _loss_module(
    taken: Taken, loss: Any, prediction: Any, y: Array, y_test: "Array | None", both: Array, maximize: bool
) -> _Task:
    """A loss as TorchScript. The file has at most one dimension behind the rows: the module gives targets their shape back."""
    notes = taken.notes
    outputs, width = int(np.prod(prediction.shape[1:])), int(np.prod(y.shape[1:]))
    if width > 1 and outputs not in (1, width):
        raise CannotTake(
            f"predictions have {outputs} numbers a row and targets {width}, as of classes of each pixel: the format has as many "
            "of one as of the other: hand over a part of the output, or targets as one-hot"
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
    taken.loss = _saved(_script(wrapped, (prediction.float(), target), notes, "loss"))
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
        notes.say(
            f"predictions are {['rows', *prediction.shape[1:]]} and targets {['rows', *y.shape[1:]]}: where the loss subtracts them, it pairs "
            "each prediction with every target, which no fix mends: y.reshape(-1, 1) or prediction.squeeze(1) does".replace(
                "'", ""
            )
        )
    return _Task(written[0], written[1] if y_test is not None else None)


class _Shaped(_Base):
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


# What cannot be seen in what it makes.


def _odd(model: Any, optimizer: Any, notes: Notes) -> None:
    """Notes hooks, which no file has."""
    parts = [
        name or "the model" for name, part in model.named_modules() if any(getattr(part, hook, None) for hook in HOOKS)
    ]
    if parts:
        notes.lose(f"hooks of {_listed(parts)} are not taken over: if one changes values, this changes what is trained")
    tensors = [name for name, parameter in model.named_parameters() if getattr(parameter, "_backward_hooks", None)]
    if tensors:
        notes.lose(
            f"gradient hooks of {_listed(tensors)} are not taken over: if they clip, set optimizer.clip_value. "
            "This changes what is trained"
        )
    for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        if getattr(optimizer, hooks, None):
            notes.lose(
                "hooks of the optimizer's step are not taken over: if one changes values, this changes what is trained"
            )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _said(error: BaseException) -> str:
    """The first line of an error that says something, no longer than a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 160 else text[:157] + "…"


@contextmanager
def quiet() -> Iterator[None]:
    """Without PyTorch's warnings, and with the user's random numbers as they were."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
