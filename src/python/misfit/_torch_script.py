"""Modules as TorchScript, and a network with its initial parameters."""

import copy
import io
import math
from typing import Any

import numpy as np

from ._taken import Array, CannotTake, Notes, Taken, drawn_seeds
from ._torch import TWO_MODES, first_line, listed, nn, numbers, shape_of_rows, torch


def set_module(
    taken: Taken, model: Any, bare: Any, x: Array, prediction: Any, untouched: set[int], seeds: list[int]
) -> None:
    """The network as TorchScript, with initial parameters by seed."""
    notes = taken.notes
    parameters = list(model.named_parameters())
    unheld = [name for name, parameter in parameters if id(parameter) in untouched and parameter.requires_grad]
    held = {*unheld, *(name for name, parameter in parameters if not parameter.requires_grad)}
    if len(held) == len(parameters):
        raise CannotTake("no parameter of this model is trained: make the optimizer with model.parameters()")
    for name, parameter in bare.named_parameters():
        parameter.requires_grad_(name not in held)
    if unheld:
        notes.say(f"not among the optimizer's parameters, so saved as untrained: {listed(unheld)}")
    few = torch.from_numpy(x[: min(len(x), 8)].copy())
    script = scripted(bare, (few,), notes, "model")
    names = {name: name for name, _ in script.named_parameters()}
    if not _runs_without_gradients(script, few):
        script = torch.jit.script(_Differentiated(script))
        names = {name: name.removeprefix("inner.") for name, _ in script.named_parameters()}
        if not _runs_without_gradients(script, few):
            raise CannotTake(
                "the model puts out nothing under torch.no_grad(), as it is evaluated: let its forward work there"
            )
    taken.model = saved(script)
    outputs = int(np.prod(prediction.shape[1:])) if prediction.ndim > 1 else 1
    taken.set("model.outputs", outputs, f"it puts out {shape_of_rows(prediction.shape[1:])}")
    last = _last_layer(bare, few, notes)
    if last is not None:
        taken.set("model.output", last, "what its last layer is, which the rules go by")
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
        values = numbers(live[own])
        taken.initial[f"{drawn[0]}/{name}"] = values
        for seed, (begun, _) in zip(drawn[1:], fresh):
            if own in otherwise:
                order = np.random.RandomState(seed).permutation(values.size)
                taken.initial[f"{seed}/{name}"] = values.ravel()[order].reshape(values.shape)
            else:
                taken.initial[f"{seed}/{name}"] = numbers(begun[own])
    taken.comments["model.initial"] = f"seed {seeds[0]} begins as the live model stands, others as its layers draw anew"
    if undrawn:
        notes.say(f"what has no reset_parameters() begins with every seed as it stands: {listed(sorted(undrawn))}")
    if otherwise and fresh:
        notes.say(
            "the live model begins otherwise than its layers' reset_parameters() draw, as after own initialisers or "
            f"training: other seeds than {seeds[0]} have its values in another order: {listed(sorted(otherwise))}"
        )


#: What the last operation of a network is, by the node of autograd that derives it.
_LAST = {
    "SoftmaxBackward": "softmax",
    "LogSoftmaxBackward": "log_softmax",
    "SigmoidBackward": "sigmoid",
    "TanhBackward": "tanh",
    "ReluBackward": "relu",
    "AddmmBackward": "identity",
}

#: Nodes that change a shape alone.
_RESHAPES = ("ViewBackward", "UnsafeViewBackward", "ReshapeAliasBackward", "SqueezeBackward", "UnsqueezeBackward")


def _last_layer(bare: Any, few: Any, notes: Notes) -> str | None:
    """The format's word for what a module does last, `None` where there is none."""
    prediction = copy.deepcopy(bare).eval()(few)
    node = prediction.grad_fn
    while node is not None and _kind_of(node) in _RESHAPES:
        node = node.next_functions[0][0]
    last = None if node is None else _LAST.get(_kind_of(node))
    if last not in ("softmax", "log_softmax"):
        return last
    shares = prediction.detach().exp() if last == "log_softmax" else prediction.detach()
    if bool(torch.allclose(shares.sum(-1), torch.ones(()), atol=1e-4)):
        return last
    notes.say(
        f"the model's last layer is a {last} that does not make the outputs of a row sum to 1: its dim should be the "
        "last one, dim=-1"
    )
    return None


def _kind_of(node: Any) -> str:
    return str(node.name()).rstrip("0123456789")


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


class _Differentiated(nn.Module):  # type: ignore[misc]
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
    one, other = numbers(live).astype(float), numbers(drawn).astype(float)
    if one.size < 32:
        return False
    scales = sorted([math.sqrt(float((one**2).mean())), math.sqrt(float((other**2).mean()))])
    return scales[1] > 1.5 * scales[0] + 1e-12


def scripted(module: Any, examples: tuple[Any, ...], notes: Notes, what: str) -> Any:
    """A module as TorchScript: scripted, else traced."""
    kept = copy.deepcopy(module).train()
    try:
        script = torch.jit.script(kept)
        # What compiles may fail all the same, as torch.tensor(x) of a tensor.
        copy.deepcopy(script).eval()(*examples)
        saved(script)
        return script
    except Exception as error:
        reason = first_line(error)
    for name, part in list(kept.named_modules()):
        if name and type(part).__module__.startswith("torch.nn") and type(part).__name__.startswith(TWO_MODES):
            owner, _, last = name.rpartition(".")
            setattr(kept.get_submodule(owner), last, torch.jit.script(part))
    try:
        traced = torch.jit.trace(kept, examples, check_trace=False)
    except Exception as error:
        raise CannotTake(
            f"the {what} can be neither scripted ({reason}) nor traced ({first_line(error)}): write its forward with "
            "tensors alone"
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
                f"the {what} was traced and does not take {rows} rows then ({first_line(error)}): write it for any "
                "number of rows"
            ) from None
        if wanted.shape != found.shape or not bool(torch.allclose(wanted, found, rtol=1e-4, atol=1e-6, equal_nan=True)):
            notes.lose(
                f"the {what} was traced and puts out something else in evaluation than before: it depends on the mode, "
                "on random "
                f"numbers, on numbers of rows or on what it keeps from call to call. This changes what is trained"
            )
            return


def saved(script: Any) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(script, buffer)
    return buffer.getvalue()
