"""A chain of layers that the format has, as the keys of `[model]`."""

from typing import Any

from ._initialiser import bias_initialiser, initialiser
from ._taken import Array, Taken
from ._torch import nn, numbers


class Layers:
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
        weights = [numbers(layer.weight) for layer in self.linear]
        biases = [numbers(layer.bias) for layer in self.linear if layer.bias is not None]
        for at, layer in enumerate(self.linear):
            taken.initial[f"{seed}/{at}.weight"] = numbers(layer.weight)
            if layer.bias is not None:
                taken.initial[f"{seed}/{at}.bias"] = numbers(layer.bias)
        taken.comments["model.initial"] = f"seed {seed} begins as the live model stands; other seeds are drawn by init"
        init, init_bias = initialiser(weights), bias_initialiser(weights, biases)
        if init is None or init_bias is None:
            what = "weights" if init is None else "biases"
            taken.notes.say(
                f"the {what} are not as one of the known initialisers draws them, as of a model that was trained "
                f"already: seed {seed} begins with them, every other seed as PyTorch's layers do; set "
                "model.init for another way"
            )
        taken.set("model.init", init or "pytorch", "as the live weights look" if init not in (None, "pytorch") else "")
        if biases:
            look = "as the live biases look" if init_bias not in (None, "pytorch") else ""
            taken.set("model.init_bias", init_bias or "pytorch", look)


def as_layers(model: Any, x: Array, untouched: set[int]) -> Layers | str:
    """The layers of a Sequential, or why the format has none such. `untouched`: ids of what no optimizer moves."""
    layers, chain = Layers(), _flat(model, x.ndim)
    if isinstance(chain, str):
        return chain
    stack: list[Any] = []
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
    return _frozen(layers, untouched) or layers


def _flat(model: Any, dimensions: int) -> list[Any] | str:
    """The layers of a Sequential and of those within it, in their order, without those that do nothing."""
    chain: list[Any] = []
    for layer in model:
        if type(layer) is nn.Sequential:
            inner = _flat(layer, dimensions)
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


def _word(layer: Any) -> tuple[str, float | None] | None:
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


def _norm(layer: Any, units: int) -> str | None:
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


def _block(layers: Layers, linear: Any, rest: list[Any]) -> str | None:
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


def _last_block(layers: Layers, rest: list[Any]) -> str | None:
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


def _frozen(layers: Layers, untouched: set[int]) -> str | None:
    """Sets which layers are not trained, or returns why the format cannot say which."""
    for at, layer in enumerate(layers.linear):
        norm = layers.norms[at] if at < len(layers.norms) else None
        own = [*layer.parameters(), *(norm.parameters() if norm is not None else ())]
        grads = {bool(parameter.requires_grad) for parameter in own}
        outside = {id(parameter) in untouched for parameter in own if parameter.requires_grad}
        if len(grads) > 1:
            return f"linear layer {at} has requires_grad on a part of its parameters only"
        if len(outside) > 1:
            return f"the optimizer has a part of the parameters of linear layer {at} only"
        if grads == {False}:
            layers.frozen.append(at)
        elif outside == {True}:
            layers.without.append(at)
    return None
