"""An experiment from an MLPRegressor or MLPClassifier of scikit-learn.

With n rows of a batch, K output columns and weights w its objective is, by its gradient,

    MLPRegressor   Σ over the columns of ½·mean((ŷ − y)²)   + alpha/(2n)·Σw²      = K/2·mse + …
    MLPClassifier  the sum over the columns of their bce      + alpha/(2n)·Σw²      = K·bce + …, of two classes K = 1
                   or, of more classes, the cross-entropy      + alpha/(2n)·Σw²

c times the format's loss with `l2 = alpha/(2nc)`, c = K/2, K or 1. A gradient of 1/c is what SGD makes up by
`learning_rate` times c, and Adam by `eps` divided by c. So every update is scikit-learn's, and losses are 1/c of those
in `loss_curve_` (of several columns of numbers scikit-learn reports their mean, and trains by their sum).
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._taken import (
    Array,
    CannotTake,
    Notes,
    Taken,
    Training,
    array,
    batches,
    check_rows,
    drawn_seeds,
    held_out,
    is_one_hot,
    length,
    number_or_class,
    options_left,
)

if TYPE_CHECKING:
    sklearn: Any
else:
    import sklearn

_ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


def take(training: Training) -> Taken:
    model, notes = training.model, Notes()
    kind = type(model).__name__
    if kind == "Pipeline":
        raise CannotTake(
            "model is a Pipeline: hand over its last step, and X as the steps before it transform it: "
            "pipe[:-1].transform(X)"
        )
    if kind not in ("MLPRegressor", "MLPClassifier"):
        raise CannotTake(f"model is {kind}: of scikit-learn an MLPRegressor or an MLPClassifier can be taken over")
    options_left(
        {name: getattr(training, name) for name in ("loss", "optimizer", "batch_size", "shuffle")},
        f"the {kind} holds them itself: set them there, by model.set_params()",
    )
    if model.solver == "lbfgs":
        raise CannotTake('solver="lbfgs" is no training by steps: set solver="adam" or "sgd", which is taken over')
    if training.y is None:
        raise CannotTake("y is missing: give the targets")
    taken = Taken(f"scikit-learn {sklearn.__version__}", None, notes)
    x = _inputs(training.X, notes)
    regression = kind == "MLPRegressor"
    targets, outputs = _targets(taken, array(training.y, "y"), regression, notes)
    check_rows(x, targets)
    taken.data = {"x": x, "y": targets}
    if training.validation_data is None:
        held_out(taken, training.validation, "random")
    else:
        X_val, y_val = training.validation_data
        taken.data["x_test"] = _inputs(X_val, notes)
        test, _ = _targets(taken, array(y_val, "y_val"), regression, notes, targets)
        check_rows(taken.data["x_test"], test, "_val")
        taken.data["y_test"] = test

    binary = not regression and outputs == 1
    several = not regression and targets.ndim == 2
    if regression:
        if getattr(model, "loss", "squared_error") != "squared_error":
            raise CannotTake(f'loss="{model.loss}" of MLPRegressor cannot be taken over: set loss="squared_error"')
        factor = outputs / 2
        taken.set("loss.kind", "mse", f"scikit-learn's loss is {factor:g} times that" if factor != 1 else "")
    elif binary or several:
        factor = float(outputs)
        taken.set("loss.kind", "bce")
        taken.set("loss.from", "logits", "its output is a sigmoid, which the loss takes in here")
    else:
        factor = 1.0
        taken.set("loss.kind", "cross_entropy")
        taken.set("loss.from", "logits", "its output is a softmax, which the loss takes in here")
    hidden = [int(units) for units in np.atleast_1d(model.hidden_layer_sizes)]
    taken.set("model.hidden", hidden)
    if hidden:
        taken.set("model.activation", _ACTIVATIONS[model.activation])
    taken.set("model.outputs", outputs)
    taken.set("model.output", "identity")

    rows = len(x)
    size = min(200, rows) if model.batch_size == "auto" else int(model.batch_size)
    batches(taken, size, bool(model.shuffle), rows)
    size = min(size, rows)
    if model.alpha:
        penalty = float(model.alpha) / (2 * size * factor)
        taken.set(
            "loss.l2",
            penalty,
            f"alpha={model.alpha:g} over {2 * size * factor:g}, twice a batch's rows times {factor:g}",
        )
        if rows % size:
            notes.say(
                f"the last batch of an epoch has {rows % size} rows, and scikit-learn divides alpha by these: here it "
                f"is {size}, so the penalty is a little less there"
            )
    _solver(taken, model, factor)
    if training.epochs is None and training.steps is None:
        taken.set("train.epochs", int(model.max_iter), "max_iter")
    else:
        length(taken, training.epochs, training.steps)
    _stop(taken, model, factor)
    _initial(taken, model, [x.shape[1], *hidden, outputs], training.seeds)
    if getattr(model, "warm_start", False) and hasattr(model, "coefs_"):
        notes.lose(
            "warm_start=True: fit would go on from the fitted weights, here it begins anew. This changes what is "
            "trained"
        )
    return taken


def _inputs(X: Any, notes: Notes) -> Array:
    found = array(X, "X")
    if found.ndim != 2:
        raise CannotTake(f"X has {found.ndim} dimensions: expected [rows, columns], as scikit-learn does")
    if found.dtype == np.float64:
        notes.say("X is float64, in which scikit-learn computes: here it is float32, so losses agree to some 6 digits")
    return found.astype(np.float32)


def _targets(taken: Taken, y: Array, regression: bool, notes: Notes, like: Array | None = None) -> tuple[Array, int]:
    """Targets, and how many output units there are for them."""
    if regression:
        y = y.astype(np.float32)
        if is_one_hot(y):
            taken.set("data.labels", "one-hot", "a row has 1 for one of its columns")
        return y, 1 if y.ndim == 1 else y.shape[1]
    if y.ndim == 2 and y.shape[1] > 1:
        notes.say("y has several columns: a label each")
        if is_one_hot(y):
            taken.set("data.labels", "one-hot", "a row has 1 for its class")
        return number_or_class(y).astype(np.float32), y.shape[1]
    y = y.ravel()
    names, places = np.unique(y, return_inverse=True)
    if like is not None and len(names) != len(np.unique(like)):
        raise CannotTake("y_val has not the classes of y: give rows of each class")
    if names.dtype.kind not in "biu" or names[0] != 0 or names[-1] != len(names) - 1:
        shown = ", ".join(str(name) for name in names[:6]) + (", …" if len(names) > 6 else "")
        notes.say(f"the classes {shown} are called 0 to {len(names) - 1} here")
    if len(names) < 2:
        raise CannotTake(f"y has one class, {names[0]}: expected two or more")
    taken.set("data.labels", "index", "the number of a row's class, from 0")
    return places.astype(np.int64), 1 if len(names) == 2 else len(names)


def _solver(taken: Taken, model: Any, factor: float) -> None:
    rate = float(model.learning_rate_init)
    taken.set("optimizer.kind", model.solver)
    if model.solver == "sgd":
        taken.set(
            "optimizer.learning_rate",
            rate * factor,
            f"learning_rate_init={rate:g}, times {factor:g}" if factor != 1 else "",
        )
        if model.momentum:
            taken.set("optimizer.momentum", float(model.momentum))
            if model.nesterovs_momentum:
                taken.set("optimizer.nesterov", True)
        if model.learning_rate != "constant":
            taken.notes.lose(
                f'learning_rate="{model.learning_rate}" is not taken over, the rate stays at {rate:g}: this changes '
                "what is trained"
            )
    else:
        taken.set("optimizer.learning_rate", rate)
        taken.set("optimizer.betas", [float(model.beta_1), float(model.beta_2)])
        said = f"epsilon={model.epsilon:g}, over {factor:g}" if factor != 1 else ""
        taken.set("optimizer.eps", float(model.epsilon) / factor, said)
        taken.set("optimizer.eps_place", "inside", "as scikit-learn has it")


def _stop(taken: Taken, model: Any, factor: float) -> None:
    patience = int(model.n_iter_no_change) if math.isfinite(model.n_iter_no_change) else None
    if patience is None or patience >= model.max_iter:
        return
    # scikit-learn stops once more epochs than these have passed without an improvement.
    stop: dict[str, Any] = {"patience": patience + 1}
    if model.early_stopping:
        stop |= {"on": "validation", "validation": float(model.validation_fraction), "restore": True}
        taken.notes.say(
            "early_stopping goes by the loss of the validation rows here, by R² or accuracy in scikit-learn, and these "
            "rows are drawn otherwise: it may stop in another epoch"
        )
    else:
        stop |= {"min_delta": float(model.tol) / factor, "on": "train"}
        taken.notes.say(
            "tol and n_iter_no_change go by the loss after an epoch here, by its mean during the epoch in "
            "scikit-learn: it may stop in another epoch"
        )
    taken.set("train.stop", stop, "n_iter_no_change, tol")


def _initial(taken: Taken, model: Any, widths: list[int], seeds: list[int]) -> None:
    """Initial parameters as scikit-learn draws them: of the model's `random_state`, then of the seeds' own."""
    first = model.random_state if isinstance(model.random_state, (int, np.integer)) else None
    size = sum(4 * (i + 1) * o for i, o in zip(widths, widths[1:]))
    for at, seed in enumerate(drawn_seeds(seeds, size, taken.notes)):
        state = np.random.RandomState(first if at == 0 and first is not None else seed)
        for layer, (i, o) in enumerate(zip(widths, widths[1:])):
            bound = math.sqrt((2.0 if model.activation == "logistic" else 6.0) / (i + o))
            taken.initial[f"{seed}/{layer}.weight"] = state.uniform(-bound, bound, (i, o)).T.astype(np.float32)
            taken.initial[f"{seed}/{layer}.bias"] = state.uniform(-bound, bound, o).astype(np.float32)
    whose = f"random_state={first}" if first is not None else f"random_state={seeds[0]}"
    taken.comments["model.initial"] = f"as scikit-learn draws them: seed {seeds[0]} is {whose}"
