"""An experiment from PyTorch's objects.

A chain of what the format has layers for becomes a `[model]`, so that every rule and fix applies and the kernels
train it. Any other module becomes TorchScript, and so does a loss that the format has no word for.
"""

import warnings
from typing import Any

import numpy as np

from ._taken import Array, CannotTake, Notes, NotTaken, Taken, Training, batches, held_out, length
from ._torch import nn, quiet, torch
from ._torch_chain import as_chain
from ._torch_data import input_rows, loader_batches, samples, validation_rows
from ._torch_layers import Layers, as_layers
from ._torch_loss import set_loss
from ._torch_module import copied, note_hooks, note_mode, predictions
from ._torch_optimizer import set_optimizer
from ._torch_script import set_module


def take(training: Training) -> Taken:
    if training.loss is None:
        raise CannotTake("loss is missing: give PyTorch's, as nn.MSELoss(), or a function of predictions and targets")
    if training.optimizer is None:
        raise CannotTake(
            "optimizer is missing: give the one that your loop steps, as torch.optim.Adam(model.parameters())"
        )
    taken = Taken(f"PyTorch {torch.__version__.partition('+')[0]}", "pytorch", Notes())
    # What is tried on copies here draws and writes nothing of the user's.
    with quiet():
        warnings.simplefilter("always", category=NotTaken)
        _take(taken, training)
    return taken


def _take(taken: Taken, training: Training) -> None:
    model, optimizer, notes = training.model, training.optimizer, taken.notes
    loader = training.X if training.y is None else None
    X, y = (training.X, training.y) if loader is None else samples(loader, notes, "X")
    x = input_rows(X, notes)
    bare = copied(model, notes)
    prediction = predictions(bare, x)
    # Integers that the module does not take as they are, such as pixels.
    if prediction is None:
        x = x.astype(np.float32)
        prediction = predictions(bare, x, said=True)
        assert prediction is not None
        notes.say("X is integers, which this module takes as floats: converted to float32")
    if loader is None:
        batches(taken, training.batch_size, bool(training.shuffle), len(x))
    elif training.batch_size is not None or training.shuffle is not None:
        raise CannotTake("batch_size and shuffle are the DataLoader's: leave them out, or hand over the arrays")
    else:
        loader_batches(taken, loader, len(x))
    length(taken, training.epochs, training.steps)
    untouched = set_optimizer(taken, model, optimizer)
    maximize = any(group.get("maximize") for group in optimizer.param_groups)
    x_test: Array | None = None
    y_test: Any = None
    if training.validation_data is None:
        held_out(taken, training.validation, "random")
    else:
        x_test, y_test = validation_rows(training.validation_data, x, notes)
    y, y_test = set_loss(taken, training.loss, bare, x, y, y_test, maximize)
    taken.data = {"x": x, "y": y}
    if x_test is not None:
        taken.data |= {"x_test": x_test, "y_test": y_test}
    note_hooks(model, optimizer, notes)
    chain = as_chain(model, bare, x)
    if isinstance(chain, str):
        layers: Layers | str = f"{type(model).__name__} is not an nn.Sequential, and {chain}"
    else:
        layers = as_layers(chain, x, untouched)
    if isinstance(layers, str):
        notes.say(f"the network is taken over as TorchScript, its fixes are those of data, loss and training: {layers}")
        set_module(taken, model, bare, x, prediction, untouched, training.seeds)
        note_mode(taken, model)
    else:
        layers.into(taken, training.seeds[0])
        if type(model) not in (nn.Linear, nn.Sequential):
            name = type(model).__name__
            notes.say(f"the forward of {name} is a chain: its layers are taken over as they follow there")
        note_mode(taken, chain)
