"""Training by PyTorch, Keras or Flax themselves, to compare misfit's `framework` with:
KERAS_BACKEND=jax python tests/frameworks.py < cases.jsonl > losses.jsonl

One JSON object a line in, one out: {"losses": [...]}, the loss of each batch before its update, or {"error": "..."}: what
the framework raised, or "none" where it has no such thing. A loss that is not finite is "nan", "inf" or "-inf".

A case has
- framework: pytorch, keras or flax;
- widths of all layers, activation and norm (none, batch, layer) of each hidden layer, output, bias. A hidden layer is
  linear, activation, norm, dropout;
- masks, null or for each step and hidden layer the flat mask of its dropout, and dropout, the share of each hidden layer;
- loss: kind, from, sparse (a target is the place of a class), l1, l2;
- optimizer: kind and settings; one that is left out is the framework's own default. clip_over: all or each;
- zero_grad, frozen and without (layers from 0, each with its norm), mode (train, eval);
- parameters: weights [in, out] and biases of each linear layer, flat;
- batches: rows, x and y, flat, one for each step. One with evaluate = true is not trained on: its loss is evaluation's.
"""

import json
import math
import sys

import numpy as np


class Missing(Exception):
    """The framework has no such thing."""


def array(flat, *shape):
    return np.array(flat, np.float32).reshape(shape)


def batches(case):
    """Step by step: inputs, targets (places of classes as a vector of integers), factors of the dropout, whether to evaluate."""
    for step, batch in enumerate(case["batches"]):
        rows = batch["rows"]
        y = array(batch["y"], rows, -1)
        if case["loss"]["sparse"]:
            y = y[:, 0].astype(np.int32)
        evaluate, factors = batch.get("evaluate", False), []
        if case["masks"] and case["mode"] == "train":
            for mask, p in zip(case["masks"][step], case["dropout"]):
                mask = array(mask, rows, -1)
                factors.append(np.ones_like(mask) if evaluate else mask / np.float32(1 - p) if p < 1 else 0 * mask)
        yield array(batch["x"], rows, -1), y, factors, evaluate


def dense(case):
    """Weights and, if there are any, biases of each linear layer."""
    flat = iter(case["parameters"])
    for ins, outs in zip(case["widths"], case["widths"][1:]):
        weights = array(next(flat), ins, outs)
        yield [weights, array(next(flat), outs)] if case["bias"] else [weights]


def settings(optimizer, names, betas=None):
    """The settings that are given, under the framework's names; those that the optimizer does not have are an error."""
    own = {"sgd": ["momentum", "nesterov"], "rmsprop": ["momentum", "alpha", "eps"]}.get(optimizer["kind"], ["betas", "eps"])
    given = {}
    for key, value in optimizer.items():
        if key in ["kind", "clip_norm", "clip_value", "clip_over"]:
            continue
        if key not in ["learning_rate", "weight_decay", *own]:
            raise Missing
        if key == "betas" and betas:
            given |= zip(betas, value)
        else:
            # Keras refuses a momentum of 0 in place of 0.0.
            given[names.get(key, key)] = float(value) if type(value) is int else value
    return given


