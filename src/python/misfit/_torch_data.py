"""Inputs and batches from arrays, tensors and a DataLoader."""

from typing import Any

import numpy as np

from ._taken import Array, CannotTake, Notes, Taken, array, batches, check_rows, input_array, number_or_class
from ._torch import torch


def input_rows(X: Any, notes: Notes, of: str = "") -> Array:
    if isinstance(X, (tuple, list)) and X and all(hasattr(part, "shape") for part in X):
        raise CannotTake(
            f"X{of} is several tensors: a module of one input is taken over: wrap yours in one whose forward cuts X "
            "apart"
        )
    found = input_array(X, f"X{of}")
    if found.dtype == np.float64:
        notes.say(f"X{of} is float64: converted to float32, in which everything is trained")
    return number_or_class(found)


def samples(loader: Any, notes: Notes, what: str) -> tuple[Any, Any]:
    """Inputs and targets of all samples of a DataLoader, as its loop sees them."""
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
                    "the dataset gives another sample each time, as random transforms do: each was read once, and "
                    "every epoch trains on the same. This changes what is trained"
                )
    if len(parts) != 2:
        raise CannotTake(
            f"the DataLoader's samples have {len(parts)} parts: expected an input and a target: give X and y"
        )
    return parts[0], parts[1]


def loader_batches(taken: Taken, loader: Any, rows: int) -> None:
    """`batch.size`, `.draw` and `.last`, as a DataLoader has them."""
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
                f"the sampler draws {sampler.num_samples} samples an epoch, here it is all {rows}: this changes what "
                "is trained"
            )
    elif type(sampler) is not data.SequentialSampler:
        notes.lose(
            f"the DataLoader's {type(sampler).__name__} is not taken over, rows come shuffled instead: this changes "
            "what is trained"
        )
        taken.set("batch.draw", "epoch", f"not by the {type(sampler).__name__}")
    if loader.drop_last and taken.keys["batch"]["draw"] != "fresh":
        if rows < loader.batch_size:
            raise CannotTake(
                f"drop_last with batches of {loader.batch_size} leaves none of {rows} rows: nothing is trained: take "
                "smaller ones"
            )
        taken.set("batch.last", "drop", "drop_last")


def validation_rows(validation: Any, x: Array, notes: Notes) -> tuple[Array, Any]:
    if isinstance(validation, torch.utils.data.DataLoader):
        X_val, y_val = samples(validation, notes, "validation")
    else:
        try:
            X_val, y_val = validation
        except (TypeError, ValueError):
            raise CannotTake(
                "validation: expected (X_val, y_val), a DataLoader, or the share of the rows to hold out"
            ) from None
    found = input_rows(X_val, notes, "_val").astype(x.dtype)
    if found.shape[1:] != x.shape[1:]:
        raise CannotTake(
            f"X_val has rows of {list(found.shape[1:])}, X of {list(x.shape[1:])}: give them the same shape"
        )
    check_rows(found, array(y_val, "y_val"), "_val")
    return found, y_val
