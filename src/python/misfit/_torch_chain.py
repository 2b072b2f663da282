"""A module of one's own whose forward is a plain chain of layers, as those layers.

`torch.fx` follows a copy of the module. What it finds is taken only if nothing but one chain of known layers and
functions is there, in training and in evaluation, and if the layers put out what the module does and have its
gradients.
"""

import copy
import operator
import pickle
import random
from typing import Any

import numpy as np

from ._torch import F, nn, torch

#: A layer of the module by its name, or one to be made: its class and its arguments.
_Part = str | tuple[Any, dict[str, Any]]

#: What may hold hooks, which no layers of a file have.
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

_FUNCTIONS: dict[Any, str] = {
    F.relu: "relu",
    torch.relu: "relu",
    F.leaky_relu: "leaky_relu",
    F.elu: "elu",
    F.gelu: "gelu",
    torch.sigmoid: "sigmoid",
    torch.tanh: "tanh",
    F.softmax: "softmax",
    torch.softmax: "softmax",
    F.log_softmax: "log_softmax",
    torch.log_softmax: "log_softmax",
    F.dropout: "dropout",
    torch.flatten: "flatten",
    torch.reshape: "reshape",
}
_METHODS = ("relu", "sigmoid", "tanh", "softmax", "log_softmax", "flatten", "reshape", "view")

#: A function's class, the names of its arguments by place, and those of them that the class has.
_CLASSES: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
    "relu": (nn.ReLU, ("inplace",), ()),
    "leaky_relu": (nn.LeakyReLU, ("negative_slope", "inplace"), ("negative_slope",)),
    "elu": (nn.ELU, ("alpha", "inplace"), ("alpha",)),
    "gelu": (nn.GELU, ("approximate",), ("approximate",)),
    "sigmoid": (nn.Sigmoid, (), ()),
    "tanh": (nn.Tanh, (), ()),
    "softmax": (nn.Softmax, ("dim",), ("dim",)),
    "log_softmax": (nn.LogSoftmax, ("dim",), ("dim",)),
    "dropout": (nn.Dropout, ("p", "training", "inplace"), ("p",)),
    "flatten": (nn.Flatten, ("start_dim", "end_dim"), ("start_dim", "end_dim")),
}


def as_chain(model: Any, bare: Any, x: Any = None) -> Any:
    """A Sequential of the module's own layers that does what the module does, or why there is none.

    `bare` is a copy of the module on the CPU; with rows `x` both are held to one another.
    """
    if type(model) is nn.Sequential:
        return model
    if type(model) is nn.Linear:
        return nn.Sequential(model)
    if any(getattr(part, hooks, None) for part in model.modules() for hooks in HOOKS):
        return "it has hooks"
    if any("forward" in vars(part) for part in model.modules()):
        return "a forward of it was replaced"
    parts = _followed(bare, True)
    if isinstance(parts, str):
        return parts
    evaluated = _followed(bare, False)
    if evaluated != parts:
        return evaluated if isinstance(evaluated, str) else "its forward is another one in evaluation"
    if x is not None:
        fault = _compared(bare, parts, torch.from_numpy(x[:8].copy()))
        if fault:
            return fault
    made = _sequential(model, parts)
    for layer, part in zip(made, parts):
        if not isinstance(part, str):
            layer.train(model.training)
    return made


def _sequential(model: Any, parts: list[_Part]) -> Any:
    return nn.Sequential(*[model.get_submodule(of) if isinstance(of, str) else of[0](**of[1]) for of in parts])


def _followed(bare: Any, training: bool) -> list[_Part] | str:
    """What the module's forward calls one after the other in a mode, or why that is no chain."""
    copied = copy.deepcopy(bare).train(training)
    before = _state(copied)
    try:
        graph = torch.fx.symbolic_trace(copied).graph
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"its forward cannot be followed ({(lines or [type(error).__name__])[0][:120]})"
    # What is drawn, counted or kept while it is followed would stay as it is now.
    if _state(copied) != before:
        return "its forward changes the module or draws random numbers"
    nodes = list(graph.nodes)
    if [node.op for node in nodes].count("placeholder") != 1 or nodes[0].op != "placeholder":
        return "its forward has several inputs"
    at, seen, parts = nodes[0], {nodes[0]}, list[_Part]()
    while at.op != "output":
        following = [user for user in at.users if not _of_shape(user)]
        if len(following) != 1:
            return "its forward is no chain: a value is used twice, as in a sum with what a layer was given"
        (node,) = following
        if node.op == "output":
            if node.args != (at,):
                return "its forward puts out several values"
        else:
            part = _part(node, at, training, seen)
            if part[0] is None:
                return str(part[1])
            parts.append(part[0])
        seen.add(node)
        at = node
    return parts if len(seen) == len(nodes) else "its forward is no chain: it uses values on the side"


