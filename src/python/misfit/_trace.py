"""What a training loop of the user's own really does, seen while it runs for some steps."""

import copy
import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from html import escape
from types import TracebackType
from typing import Any

from ._experiment import Experiment, experiment
from ._torch import TWO_MODES, listed, nn, torch

#: Losses that broadcast without a word, or with a warning alone.
_LOSSES = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")
#: Operations of losses that are written out.
_PAIRS = ("sub", "__sub__", "rsub", "__rsub__", "subtract", "mul", "__mul__", "__rmul__", "multiply", "add", "__add__")


@dataclass(frozen=True)
class Finding:
    """Something that the loop did: its name, what was seen, and what to write instead."""

    name: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}\n  {self.cure}"


class trace:
    """Watches a training loop.

        with misfit.trace(model, optimizer, loss) as seen:
            for x, y in loader:          # your own loop, as it stands
                …
        print(seen)

    `.findings` are objects with `name`, `what` and `cure`, `.losses` the loss of each backward pass, `.report()` is all
    of it in words. `.experiment(X, y)` is the experiment that does what the loop did, its faults included. `loss` may
    be left out, or be a function: what it compares is seen wherever it is called between `with` and the end.
    """

    def __init__(self, module: Any, optimizer: Any, loss: Any = None) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"module is {type(module).__name__}: expected an nn.Module of PyTorch")
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer is {type(optimizer).__name__}: expected one of torch.optim")
        self.module, self.optimizer, self._loss = module, optimizer, loss
        #: The loss of each backward pass.
        self.losses: list[float] = []
        #: Updates that were made.
        self.steps = 0
        self._begun: Any = None
        self._hooks: list[Any] = []
        self._watch: Any = None
        self._depth = 0
        self._forward: dict[str, Any] | None = None
        # Of the forward passes that a backward pass followed.
        self._batches: list[str] = []
        self._rows: Counter[int] = Counter()
        self._modes: Counter[str] = Counter()
        self._pairs: Counter[tuple[tuple[int, ...], tuple[int, ...]]] = Counter()
        self._compared_now: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
        self._stepped = False
        self._since_step = 0
        self._chances = self._added = self._several = 0
        self._cleared = self._still = self._without_graph = self._idle = 0
        self._bare: Counter[str] = Counter()
        self._rates: list[float] = []
        self._before: list[Any] = []
        self._still_parts: list[str] = []
        self._not_finite: dict[str, int] = {}

    def __enter__(self) -> "trace":
        self._begun = (
            copy.deepcopy(self.module.state_dict()),
            copy.deepcopy(self.optimizer.state_dict()),
            self.module.training,
        )
        self._hooks = [
            self.module.register_forward_pre_hook(self._before_forward, with_kwargs=True),
            self.module.register_forward_hook(self._after_forward, always_call=True),
            self.optimizer.register_step_pre_hook(self._before_step),
            self.optimizer.register_step_post_hook(self._after_step),
        ]
        if isinstance(self._loss, nn.Module):
            self._hooks.append(self._loss.register_forward_hook(self._after_loss))
        self._watch = _watch(self)
        self._watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._watch.__exit__(kind, error, where)
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def loss(self, prediction: Any, target: Any) -> Any:
        """The loss, of a function that was given: as it is, and seen."""
        if self._loss is None:
            raise TypeError("no loss was given: misfit.trace(model, optimizer, loss)")
        found = self._loss(prediction, target)
        if not isinstance(self._loss, nn.Module):
            self._after_loss(self._loss, (prediction, target), found)
        return found

    # What is seen.

    def _before_forward(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._depth += 1
        if self._depth > 1:
            return
        inputs = [part for part in (*args, *kwargs.values()) if isinstance(part, torch.Tensor)]
        still = [
            name or "the model"
            for name, part in module.named_modules()
            if type(part).__name__.startswith(TWO_MODES) and not part.training
        ]
        mode = "evaluation" if not module.training else "mixed" if still else "training"
        self._forward = {"mode": mode, "graph": torch.is_grad_enabled(), "inputs": inputs, "still": still}
        with torch.no_grad():
            if any(part.is_floating_point() and not bool(torch.isfinite(part).all()) for part in inputs):
                self._not_finite.setdefault("inputs", len(self.losses))

    def _after_forward(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        self._depth -= 1
        if self._depth or not isinstance(output, torch.Tensor):
            return
        with torch.no_grad():
            if output.is_floating_point() and not bool(torch.isfinite(output).all()):
                self._not_finite.setdefault("predictions", len(self.losses))

    def _after_loss(self, loss: Any, args: tuple[Any, ...], output: Any) -> None:
        tensors = [part for part in args if isinstance(part, torch.Tensor)]
        if len(tensors) >= 2:
            self._compared(tensors[0], tensors[1])

    def _compared(self, one: Any, other: Any) -> None:
        shapes = tuple(one.shape), tuple(other.shape)
        if shapes[0] == shapes[1] or 0 in (len(shapes[0]), len(shapes[1])):
            return
        try:
            whole = torch.broadcast_shapes(*shapes)
        except RuntimeError:
            return
        if math.prod(whole) > max(one.numel(), other.numel()):
            self._compared_now.add(shapes)

    def saw(self, function: Any, args: tuple[Any, ...], before: bool) -> None:
        """What the mode sees: every operation outside of the module."""
        name = getattr(function, "__name__", "")
        if before:
            if name == "backward" and args and isinstance(args[0], torch.Tensor):
                self._before_backward(args[0])
            return
        if self._depth or len(args) < 2 or not all(isinstance(part, torch.Tensor) for part in args[:2]):
            return
        if name in _LOSSES or (name in _PAIRS and (args[0].requires_grad or args[1].requires_grad)):
            self._compared(args[0], args[1])

    def _before_backward(self, loss: Any) -> None:
        if not loss.requires_grad:
            self._without_graph += 1
            return
        value = float(loss.detach().sum())
        if not math.isfinite(value):
            self._not_finite.setdefault("the loss", len(self.losses))
        self.losses.append(value)
        # However many operations of one loss compare the same two.
        self._pairs.update(self._compared_now)
        self._compared_now.clear()
        with torch.no_grad():
            full = any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in self._own())
        if self._stepped:
            self._chances += 1
            self._added += full
        elif full and self._since_step:
            self._several += 1
        self._stepped, self._since_step = False, self._since_step + 1
        forward, self._forward = self._forward, None
        if forward is not None and forward["graph"]:
            self._modes[forward["mode"]] += 1
            self._batches.append(_hash(forward["inputs"]))
            self._rows[
                int(forward["inputs"][0].shape[0]) if forward["inputs"] and forward["inputs"][0].ndim else 0
            ] += 1
            self._still_parts = forward["still"]

    def _own(self) -> list[Any]:
        """The module's parameters that the optimizer has."""
        has = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        return [parameter for parameter in self.module.parameters() if id(parameter) in has]

    def _before_step(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        own = self._own()
        names = {id(parameter): name for name, parameter in self.module.named_parameters()}
        with torch.no_grad():
            if not self._since_step:
                self._idle += 1
            elif own and not any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in own):
                self._cleared += 1
            self._bare.update(
                names[id(parameter)]
                for parameter in own
                if parameter.requires_grad and parameter.grad is None and self._since_step
            )
            self._rates.append(float(optimizer.param_groups[0]["lr"]))
            self._before = [parameter.detach().clone() for parameter in self.module.parameters()]

    def _after_step(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.steps += 1
        with torch.no_grad():
            moved = any(not torch.equal(one, other) for one, other in zip(self._before, self.module.parameters()))
        self._still += not moved
        self._before = []
        self._stepped, self._since_step = True, 0

    # What it comes to.

    @property
    def adds_up(self) -> bool:
        """Whether gradients of earlier steps were still there in most of the later ones."""
        return self._added * 2 > self._chances

    @property
    def findings(self) -> list[Finding]:
        """What the loop did that a loop should not, or that is good to know."""
        found: list[Finding] = []

        def find(name: str, what: str, cure: str) -> None:
            found.append(Finding(name, what, cure))

        named = list(self.module.named_parameters())
        has = {id(parameter) for group in self.optimizer.param_groups for parameter in group["params"]}
        missing = [name for name, parameter in named if parameter.requires_grad and id(parameter) not in has]
        frozen = [name for name, parameter in named if not parameter.requires_grad]
        strangers = len(has - {id(parameter) for _, parameter in named})
        if self._without_graph:
            find(
                "no-graph",
                "backward was called on a loss without a gradient: it was detached on the way, so no weight moves",
                "Leave out .item(), .data, .detach(), NumPy, argmax and new tensors between model(x) and "
                "loss.backward().",
            )
        if not self.losses and not self._without_graph:
            find(
                "no-backward", "backward was never called: no gradient was computed", "loss.backward()  # in each step"
            )
        if self.losses and not self.steps:
            find(
                "no-step",
                f"{len(self.losses)} backward passes and no step: no weight moves",
                "optimizer.step()  # after loss.backward()",
            )
        if self.adds_up and self._chances:
            find(
                "gradients-add-up",
                f"in {self._added} of {self._chances} steps the gradients of earlier steps were still there, and were "
                "added to",
                "optimizer.zero_grad()  # before loss.backward()",
            )
        if self._cleared:
            find(
                "gradients-cleared",
                f"in {self._cleared} of {self.steps} steps every gradient was 0 or gone when the optimizer stepped",
                "Call optimizer.zero_grad() before loss.backward(), not between it and optimizer.step().",
            )
        if self._several:
            find(
                "several-backward-passes",
                f"{len(self.losses)} backward passes were made for {self.steps} steps: their gradients are summed",
                "Right if it is meant so: then divide each loss by the number of passes.",
            )
        if strangers and not has & {id(parameter) for _, parameter in named}:
            find(
                "other-optimizer",
                f"the optimizer has {strangers} tensors and none of this module's: it trains another one, as of before "
                "it was made anew",
                "optimizer = torch.optim.…(model.parameters(), …)  # after the model was made",
            )
        elif strangers:
            find(
                "strangers",
                f"the optimizer has {strangers} tensors that are not this module's",
                "Right if two modules are trained.",
            )
        if missing and has & {id(parameter) for _, parameter in named}:
            find(
                "not-in-optimizer",
                f"the optimizer was not given {listed(missing)}: they stay as they are. Layers in a plain list are not "
                "the module's either",
                "optimizer = torch.optim.…(model.parameters(), …)  # all of them",
            )
        if frozen:
            find(
                "frozen",
                f"requires_grad is False of {listed(frozen)}: they stay as they are",
                "Right if they are pretrained.",
            )
        bare = [name for name, count in self._bare.items() if count == self.steps]
        if bare and len(bare) < len(named):
            find(
                "no-gradient",
                f"no gradient ever reached {listed(bare)}: forward does not use them, or detaches what they make",
                "Use them in forward, or leave them out.",
            )
        if self._still and not self._without_graph and not self._cleared and self._still == self.steps:
            find(
                "weights-do-not-move",
                f"no weight moved in {self._still} of {self.steps} steps",
                "Look at the gradient: it is 0 where a softmax goes over one unit, or every ReLU is dead; and at the "
                "learning rate.",
            )
        off = self._modes["evaluation"] + self._modes["mixed"]
        if off and any(type(part).__name__.startswith(TWO_MODES) for part in self.module.modules()):
            which = "the module" if self._modes["evaluation"] else listed(self._still_parts)
            find(
                "evaluation-mode",
                f"in {off} of {len(self._batches)} steps {which} was in evaluation mode: no dropout, and running "
                "statistics in norms",
                "model.train()  # at the beginning of each epoch, model.eval() before it is tested",
            )
        for (one, other), count in self._pairs.most_common(3):
            find(
                "broadcast-loss",
                f"{list(one)} was compared with {list(other)} in {count} of {len(self.losses)} losses: as "
                f"{list(torch.broadcast_shapes(one, other))}, each prediction with every target, which pulls all "
                "predictions to the targets' mean",
                "y = y.reshape(prediction.shape)  # or prediction.squeeze(1)",
            )
        distinct = len({*self._batches})
        if distinct == 1 and len(self._batches) > 1:
            rows = next(iter(self._rows))
            find(
                "one-batch",
                f"all {len(self._batches)} steps had the same batch of {rows} rows",
                "Right if these are all rows; else take the next batch in each step, as for x, y in loader.",
            )
        if self._rates and len({*self._rates}) > 1:
            find(
                "rate-changes",
                f"the learning rate went from {self._rates[0]:g} to {self._rates[-1]:g} in {self.steps} steps",
                "Right if a scheduler is meant to: look whether it steps once an epoch or once a batch.",
            )
        for what, step in self._not_finite.items():
            find(
                "not-finite",
                f"{what} had NaN or infinity first at step {step}",
                "Look for missing values in the data; take a lower learning rate.",
            )
        return found

    def report(self) -> str:
        """What was seen, in words."""
        lines = [f"{self.steps} steps, {len(self.losses)} backward passes"]
        if self.losses:
            lines[0] += f", loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}"
        if self._rows:
            sizes = ", ".join(str(rows) for rows, _ in self._rows.most_common(3))
            lines.append(f"{len({*self._batches})} different batches, of {sizes} rows")
        findings = self.findings
        lines += [str(finding) for finding in findings]
        if not findings and self.steps:
            lines.append(
                "nothing amiss was seen: gradients were cleared, all parameters are the optimizer's, shapes agree"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self.report())}</pre>"

    def experiment(self, X: Any, y: Any = None, **options: Any) -> Experiment:
        """The experiment that does what the loop did: from where it began, with its batches, mode and gradients.

        `X`, `y` and the options are those of `misfit.experiment`; what is not given is as it was seen.
        """
        if self._begun is None:
            raise ValueError("the loop has not run yet: run it within `with misfit.trace(…) as seen:`")
        loss = options.pop("loss", self._loss)
        loader = y is None
        if not loader and "batch_size" not in options and self._rows:
            rows = self._rows.most_common(1)[0][0]
            options["batch_size"] = "all" if rows >= len(X) else rows
        if "epochs" not in options and "steps" not in options:
            options["steps"] = max(self.steps, 1)
        state, moments, _ = self._begun
        now = copy.deepcopy(self.module.state_dict()), self.optimizer.state_dict()
        modes = [(part, part.training) for part in self.module.modules()]
        try:
            self.module.load_state_dict(state)
            self.optimizer.load_state_dict(copy.deepcopy(moments))
            # How it was trained is said by train.mode.
            self.module.train()
            made = experiment(self.module, X, y, loss=loss, optimizer=self.optimizer, **options)
        finally:
            self.module.load_state_dict(now[0])
            self.optimizer.load_state_dict(now[1])
            for part, training in modes:
                part.training = training
        taken = made._taken
        if self.adds_up and self._chances:
            taken.set("optimizer.zero_grad", False, "seen: gradients added up from step to step")
        if self._modes["evaluation"] * 2 > sum(self._modes.values()):
            taken.set("train.mode", "eval", "seen: the module was in evaluation mode")
        elif self._modes["mixed"]:
            taken.notes.lose(
                f"{listed(self._still_parts)} was in evaluation mode and the rest in training mode, here all is in "
                "training mode: this changes what is trained"
            )
        if len({*self._batches}) == 1 and len(self._batches) > 1 and not loader and next(iter(self._rows)) < len(X):
            taken.set("batch.draw", "once", "seen: the same batch at every step")
            taken.set("batch.last", None)
        for name in ("gradients-cleared", "several-backward-passes", "rate-changes", "no-step", "no-graph"):
            for finding in self.findings:
                if finding.name == name:
                    taken.notes.lose(
                        f"the loop's fault {name} is not in the experiment, which does it right: {finding.what}"
                    )
        return made


def _watch(seen: trace) -> Any:
    """A mode that shows every operation of PyTorch to a trace."""

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[misc, unused-ignore]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.saw(function, args, True)
            found = function(*args, **(kwargs or {}))
            seen.saw(function, args, False)
            return found

    return Watch()


def _hash(tensors: list[Any]) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        with torch.no_grad():
            part = tensor.detach().cpu().contiguous()
            whole.update(str((tuple(part.shape), part.dtype)).encode())
            whole.update(part.view(torch.uint8).numpy().tobytes() if part.ndim else str(part).encode())
    return whole.hexdigest()