def pytorch(case):
    import torch
    import torch.nn.functional as F

    def loss(p, y):
        kind, of, sparse = (case["loss"][key] for key in ["kind", "from", "sparse"])
        y = y.long() if sparse else y
        if kind == "cross_entropy" and of in [None, "logits"]:
            return F.cross_entropy(p, y)
        if sparse and (kind == "nll" or kind == "cross_entropy" and of == "log_probabilities"):
            return F.nll_loss(p, y)
        if kind == "bce" and of == "logits":
            return F.binary_cross_entropy_with_logits(p, y)
        if kind == "bce" and of in [None, "probabilities"]:
            return F.binary_cross_entropy(p, y)
        if kind == "poisson":
            # PyTorch's default is log_input=True.
            return F.poisson_nll_loss(p, y, log_input=False)
        found = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}.get(kind)
        if found is None:
            raise Missing
        return found(p, y)

    activations = {
        **{name: getattr(F, name) for name in ["relu", "leaky_relu", "elu", "gelu"]},
        **{name: getattr(torch, name) for name in ["sigmoid", "tanh"]},
        "identity": lambda z: z,
        "softmax": lambda z: F.softmax(z, -1),
        "log_softmax": lambda z: F.log_softmax(z, -1),
    }
    norms = {"none": lambda _: torch.nn.Identity(), "batch": torch.nn.BatchNorm1d, "layer": torch.nn.LayerNorm}
    widths = case["widths"]
    linear = [torch.nn.Linear(ins, outs, bias=case["bias"]) for ins, outs in zip(widths, widths[1:])]
    normed = [norms[norm](width) for norm, width in zip(case["norm"], widths[1:])] + [torch.nn.Identity()]
    layers = torch.nn.ModuleList(map(torch.nn.Sequential, linear, normed))
    for layer, tensors in zip(linear, dense(case)):
        for parameter, value in zip(layer.parameters(), [tensors[0].T, *tensors[1:]]):
            parameter.data = torch.tensor(value)
    for place in case["frozen"]:
        layers[place].requires_grad_(False)
    trained = [p for place, layer in enumerate(layers) if place not in case["without"] for p in layer.parameters()]
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}
    options = case["optimizer"]
    given = settings(options, {"learning_rate": "lr"})
    optimizer = kinds[options["kind"]]([p for p in trained if p.requires_grad], **given)

    for x, y, factors, evaluate in batches(case):
        if case["zero_grad"]:
            optimizer.zero_grad()
        layers.train(case["mode"] == "train" and not evaluate)
        h = torch.tensor(x)
        for place, activation in enumerate(case["activation"]):
            h = normed[place](activations[activation](linear[place](h)))
            h = h * torch.tensor(factors[place]) if factors else h
        value = loss(activations[case["output"]](linear[-1](h)), torch.tensor(y))
        for layer in linear:
            value = value + case["loss"]["l1"] * layer.weight.abs().sum() + case["loss"]["l2"] * layer.weight.square().sum()
        yield value.item()
        if evaluate:
            continue
        value.backward()
        if "clip_norm" in options:
            each = options.get("clip_over") == "each"
            for parameters in layers.parameters() if each else [layers.parameters()]:
                torch.nn.utils.clip_grad_norm_(parameters, options["clip_norm"])
        if "clip_value" in options:
            torch.nn.utils.clip_grad_value_(layers.parameters(), options["clip_value"])
        optimizer.step()


def by_keras(case):
    import keras

    if not case["zero_grad"] or case["without"]:
        raise Missing
    of, sparse = case["loss"]["from"], case["loss"]["sparse"]
    losses = {
        "mse": keras.losses.MeanSquaredError,
        "mae": keras.losses.MeanAbsoluteError,
        "huber": keras.losses.Huber,
        "log_cosh": keras.losses.LogCosh,
        "mape": keras.losses.MeanAbsolutePercentageError,
        "poisson": keras.losses.Poisson,
        "hinge": keras.losses.Hinge,
        "bce": keras.losses.BinaryCrossentropy,
        "cross_entropy": keras.losses.SparseCategoricalCrossentropy if sparse else keras.losses.CategoricalCrossentropy,
    }
    kind = case["loss"]["kind"]
    if kind not in losses or of == "log_probabilities":
        raise Missing
    loss = losses[kind](from_logits=True) if of == "logits" and kind in ["bce", "cross_entropy"] else losses[kind]()

    l1, l2 = case["loss"]["l1"], case["loss"]["l2"]
    norms = {"none": keras.layers.Identity, "layer": keras.layers.LayerNormalization}
    norms["batch"] = keras.layers.BatchNormalization

    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.linear, self.normed = [], []
            for place, activation in enumerate([*case["activation"], case["output"]]):
                units, activation = case["widths"][place + 1], "linear" if activation == "identity" else activation
                penalty = keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
                self.linear.append(keras.layers.Dense(units, activation, case["bias"], kernel_regularizer=penalty))
                self.normed.append(norms[[*case["norm"], "none"][place]]())
                self.linear[-1].trainable = self.normed[-1].trainable = place not in case["frozen"]

        # A model of the functional API passes True on to its layers in training, even if they were called with False. A
        # subclass without this argument passes nothing on: its batch norm is always that of evaluation.
        def call(self, inputs, training=False):
            h, *factors = inputs
            training = training and case["mode"] == "train"
            for place, (linear, norm) in enumerate(zip(self.linear, self.normed)):
                h = linear(h)
                h = norm(h, training=training) if isinstance(norm, keras.layers.BatchNormalization) else norm(h)
                h = h * factors[place] if place < len(factors) else h
            return h

    keras.backend.clear_session()
    model = Network()
    x, _, factors, _ = next(batches(case))
    model([x, *factors])
    for layer, tensors in zip(model.linear, dense(case)):
        layer.set_weights(tensors)

    of = keras.optimizers
    kinds = {"adam": of.Adam, "adamw": of.AdamW, "sgd": of.SGD, "rmsprop": of.RMSprop}
    options = case["optimizer"]
    given = settings(options, {"eps": "epsilon", "alpha": "rho"}, ["beta_1", "beta_2"])
    clip = {"clip_value": "clipvalue", "clip_norm": "global_clipnorm" if options.get("clip_over") == "all" else "clipnorm"}
    given |= {clip[key]: options[key] for key in clip if key in options}
    model.compile(kinds[options["kind"]](**given), loss)
    for x, y, factors, evaluate in batches(case):
        on_batch = model.test_on_batch if evaluate else model.train_on_batch
        yield float(np.ravel(on_batch([x, *factors], y))[0])


