"""The PyTorch peers, four ways of taking the same step.

Usage: peer_torch.py START DEVICE eager|fused|compile|vmap NETWORK

eager    nn.Sequential and torch.optim.Adam, one model at a time
fused    the same with Adam(fused=True)
compile  torch.func.grad (several models: under vmap) and Adam's update in one compiled graph: of the ways to compile
         this step by far the fastest. Compiling forward and loss alone, or the step with torch.optim.Adam in it, took
         three times as long
vmap     torch.func.grad under vmap over stacked parameters, and torch.optim.Adam on the stacked tensors, foreach or
         fused, whichever is faster here
"""

import sys
import time
from pathlib import Path

import numpy as np
import start
import torch
from networks import NETWORKS
from serve import Start, serve
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy, mse_loss

torch.set_num_threads(1)
DEVICE = torch.device(sys.argv[2])
NETWORK = NETWORKS[sys.argv[4]]
ACTIVATION = {"relu": nn.ReLU, "tanh": nn.Tanh}[NETWORK.activation]
LOSS = cross_entropy if NETWORK.classes else mse_loss

Parameters = dict[str, Tensor]


def synchronize() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def sequential(begin: Start) -> nn.Sequential:
    layers: list[nn.Module] = []
    for weights in begin.weights:
        layers += [nn.Linear(*weights.shape[1:]), ACTIVATION()]
    return nn.Sequential(*layers[:-1]).to(DEVICE)


def stacked(begin: Start) -> Parameters:
    """The parameters of all lanes by the names and in the layout of `sequential`; copies, for they are trained in place."""
    found = {}
    for layer, (weights, biases) in enumerate(zip(begin.weights, begin.biases)):
        found[f"{2 * layer}.weight"] = torch.tensor(weights.transpose(0, 2, 1).copy(), device=DEVICE)
        found[f"{2 * layer}.bias"] = torch.tensor(biases, device=DEVICE)
    return found


def first(parameters: Parameters) -> Parameters:
    return {name: tensor[0].clone() for name, tensor in parameters.items()}


def tensor(array: np.ndarray) -> Tensor:
    """Classes as PyTorch takes them."""
    return torch.from_numpy(array.astype(np.int64) if array.dtype == np.int32 else array).to(DEVICE)


class Models:
    """What all ways share: the data and the loop."""

    def __init__(self, begin: Start, evaluate: bool) -> None:
        self.evaluate = evaluate
        self.inputs, self.targets = tensor(begin.inputs), tensor(begin.targets)
        self.test = tensor(begin.test_inputs), tensor(begin.test_targets)

    def prepare(self, steps: int) -> None:
        synchronize()

    def advance(self, steps: int) -> None:
        kept = []
        for _ in range(steps):
            if self.evaluate:
                kept.append(self.test_loss())
            self.step()
        if kept:
            torch.stack(kept).cpu()
        synchronize()

    def losses(self) -> tuple[list[float], list[float]]:
        return self.train_loss().reshape(-1).tolist(), self.test_loss().reshape(-1).tolist()

    def step(self) -> None:
        raise NotImplementedError

    def train_loss(self) -> Tensor:
        raise NotImplementedError

    def test_loss(self) -> Tensor:
        raise NotImplementedError


class Eager(Models):
    """One model, as a tutorial trains it."""

    def __init__(self, begin: Start, evaluate: bool, fused: bool) -> None:
        super().__init__(begin, evaluate)
        self.model = sequential(begin)
        self.model.load_state_dict(first(stacked(begin)))
        self.batch = self.inputs[0], self.targets[0]
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused or None)

    def step(self) -> None:
        inputs, targets = self.batch
        self.optimizer.zero_grad()
        LOSS(self.model(inputs), targets).backward()
        self.optimizer.step()

    @torch.no_grad()
    def train_loss(self) -> Tensor:
        return LOSS(self.model(self.batch[0]), self.batch[1])

    @torch.no_grad()
    def test_loss(self) -> Tensor:
        return LOSS(self.model(self.test[0]), self.test[1])


# Parameters are put into it.
SKELETON = sequential(start.read(Path(sys.argv[1]), NETWORK))


