"""An experiment from a compiled model of Keras 3: a Sequential, or a functional chain of layers."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ._taken import (
    Array,
    CannotTake,
    Notes,
    Taken,
    Training,
    batches,
    check_rows,
    class_targets,
    drawn_seeds,
    held_out,
    input_array,
    labels,
    length,
    number_or_class,
    number_targets,
    only_01,
    target_array,
)

if TYPE_CHECKING:
    keras: Any
else:
    import keras

_ACTIVATIONS = ("relu", "sigmoid", "tanh", "elu", "gelu", "leaky_relu")
_OUTPUTS = ("relu", "sigmoid", "tanh", "softmax", "log_softmax")
_LOSSES = {
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "huber": "huber",
    "log_cosh": "log_cosh",
    "poisson": "poisson",
    "hinge": "hinge",
    "binary_crossentropy": "bce",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
}
#: The format's words for Keras' initialisers.
_INITS = {
    "GlorotUniform": "glorot_uniform",
    "GlorotNormal": "glorot_normal",
    "HeUniform": "kaiming_uniform",
    "HeNormal": "kaiming_normal",
    "LecunUniform": "lecun_uniform",
    "LecunNormal": "lecun_normal",
    "Zeros": "zeros",
}


def take(training: Training) -> Taken:
    model, notes = training.model, Notes()
    taken = Taken(f"Keras {keras.__version__} on {keras.backend.backend()}", "keras", notes)
    if training.y is None:
        raise CannotTake("y is missing: give the targets")
    if not getattr(model, "compiled", False) and (training.loss is None or training.optimizer is None):
        raise CannotTake(
            "the model is not compiled: call model.compile(optimizer=…, loss=…), or give loss and optimizer here"
        )
    if not model.built:
        raise CannotTake("the model has no weights yet: give it a keras.Input, or call model.build(X.shape)")
    optimizer = model.optimizer if training.optimizer is None else keras.optimizers.get(training.optimizer)
    loss = model.loss if training.loss is None else training.loss
    x = _inputs(training.X, notes)
    layers = _chain(model)
    y = _targets(training.y, "y")
    check_rows(x, y)
    x_test: Array | None = None
    y_test: Array | None = None
    if training.validation_data is None:
        held_out(taken, training.validation, "last")
    else:
        X_val, y_val = training.validation_data[:2]
        x_test, y_test = _inputs(X_val, notes), _targets(y_val, "y_val").astype(y.dtype)
        check_rows(x_test, y_test, "_val")
    size = 32 if training.batch_size is None else training.batch_size
    batches(taken, size, training.shuffle is None or bool(training.shuffle), len(x))
    length(taken, training.epochs, training.steps)
    dense = _network(taken, layers, x)
    _optimizer(taken, optimizer)
    y, y_test = _loss(taken, loss, y, y_test, dense[-1].units)
    taken.data = {"x": x, "y": y}
    if x_test is not None and y_test is not None:
        taken.data |= {"x_test": x_test, "y_test": y_test}
    _initial(taken, dense, training.seeds)
    if getattr(model, "_compile_loss", None) is not None and getattr(model._compile_loss, "_user_loss_weights", None):
        notes.lose("loss_weights are not taken over: this changes what is trained")
    return taken


def _inputs(X: Any, notes: Notes) -> Array:
    found = input_array(X)
    # Keras takes a vector for a column.
    found = found[:, None] if found.ndim == 1 else found
    if found.dtype == np.float64:
        notes.say("X is float64: converted to float32, as Keras does")
    return found.astype(np.float32)


def _targets(y: Any, what: str) -> Array:
    return number_or_class(target_array(y, what))


def _chain(model: Any) -> list[Any]:
    """The layers one after the other, those of models within the model taken out of them."""
    kind = type(model).__name__
    if kind not in ("Sequential", "Functional"):
        raise CannotTake(
            f"model is {kind}, with a call of its own: a Sequential or a functional chain of layers is taken over"
        )
    chain: list[Any] = []
    if kind == "Functional":
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise CannotTake(
                f"the model has {len(model.inputs)} inputs and {len(model.outputs)} outputs: expected one of each"
            )
        for layer in model.layers:
            nodes = [node for node in layer._inbound_nodes if node in model._nodes] or layer._inbound_nodes
            if len(nodes) > 1:
                raise CannotTake(f"layer {layer.name!r} is used twice: a chain of layers is taken over")
            if len(nodes[0].input_tensors) > 1:
                raise CannotTake(f"layer {layer.name!r} has several inputs: a chain of layers is taken over")
        heads = [id(tensor) for layer in model.layers for node in layer._inbound_nodes for tensor in node.input_tensors]
        if len(set(heads)) != len(heads):
            raise CannotTake("the model branches: a chain of layers is taken over")
    for layer in model.layers:
        if type(layer).__name__ in ("Sequential", "Functional"):
            chain += _chain(layer)
        elif type(layer).__name__ != "InputLayer":
            chain.append(layer)
    return chain


def _activation(function: Any, where: str) -> tuple[str, float | None]:
    name = str(getattr(function, "__name__", type(function).__name__))
    if name == "linear":
        return "identity", None
    if name in (*_ACTIVATIONS, *_OUTPUTS):
        # Keras' own function has this slope.
        return name, 0.2 if name == "leaky_relu" else None
    raise CannotTake(
        f"{where}: the activation {name} is none that the format has: take one of {', '.join(_ACTIVATIONS)}"
    )


def _layer_activation(layer: Any) -> tuple[str, float | None] | None:
    kind = type(layer).__name__
    if kind == "Activation":
        return _activation(layer.activation, layer.name)
    if kind == "ReLU" and layer.max_value is None and not layer.negative_slope and not layer.threshold:
        return "relu", None
    if kind == "LeakyReLU":
        return "leaky_relu", float(layer.negative_slope)
    if kind == "ELU" and float(layer.alpha) == 1.0:
        return "elu", None
    if kind == "Softmax" and layer.axis in (-1, 1):
        return "softmax", None
    return None


def _network(taken: Taken, layers: list[Any], x: Array) -> list[Any]:
    """Sets the network's keys; its dense layers."""
    blocks: list[tuple[Any, list[Any]]] = []
    flat = x.ndim == 2
    for layer in layers:
        kind = type(layer).__name__
        if kind == "Flatten":
            if blocks and not flat:
                raise CannotTake(f"layer {layer.name!r}: Flatten is taken over before the first Dense")
            flat = True
        elif kind == "Dense":
            if not flat:
                raise CannotTake(
                    f"X has {x.ndim} dimensions and Dense goes over the last one: put a Flatten before the first Dense"
                )
            if getattr(layer, "lora_enabled", False) or layer.kernel_constraint or layer.bias_constraint:
                raise CannotTake(
                    f"layer {layer.name!r} has constraints or LoRA, which the format has not: leave them out"
                )
            blocks.append((layer, []))
        elif not blocks:
            raise CannotTake(
                f"the model begins with {kind}: expected Dense, or Flatten before it: move it, or scale X beforehand"
            )
        else:
            blocks[-1][1].append(layer)
    if not blocks:
        raise CannotTake("the model has no Dense layer")
    activations: list[str] = []
    norms: list[Any] = []
    places: set[bool] = set()
    drops: list[float] = []
    slopes: set[float] = set()
    output = "identity"
    for at, (dense, rest) in enumerate(blocks):
        last = at == len(blocks) - 1
        activation, slope = _activation(dense.activation, dense.name)
        slopes |= {slope} if slope is not None else set()
        norm, drop = None, 0.0
        before = False
        for layer in rest:
            kind, own = type(layer).__name__, _layer_activation(layer)
            where = f"layer {layer.name!r}"
            if own is not None:
                if own[0] == "identity":
                    continue
                if activation != "identity" or (drop and own[0] not in ("relu", "leaky_relu") and not last):
                    raise CannotTake(
                        f"{where}: an activation behind another, or behind a dropout, cannot be said: leave one out"
                    )
                activation = own[0]
                slopes |= {own[1]} if own[1] is not None else set()
            elif kind in ("BatchNormalization", "LayerNormalization") and not last:
                if norm is not None or drop:
                    raise CannotTake(f"{where}: a norm behind another, or behind a dropout, cannot be said: move it")
                if not (layer.center and layer.scale):
                    raise CannotTake(f"{where}: a norm without center or scale is none that the format has")
                norm, before = layer, activation == "identity"
            elif kind == "Dropout":
                if drop or (last and activation != "identity"):
                    raise CannotTake(f"{where}: a dropout of what the model puts out cannot be said: leave it out")
                drop = float(layer.rate)
            else:
                raise CannotTake(
                    f"{where} is {kind}, which the format has not: expected Dense, Activation, Dropout, "
                    "BatchNormalization, LayerNormalization, and Flatten first; a PyTorch module of it can be taken "
                    "over"
                )
        drops.append(drop)
        if last:
            if activation not in ("identity", *_OUTPUTS):
                raise CannotTake(
                    f"the output's activation {activation} is none that the format has: {', '.join(_OUTPUTS)}"
                )
            output = activation
            continue
        if activation in ("softmax", "log_softmax"):
            raise CannotTake(f"layer {dense.name!r}: {activation} of a hidden layer is none that the format has")
        activations.append(activation)
        norms.append(norm)
        if norm is not None and activation != "identity":
            places.add(before)
    put = taken.set
    hidden = [dense.units for dense, _ in blocks[:-1]]
    put("model.hidden", hidden)
    if hidden:
        put("model.activation", activations[0] if len({*activations}) == 1 else activations)
    if len(slopes) > 1:
        raise CannotTake("leaky_relu has several slopes, here it is one for all layers: take one")
    if slopes - {0.2}:
        put("model.negative_slope", slopes.pop())
    biases = {bool(dense.use_bias) for dense, _ in blocks}
    if len(biases) > 1:
        raise CannotTake("some Dense layers have biases and some have none, here it is one for all layers")
    if biases == {False}:
        put("model.bias", False)
    put("model.outputs", blocks[-1][0].units)
    put("model.output", output)
    if any(drops):
        given = drops if drops[-1] > 0 else drops[:-1]
        put("model.dropout", given[0] if len({*given}) == 1 and len(given) == len(hidden) else given)
    _norms(taken, norms, places)
    frozen = [at for at, (dense, _) in enumerate(blocks) if not dense.trainable]
    for at, norm in enumerate(norms):
        if norm is not None and bool(norm.trainable) != (at not in frozen):
            taken.notes.lose(
                f"layer {norm.name!r} is trainable as its Dense layer is here: this changes what is trained"
            )
    if frozen:
        put("model.frozen", frozen, "trainable is False")
    _penalty(taken, [dense for dense, _ in blocks])
    return [dense for dense, _ in blocks]