def flax(case):
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    import optax

    if not case["zero_grad"]:
        raise Missing
    activations = {name: getattr(nn, name) for name in ["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh"]}
    activations |= {"identity": lambda z: z, "softmax": nn.softmax, "log_softmax": nn.log_softmax}

    class Network(nn.Module):
        @nn.compact
        def __call__(self, h, factors, evaluate):
            for place, activation in enumerate([*case["activation"], case["output"]]):
                h = nn.Dense(case["widths"][place + 1], case["bias"], name=f"linear {place}")(h)
                h = activations[activation](h)
                if place == len(case["activation"]):
                    return h
                if case["norm"][place] == "batch":
                    h = nn.BatchNorm(use_running_average=evaluate, name=f"norm {place}")(h)
                elif case["norm"][place] == "layer":
                    h = nn.LayerNorm(name=f"norm {place}")(h)
                h = h * factors[place] if factors else h

    kind, of, sparse = (case["loss"][key] for key in ["kind", "from", "sparse"])
    losses = {"mse": optax.squared_error, "huber": optax.huber_loss, "log_cosh": optax.log_cosh, "hinge": optax.hinge_loss}
    if of in [None, "logits"]:
        losses["bce"] = optax.sigmoid_binary_cross_entropy
        softmax = optax.softmax_cross_entropy_with_integer_labels if sparse else optax.softmax_cross_entropy
        losses["cross_entropy"] = softmax
    options = dict(case["optimizer"])
    if kind not in losses or "learning_rate" not in options or options.get("clip_over") == "each":
        raise Missing

    chain = [optax.clip_by_global_norm(options["clip_norm"])] if "clip_norm" in options else []
    chain += [optax.clip(options["clip_value"])] if "clip_value" in options else []
    if options["kind"] != "adamw" and "weight_decay" in options:
        chain.append(optax.add_decayed_weights(options.pop("weight_decay")))
    kinds = {"adam": optax.adam, "adamw": optax.adamw, "sgd": optax.sgd, "rmsprop": optax.rmsprop}
    chain.append(kinds[options["kind"]](**settings(options, {"alpha": "decay"}, ["b1", "b2"])))
    still = {*case["frozen"], *case["without"]}

    network = Network()
    x, _, factors, _ = next(batches(case))
    state = network.init(jax.random.key(0), x, factors, False)
    parameters = dict(state["params"])
    statistics = state.get("batch_stats", {})
    for place, tensors in enumerate(dense(case)):
        parameters[f"linear {place}"] = dict(zip(["kernel", "bias"], map(jnp.asarray, tensors)))
    labels = {name: "still" if int(name.split()[1]) in still else "trained" for name in parameters}
    optimizer = optax.multi_transform({"trained": optax.chain(*chain), "still": optax.set_to_zero()}, labels)

    def loss(parameters, statistics, x, y, factors, evaluate):
        variables = {"params": parameters, "batch_stats": statistics}
        p, changed = network.apply(variables, x, factors, evaluate, mutable=["batch_stats"])
        value = losses[kind](p, y).mean()
        for name in parameters:
            if "kernel" in parameters[name]:
                weights = parameters[name]["kernel"]
                value += case["loss"]["l1"] * jnp.abs(weights).sum() + case["loss"]["l2"] * jnp.square(weights).sum()
        return value, changed.get("batch_stats", {})

    @jax.jit
    def step(parameters, statistics, memory, x, y, factors):
        derive = jax.value_and_grad(loss, has_aux=True)
        (value, statistics), gradient = derive(parameters, statistics, x, y, factors, case["mode"] == "eval")
        updates, memory = optimizer.update(gradient, memory, parameters)
        return optax.apply_updates(parameters, updates), statistics, memory, value

    memory = optimizer.init(parameters)
    for *batch, evaluate in batches(case):
        if evaluate:
            value, _ = loss(parameters, statistics, *batch, True)
        else:
            parameters, statistics, memory, value = step(parameters, statistics, memory, *batch)
        yield float(value)


def main():
    for line in sys.stdin:
        case = json.loads(line)
        try:
            by = {"pytorch": pytorch, "keras": by_keras, "flax": flax}[case["framework"]]
            losses = [value if math.isfinite(value) else str(value) for value in by(case)]
            answer = {"losses": losses}
        except Missing:
            answer = {"error": "none"}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


main()