def _state(module: Any) -> list[Any]:
    """Attributes that are numbers or texts, buffers, and where the random numbers are."""
    plain = [
        (name, key, value)
        for name, part in module.named_modules()
        for key, value in vars(part).items()
        if isinstance(value, (bool, int, float, str))
    ]
    buffers = [(name, value.detach().numpy().tobytes()) for name, value in module.named_buffers()]
    drawn = [torch.get_rng_state().numpy().tobytes(), random.getstate(), pickle.dumps(np.random.get_state())]
    return [plain, buffers, drawn]


def _of_shape(node: Any) -> bool:
    """Whether a node asks for a shape alone."""
    if node.op == "call_method":
        return bool(node.target == "size")
    return bool(node.op == "call_function" and node.target is getattr and node.args[1] == "shape")


def _part(node: Any, before: Any, training: bool, seen: set[Any]) -> tuple[_Part | None, str]:
    """A node's layer; `None` and why not."""
    if node.op == "call_module":
        if node.args != (before,) or node.kwargs:
            return None, f"it calls {node.target} with further arguments"
        return str(node.target), ""
    word = _FUNCTIONS.get(node.target) if node.op == "call_function" else node.target
    if node.op not in ("call_function", "call_method") or (node.op == "call_method" and word not in _METHODS):
        word = None
    if word is None:
        return None, f"its forward calls {getattr(node.target, '__name__', node.target)}"
    if not node.args or node.args[0] is not before:
        return None, f"its forward calls {word} otherwise than of the value before"
    rest = list(node.args[1:])
    if word in ("view", "reshape"):
        if len(rest) == 1 and isinstance(rest[0], (tuple, list)):
            rest = list(rest[0])
        rows = len(rest) == 2 and (_rows(rest[0], before, seen) or rest[0] == -1 != rest[1])
        # Of another number than a row has, rows would be others in number: that is seen when it is called.
        if node.kwargs or not rows or not isinstance(rest[1], int):
            return None, f"its forward has a {word} that is not of each row"
        return (nn.Flatten, {}), ""
    kind, names, kept = _CLASSES[word]
    given = {**dict(zip(names, rest)), **node.kwargs}
    given.pop("_stacklevel", None)
    if given.get("dtype") is None:
        given.pop("dtype", None)
    odd = len(rest) > len(names) or set(given) - set(names)
    if odd or not all(value is None or isinstance(value, (bool, int, float, str)) for value in given.values()):
        return None, f"its forward calls {word} with arguments that no layer has"
    if word == "dropout" and given.get("training", True) is not training:
        return None, (
            "its F.dropout does not go by the module's mode: write F.dropout(x, p, training=self.training), or "
            "nn.Dropout"
        )
    if word == "flatten":
        given.setdefault("start_dim", 0)
    return (kind, {name: given[name] for name in kept if name in given}), ""


def _rows(value: Any, before: Any, seen: set[Any]) -> bool:
    """Whether a value is the number of rows of what came before, as `x.size(0)` and `x.shape[0]` are."""
    if not isinstance(value, torch.fx.Node):
        return False
    if value.op == "call_method" and value.target == "size" and value.args == (before, 0) and not value.kwargs:
        seen.add(value)
        return True
    if value.op == "call_function" and value.target is operator.getitem and value.args[1] == 0:
        shape = value.args[0]
        if isinstance(shape, torch.fx.Node) and _of_shape(shape) and shape.args in ((before,), (before, "shape")):
            seen.update((value, shape))
            return True
    return False


def _compared(bare: Any, parts: list[_Part], few: Any) -> str | None:
    """What differs between layers and module, if anything: outputs in both modes, of one row and more, or gradients."""
    for training, rows in ((False, len(few)), (False, 1), (True, len(few))):
        one, other = copy.deepcopy(bare).train(training), copy.deepcopy(bare).train(training)
        chain = _sequential(other, parts).train(training)
        found, slopes = [], []
        try:
            for module, owner in ((one, one), (chain, other)):
                torch.manual_seed(0)
                value = module(few[:rows].clone())
                torch.manual_seed(1)
                if value.requires_grad:
                    (value * torch.randn(value.shape)).sum().backward()
                found.append(value.detach())
                slopes.append({name: parameter.grad for name, parameter in owner.named_parameters()})
        except Exception:
            return "its layers one after the other fail where it does not"
        if not _alike(*found):
            return "its layers one after the other put out something else"
        if not all(_alike(slope, slopes[1][name]) for name, slope in slopes[0].items()):
            return "its layers one after the other have other gradients"
    return None


def _alike(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(torch.allclose(one, other, rtol=1e-6, atol=1e-6, equal_nan=True))