def _norms(taken: Taken, norms: list[Any], places: set[bool]) -> None:
    there = [norm for norm in norms if norm is not None]
    if not there:
        return
    words = [
        "none" if norm is None else "batch" if type(norm).__name__ == "BatchNormalization" else "layer"
        for norm in norms
    ]
    if len(places) > 1 or len({norm.epsilon for norm in there}) > 1:
        raise CannotTake(
            "norms stand before and after activations, or have several values of epsilon: here it is one for all layers"
        )
    taken.set("model.norm", words[0] if len({*words}) == 1 else words)
    if places == {True}:
        taken.set("model.norm_place", "before")
    taken.set("model.norm_eps", float(there[0].epsilon))
    momenta = {float(norm.momentum) for norm in there if hasattr(norm, "momentum")}
    if len(momenta) > 1:
        raise CannotTake("norms have several values of momentum: here it is one for all layers")
    if momenta:
        momentum = momenta.pop()
        # 1 - 0.99 is 0.010000000000000009.
        taken.set("model.norm_momentum", float(f"{1 - momentum:.12g}"), f"1 less Keras' momentum, {momentum:g}")
    for norm in there:
        fresh = bool((_numpy(norm.gamma) == 1).all() and (_numpy(norm.beta) == 0).all())
        if not fresh:
            taken.notes.lose(f"layer {norm.name!r} has been trained already: it begins anew, with 1 and 0")


