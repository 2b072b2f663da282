"""What is looked at in the user's module before it is taken over."""

import copy
from typing import Any

import numpy as np

from ._taken import Array, CannotTake, Notes, Taken
from ._torch import TWO_MODES, first_line, listed, nn, torch
from ._torch_chain import HOOKS


def copied(model: Any, notes: Notes) -> Any:
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
            f"the model cannot be copied ({first_line(error)}): hand over one that was not called yet"
        ) from None
    odd = {str(kind).removeprefix("torch.") for kind in kinds} - {"float32"}
    if odd:
        notes.lose(f"the model is {', '.join(sorted(odd))}: it is trained in float32, so the last digits differ")
    return bare.to("cpu").float()


def predictions(bare: Any, x: Array, said: bool = False) -> Any:
    """What it puts out for a few rows in evaluation mode; `None` if it does not take such numbers."""
    few = torch.from_numpy(x[:3].copy())
    try:
        found = copy.deepcopy(bare).eval()(few)
    except Exception as error:
        if not said and x.dtype == np.int64:
            return None
        raise CannotTake(
            f"PyTorch itself refuses model(X) for X {list(few.shape)} {few.dtype}: {first_line(error)}"
        ) from None
    if not isinstance(found, torch.Tensor):
        raise CannotTake(
            f"the model puts out {type(found).__name__}, as recurrent layers do: wrap it in a module that returns the "
            "predictions"
        )
    if found.ndim == 0 or len(found) != len(few):
        raise CannotTake(
            f"the model puts out {list(found.shape)} for {len(few)} rows: expected predictions for each row as the "
            "first dimension"
        )
    return found.detach()


def note_hooks(model: Any, optimizer: Any, notes: Notes) -> None:
    """Notes hooks, which no file has."""
    parts = [
        name or "the model" for name, part in model.named_modules() if any(getattr(part, hook, None) for hook in HOOKS)
    ]
    if parts:
        notes.lose(f"hooks of {listed(parts)} are not taken over: if one changes values, this changes what is trained")
    tensors = [name for name, parameter in model.named_parameters() if getattr(parameter, "_backward_hooks", None)]
    if tensors:
        notes.lose(
            f"gradient hooks of {listed(tensors)} are not taken over: if they clip, set optimizer.clip_value. "
            "This changes what is trained"
        )
    for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        if getattr(optimizer, hooks, None):
            notes.lose(
                "hooks of the optimizer's step are not taken over: if one changes values, this changes what is trained"
            )


def note_mode(taken: Taken, model: Any) -> None:
    """Layers of two modes that are in evaluation now."""
    parts = [part for part in model.modules() if type(part).__name__.startswith(TWO_MODES)]
    still = [part for part in parts if not part.training]
    if parts and still:
        some = "a part of the layers is" if len(still) < len(parts) else "the model is"
        taken.notes.lose(
            f"{some} in evaluation mode now, and is trained in training mode here, as after model.train(): if your "
            "loop never calls "
            'it, set train.mode = "eval"'
        )
