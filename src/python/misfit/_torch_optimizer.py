"""The optimizer's keys."""

import gc
from typing import Any

from ._taken import CannotTake, Taken
from ._torch import torch


def set_optimizer(taken: Taken, model: Any, optimizer: Any) -> set[int]:
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
            f"the optimizer has {len(groups)} groups of parameters which differ in {', '.join(sorted(other))}: all "
            "have what the largest has. This changes what is trained"
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
            f"a scheduler changes the learning rate: it is not taken over, the rate stays at {float(group['lr']):g}: "
            "if it decays to 0, "
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