def _penalty(taken: Taken, dense: list[Any]) -> None:
    """The weights' regularizer, which the format has for all layers or none."""
    found = []
    for layer in dense:
        if layer.bias_regularizer is not None or layer.activity_regularizer is not None:
            taken.notes.lose(
                f"regularizers of biases or activities of {layer.name!r} are not taken over: this changes what is "
                "trained"
            )
        regularizer = layer.kernel_regularizer
        config = regularizer.get_config() if regularizer is not None else {}
        if set(config) - {"l1", "l2"}:
            raise CannotTake(
                f"layer {layer.name!r}: the regularizer {type(regularizer).__name__} is none that the format has: L1, "
                "L2, L1L2"
            )
        found.append((float(config.get("l1", 0.0)), float(config.get("l2", 0.0))))
    if len(set(found)) > 1:
        taken.notes.lose(
            "layers have several kernel regularizers: all have the first one's. This changes what is trained"
        )
    l1, l2 = next((pair for pair in found if any(pair)), (0.0, 0.0))
    if l1:
        taken.set("loss.l1", float(f"{l1:.7g}"), "kernel_regularizer")
    if l2:
        taken.set("loss.l2", float(f"{l2:.7g}"), "kernel_regularizer")


def _optimizer(taken: Taken, optimizer: Any) -> None:
    kinds = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "RMSprop": "rmsprop"}
    name = type(optimizer).__name__
    if name not in kinds:
        raise CannotTake(f"the optimizer {name} is none that the format has: take one of {', '.join(kinds)}")
    notes = taken.notes
    with warnings.catch_warnings():
        # Keras on JAX warns of what it does itself under NumPy 2.
        warnings.simplefilter("ignore", DeprecationWarning)
        config = optimizer.get_config()
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        steady = float(_numpy(optimizer.learning_rate))
        notes.lose(
            f"the learning rate's schedule {rate.get('class_name')} is not taken over, the rate stays at {steady:g}: "
            'set optimizer.schedule to "linear" or "cosine" where it is that. This changes what is trained'
        )
        rate = steady
    # Keras keeps its numbers in 32 bits.
    taken.set("optimizer.kind", kinds[name])
    taken.set("optimizer.learning_rate", float(f"{float(rate):.7g}"))
    match kinds[name]:
        case "sgd":
            if config["momentum"]:
                taken.set("optimizer.momentum", float(config["momentum"]))
            if config["nesterov"]:
                taken.set("optimizer.nesterov", True)
        case "rmsprop":
            taken.set("optimizer.alpha", float(config["rho"]))
            taken.set("optimizer.eps", float(config["epsilon"]))
            if config["momentum"]:
                taken.set("optimizer.momentum", float(config["momentum"]))
            if config["centered"]:
                notes.lose("centered=True of RMSprop is not taken over: this changes what is trained")
        case _:
            taken.set("optimizer.betas", [float(config["beta_1"]), float(config["beta_2"])])
            taken.set("optimizer.eps", float(config["epsilon"]))
            if config["amsgrad"]:
                notes.lose(f"amsgrad=True of {name} is not taken over: this changes what is trained")
    if config.get("weight_decay"):
        taken.set("optimizer.weight_decay", float(config["weight_decay"]))
    elif kinds[name] == "adamw":
        taken.set("optimizer.weight_decay", 0.0)
    if config.get("clipnorm"):
        taken.set("optimizer.clip_norm", float(config["clipnorm"]))
        taken.set("optimizer.clip_over", "each", "clipnorm")
    if config.get("global_clipnorm"):
        taken.set("optimizer.clip_norm", float(config["global_clipnorm"]))
        taken.set("optimizer.clip_over", "global", "global_clipnorm")
    if config.get("clipvalue"):
        taken.set("optimizer.clip_value", float(config["clipvalue"]))
    for key, what in (("use_ema", "use_ema"), ("gradient_accumulation_steps", "gradient_accumulation_steps")):
        if config.get(key):
            notes.lose(f"{what} of the optimizer is not taken over: this changes what is trained")
    if int(_numpy(optimizer.iterations)) > 0:
        notes.lose("the optimizer has made steps already: its moments are not taken over, they begin at 0")


