"""Makes tests/modules: PyTorch modules as TorchScript, their data, initial parameters and losses by PyTorch's own loop.

modules.py FOLDER. Needs torch 2.11.0 and safetensors. Each case NAME has NAME.pt, NAME.data.safetensors, NAME.initial.safetensors,
perhaps NAME.loss.pt, and in losses.json its 101 training losses for each seed, computed on one thread.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

SEEDS, STEPS, BATCH, ROWS, TESTED = 3, 100, 16, 48, 12


class Images(nn.Module):
    """A convolution with batch norm, and a recurrent layer over the rows of what it puts out."""

    def __init__(self, dropped: float = 0.0) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(dropped)
        self.rows = nn.LSTM(16, 8, batch_first=True)
        self.out = nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(torch.relu(self.norm(self.convolution(x))))
        x = x.permute(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)
        x, _ = self.rows(x)
        return self.out(x[:, -1])


class Words(nn.Module):
    """An embedding and attention; the same weights put words in and classes out of four."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(10, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.hidden = nn.Linear(8, 8)
        self.out = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.words(x)
        x, _ = self.attention(x, x, x, need_weights=False)
        return self.out(torch.tanh(self.hidden(torch.tanh(self.hidden(x.mean(1))))))


class Vector(nn.Module):
    """One number a row without a dimension for it, by a parameter of no layer; one layer is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 16)
        self.first.requires_grad_(False)
        self.second = nn.Linear(16, 1)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.second(torch.relu(self.first(x))).squeeze(1)


class Weighted(nn.Module):
    """Squared errors, those of larger targets weighing more."""

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        assert prediction.shape == target.shape
        return ((1 + target.abs()) * (prediction - target) ** 2).mean()


def images(dropped: float = 0.0) -> tuple[Callable[[], nn.Module], Tensor, Tensor, Callable, nn.Module | None]:
    x = torch.randn(ROWS + TESTED, 1, 6, 4)
    y = (x.sum((1, 2, 3)) / 5).sin().unsqueeze(1)
    return lambda: Images(dropped), x, y, nn.functional.mse_loss, None


def words() -> tuple[Callable[[], nn.Module], Tensor, Tensor, Callable, nn.Module | None]:
    x = torch.randint(0, 10, (ROWS + TESTED, 5))
    return Words, x, x.sum(1) % 4, nn.functional.cross_entropy, None


def vector() -> tuple[Callable[[], nn.Module], Tensor, Tensor, Callable, nn.Module | None]:
    x = torch.randn(ROWS + TESTED, 3)
    return Vector, x, x.prod(1), Weighted(), Weighted()


def layers() -> tuple[Callable[[], nn.Module], Tensor, Tensor, Callable, nn.Module | None]:
    x = torch.randn(ROWS + TESTED, 3)
    return lambda: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)), x, x.prod(1, keepdim=True), nn.functional.mse_loss, None


def losses(module: nn.Module, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]) -> list[float]:
    module.train()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.003)
    found = []
    for step in range(STEPS + 1):
        rows = torch.arange(step * BATCH, (step + 1) * BATCH) % ROWS
        value = loss(module(x[rows]), y[rows])
        found.append(value.item())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return found


def main() -> None:
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    found = {}
    cases = {"images": images, "dropped": lambda: images(0.5), "words": words, "vector": vector, "layers": layers}
    for name, made in cases.items():
        torch.manual_seed(7)
        new, x, y, loss, own = made()
        data = {"x": x[:ROWS], "y": y[:ROWS], "x_test": x[ROWS:], "y_test": y[ROWS:]}
        save_file({key: value.contiguous() for key, value in data.items()}, folder / f"{name}.data.safetensors")
        initial = {}
        curves = []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            module = new()
            # Layers that are no module are called by their number among those that have weights.
            called = {"0": "0", "2": "1"} if name == "layers" else {}
            for key, value in module.named_parameters():
                layer, _, which = key.partition(".")
                initial[f"{seed}/{called.get(layer, layer)}{'.' if which else ''}{which}"] = value.detach().clone()
            curves.append(losses(module, x, y, loss))
        save_file(initial, folder / f"{name}.initial.safetensors")
        if name != "layers":
            # Its own parameters are of none of the seeds.
            torch.manual_seed(SEEDS)
            torch.jit.script(new()).save(str(folder / f"{name}.pt"))
        if own is not None:
            torch.jit.script(own).save(str(folder / f"{name}.loss.pt"))
        if name != "dropped":
            found[name] = curves
    (folder / "losses.json").write_text(json.dumps(found) + "\n")


main()