def loss(parameters: Parameters, inputs: Tensor, targets: Tensor) -> Tensor:
    return LOSS(functional_call(SKELETON, parameters, (inputs,)), targets)


def adam_step(parameters: Parameters, m: Parameters, v: Parameters, count: Tensor, inputs: Tensor, targets: Tensor) -> None:
    """Update number `count` in place, by Adam as torch.optim has it."""
    derivative = vmap(grad(loss)) if inputs.dim() == 3 else grad(loss)
    gradient = derivative(parameters, inputs, targets)
    mean, root = 1 - 0.9**count, (1 - 0.999**count).sqrt()
    for name, g in gradient.items():
        m[name].lerp_(g, 0.1)
        v[name].mul_(0.999).addcmul_(g, g, value=0.001)
        parameters[name].sub_(1e-3 * (m[name] / mean) / (v[name].sqrt() / root + 1e-8))


def losses(parameters: Parameters, inputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of one model, or of each of several, on a batch of its own or one for all."""
    if parameters["0.bias"].dim() == 1:
        return loss(parameters, inputs, targets)
    own = 0 if inputs.dim() == 3 else None
    return vmap(loss, in_dims=(0, own, own))(parameters, inputs, targets)


compiled_step = torch.compile(adam_step, dynamic=False)
compiled_losses = torch.compile(losses, dynamic=False)


class Compiled(Models):
    """The whole step one graph."""

    def __init__(self, begin: Start, lanes: int, evaluate: bool) -> None:
        super().__init__(begin, evaluate)
        self.parameters = stacked(begin) if lanes > 1 else first(stacked(begin))
        self.moments = [{name: torch.zeros_like(tensor) for name, tensor in self.parameters.items()} for _ in range(2)]
        self.count = torch.zeros((), dtype=torch.float64, device=DEVICE)
        self.batch = (self.inputs, self.targets) if lanes > 1 else (self.inputs[0], self.targets[0])

    @torch.no_grad()
    def step(self) -> None:
        self.count.add_(1)  # Within the graph, torch 2.11 leaves it at 0.
        compiled_step(self.parameters, *self.moments, self.count, *self.batch)

    @torch.no_grad()
    def train_loss(self) -> Tensor:
        return losses(self.parameters, *self.batch)

    @torch.no_grad()
    def test_loss(self) -> Tensor:
        return compiled_losses(self.parameters, *self.test)


class Stacked(Models):
    """Several models at once."""

    def __init__(self, begin: Start, evaluate: bool, fused: bool) -> None:
        super().__init__(begin, evaluate)
        self.parameters = stacked(begin)
        self.gradient = vmap(grad(loss))
        self.optimizer = torch.optim.Adam(self.parameters.values(), lr=1e-3, fused=fused, foreach=not fused)

    def step(self) -> None:
        gradient = self.gradient(self.parameters, self.inputs, self.targets)
        for name, tensor in self.parameters.items():
            tensor.grad = gradient[name]
        self.optimizer.step()

    @torch.no_grad()
    def train_loss(self) -> Tensor:
        return losses(self.parameters, self.inputs, self.targets)

    @torch.no_grad()
    def test_loss(self) -> Tensor:
        return losses(self.parameters, *self.test)


def faster(begin: Start, evaluate: bool) -> Stacked:
    """The better of Adam's two ways of updating many tensors, begun anew."""
    seconds = {}
    for fused in (False, True):
        tried = Stacked(begin, evaluate, fused)
        tried.advance(10)
        begun = time.perf_counter()
        tried.advance(20)
        seconds[fused] = time.perf_counter() - begun
    return Stacked(begin, evaluate, min(seconds, key=seconds.__getitem__))


def make(begin: Start, lanes: int, evaluate: bool) -> Models:
    way = sys.argv[3]
    if way == "vmap":
        return faster(begin, evaluate)
    if way == "compile":
        return Compiled(begin, lanes, evaluate)
    if lanes != 1:
        raise ValueError(f"{way} trains one model at a time")
    return Eager(begin, evaluate, fused=way == "fused")


if __name__ == "__main__":
    serve(make, f"torch {torch.__version__}", NETWORK)