def _loss(taken: Taken, loss: Any, y: Array, y_test: Array | None, outputs: int) -> tuple[Array, "Array | None"]:
    """Sets the loss' keys; the targets as they are written."""
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
    name = str(getattr(loss, "__name__", None) or _snake(type(loss).__name__))
    if name == "logcosh":
        name = "log_cosh"
    kind = _LOSSES.get(name)
    if kind is None:
        raise CannotTake(
            f"the loss {name} is none that the format has: take one of {', '.join(_LOSSES)}, or hand over a PyTorch "
            "module and loss"
        )
    taken.set("loss.kind", kind, f"Keras' {name}")
    if kind == "huber":
        taken.set("loss.delta", float(config.get("delta", 1.0)))
    reduction = config.get("reduction", "sum_over_batch_size")
    if reduction == "sum":
        taken.set("loss.reduction", "sum")
    elif reduction not in ("sum_over_batch_size", "mean"):
        raise CannotTake(f"the loss has the reduction {reduction!r}: expected sum_over_batch_size or sum")
    if float(config.get("label_smoothing", 0.0) or 0.0):
        taken.notes.lose(f"label_smoothing={config['label_smoothing']} is not taken over: this changes what is trained")
    if config.get("ignore_class") is not None:
        taken.notes.lose("ignore_class is not taken over: this changes what is trained")
    if kind in ("bce", "cross_entropy"):
        logits = bool(config.get("from_logits", False))
        output = taken.keys["model"]["output"]
        taken.set("loss.from", "logits" if logits else "probabilities", f"from_logits={logits}")
        # There the loss is taken from what stands before the output's activation.
        if (
            keras.backend.backend() == "tensorflow"
            and not logits
            and output == ("sigmoid" if kind == "bce" else "softmax")
        ):
            taken.set("loss.from", "logits", "Keras on TensorFlow takes it from before the activation")
            taken.set("model.output", "identity", f"{output}, which the loss takes in")
    both = y if y_test is None else np.concatenate([y, y_test])
    one = y.ndim == 1 or y.shape[1:] == (1,)
    whole = bool((both == np.round(both)).all())
    if name == "sparse_categorical_crossentropy":
        if not one or not whole:
            raise CannotTake(
                f"{name} takes classes as integers from 0, y is {list(y.shape)}: take categorical_crossentropy for "
                "rows of them"
            )
        if not labels(both, outputs):
            taken.notes.lose(
                f"y has not all classes from 0 to {int(both.max())}: they are numbered by their order. This changes "
                "what is trained"
            )
        return class_targets(taken, y, y_test, "index", "the number of a row's class, from 0")
    if kind == "bce" and one and only_01(both) and len(np.unique(both)) == 2:
        return class_targets(taken, y, y_test, "index", "0 and 1 are classes")
    if kind == "hinge" and one and only_01(both):
        return class_targets(taken, y, y_test, "plus-minus", "Keras makes −1 of 0")
    return number_targets(taken, y, y_test)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _initial(taken: Taken, dense: list[Any], seeds: list[int]) -> None:
    """Initial parameters by seed: the live weights, then what the layers' own initialisers draw.

    Only the live ones are written where the format has a word for the initialisers.
    """
    for at, layer in enumerate(dense):
        taken.initial[f"{seeds[0]}/{at}.weight"] = _numpy(layer.kernel).T.copy()
        if layer.use_bias:
            taken.initial[f"{seeds[0]}/{at}.bias"] = _numpy(layer.bias).copy()
    words = {_INITS.get(type(layer.kernel_initializer).__name__) for layer in dense}
    biases = {_INITS.get(type(layer.bias_initializer).__name__) for layer in dense if layer.use_bias}
    begin = f"seed {seeds[0]} begins as the live model stands"
    if len(words) == 1 and None not in words and biases <= {"zeros"}:
        taken.set("model.init", words.pop())
        taken.comments["model.initial"] = f"{begin}; other seeds are drawn by init"
        return
    size = sum(4 * math.prod(layer.kernel.shape) for layer in dense)
    for seed in drawn_seeds(seeds, size, taken.notes)[1:]:
        for at, layer in enumerate(dense):
            taken.initial[f"{seed}/{at}.weight"] = _drawn(
                layer.kernel_initializer, layer.kernel.shape, seed, at
            ).T.copy()
            if layer.use_bias:
                taken.initial[f"{seed}/{at}.bias"] = _drawn(
                    layer.bias_initializer, layer.bias.shape, seed, at + len(dense)
                )
    taken.comments["model.initial"] = f"{begin}, others as its own initialisers draw"


def _drawn(initializer: Any, shape: Any, seed: int, place: int) -> Array:
    config = initializer.get_config()
    if "seed" in config:
        initializer = type(initializer).from_config({**config, "seed": 1000 * seed + place})
    return _numpy(initializer(tuple(shape), dtype="float32"))


def _numpy(tensor: Any) -> Array:
    found: Array = np.asarray(keras.ops.convert_to_numpy(getattr(tensor, "value", tensor)), dtype=np.float32)
    return found
