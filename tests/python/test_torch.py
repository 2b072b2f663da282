"""PyTorch's objects as experiments: what is written, and that it trains as PyTorch's own loop does."""

import functools
import tomllib
import unittest
import warnings
from typing import Any

import numpy as np
import torch
from live import STEPS, Case, folder, losses_of_the_loop, losses_of_the_program
from safetensors.numpy import load as read_tensors
from torch import nn
from torch.nn import functional as F

import misfit
from misfit import CannotTake


def chain(outputs: int = 1, *behind: Any) -> Any:
    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, outputs), *behind)


class Net(nn.Module):
    """No chain: what goes in is added to what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 16)
        self.outer = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer(torch.relu(self.inner(x))) + x.mean(1, keepdim=True)


class Plain(nn.Module):
    """A chain that is written as a module of its own, with layers in another order than it calls them."""

    def __init__(self, share: float = 0.0) -> None:
        super().__init__()
        self.last, self.first = nn.Linear(16, 1), nn.Linear(3, 16)
        self.between = nn.Sequential(nn.Linear(16, 16), nn.Tanh())
        self.act, self.share, self.unused = nn.ReLU(), share, nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(x.size(0), -1)
        x = F.dropout(self.act(self.first(x)), p=self.share, training=self.training)
        return torch.sigmoid(self.last(self.between(x)))


class Way(nn.Module):
    """A module whose forward is a function of it and of the rows."""

    def __init__(self, way: Any, *layers: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers or [nn.Linear(3, 16), nn.Linear(16, 16), nn.Linear(16, 3)])
        self.way, self.calls, self.drop = way, 0, nn.Dropout(0.5)
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> Any:
        return self.way(self, x)


def halfway(of: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        x = of.layers[0](x)
    return of.layers[2](torch.relu(x))


def counted(of: Any, x: torch.Tensor) -> torch.Tensor:
    of.calls += 1
    return of.layers[2](torch.relu(of.layers[0](x)))


def by_chance(of: Any, x: torch.Tensor) -> torch.Tensor:
    x = of.layers[0](x)
    return of.layers[2](torch.relu(x) if torch.rand(1) < 0.999 else x)


def by_mode(of: Any, x: torch.Tensor) -> torch.Tensor:
    x = of.layers[0](x)
    return of.layers[2](torch.relu(x) if of.training else torch.tanh(x))


def by_value(of: Any, x: torch.Tensor) -> torch.Tensor:
    x = of.layers[0](x)
    return of.layers[2](torch.relu(x) if x.sum() > 0 else x)


class Convolved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3)
        self.outer = nn.Linear(4 * 3 * 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(torch.relu(self.convolution(x)), 2)
        return self.outer(x.flatten(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 8, batch_first=True)
        self.outer = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(x)
        return self.outer(states[:, -1])


class Twice(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


class Named(nn.Module):
    """What cannot be scripted: it is called with what it looks up by name."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.drop, self.outer = nn.Linear(3, 16), nn.Dropout(0.5), nn.Linear(16, 1)

    def forward(self, *args: Any) -> Any:
        (x,) = args
        for name in ("inner", "drop", "outer"):
            x = getattr(self, name)(x)
        return x


def root_of_squares(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return torch.sqrt(torch.mean((prediction - target) ** 2) + 1e-6)


def squares(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return ((prediction - target) ** 2).mean()


class Written(Case):
    def setUp(self) -> None:
        super().setUp()
        self.x = torch.rand(60, 3)
        self.y = self.x.sum(1, keepdim=True)

    def made(self, model: Any, y: Any = None, loss: Any = None, optimizer: Any = None, **options: Any) -> Any:
        optimizer = optimizer or torch.optim.Adam(model.parameters())
        options.setdefault("epochs", 2)
        y = self.y if y is None else y
        return misfit.experiment(model, self.x, y, loss=loss or nn.MSELoss(), optimizer=optimizer, **options)

    def warned(self, *args: Any, **options: Any) -> tuple[Any, list[str]]:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            made = self.made(*args, **options)
        return made, [str(one.message) for one in seen if issubclass(one.category, misfit.NotTaken)]

    def test_a_sequential_becomes_layers(self) -> None:
        model = nn.Sequential(
            nn.Flatten(),
            nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.1), nn.Dropout(0.25)),
            nn.Sequential(nn.Linear(8, 4), nn.LeakyReLU(0.1), nn.Identity()),
            nn.Linear(4, 1),
            nn.Sigmoid(),
        )
        of = self.made(model).settings
        self.assertEqual(of["model.hidden"], [8, 4])
        self.assertEqual(of["model.activation"], "leaky_relu")
        self.assertEqual(of["model.negative_slope"], 0.1)
        self.assertEqual(of["model.norm"], ["batch", "none"])
        self.assertEqual(of["model.norm_place"], "before")
        self.assertEqual(of["model.dropout"], [0.25, 0.0])
        self.assertEqual(of["model.output"], "sigmoid")

    def test_the_live_parameters_are_those_of_the_first_seed(self) -> None:
        model = chain()
        made = self.made(model, seeds=[4, 7])
        self.assertEqual(tomllib.loads(made.text)["seeds"], [4, 7])
        held = read_tensors(made.files["sequential.initial.safetensors"])
        self.assertEqual({name.split("/")[0] for name in held}, {"4"})
        for at, layer in enumerate(part for part in model if isinstance(part, nn.Linear)):
            np.testing.assert_array_equal(held[f"4/{at}.weight"], layer.weight.detach().numpy())
            np.testing.assert_array_equal(held[f"4/{at}.bias"], layer.bias.detach().numpy())

    def test_data_are_written_in_their_own_shapes(self) -> None:
        made = self.made(chain(), y=self.y[:, 0], validation=(self.x[:5], self.y[:5, 0]))
        held = read_tensors(made.files["sequential.safetensors"])
        self.assertEqual(
            {name: of.shape for name, of in held.items()}, {"x": (60, 3), "y": (60,), "x_test": (5, 3), "y_test": (5,)}
        )
        self.assertNotIn("data.holdout", made.settings)

    def test_a_vector_of_targets_against_a_column_of_predictions_is_a_broadcast(self) -> None:
        for loss in (nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss(), F.mse_loss, squares):
            self.assertEqual(
                self.made(chain(), y=self.y[:, 0], loss=loss).settings["loss.pairing"], "broadcast-mean", loss
            )
            self.assertNotIn("loss.pairing", self.made(chain(), loss=loss).settings, loss)
        squeezed = nn.Sequential(*chain(), nn.Flatten(0))
        self.assertNotIn("loss.pairing", self.made(squeezed, y=self.y[:, 0]).settings)
        self.assertEqual(self.made(squeezed).settings["loss.pairing"], "broadcast-mean")

    def test_losses_have_their_words(self) -> None:
        words = {
            nn.MSELoss(reduction="sum"): {"kind": "mse", "reduction": "sum"},
            nn.L1Loss(): {"kind": "mae"},
            nn.HuberLoss(delta=0.5): {"kind": "huber", "delta": 0.5},
            nn.SmoothL1Loss(): {"kind": "huber", "delta": 1.0},
            nn.PoissonNLLLoss(log_input=False): {"kind": "poisson"},
            functools.partial(F.mse_loss, reduction="sum"): {"kind": "mse", "reduction": "sum"},
        }
        for loss, keys in words.items():
            model = chain(1, nn.Sigmoid())
            found = self.made(model, loss=loss).settings
            self.assertEqual({key[5:]: of for key, of in found.items() if key.startswith("loss.")}, keys, loss)

    def test_a_function_that_is_a_known_loss_is_taken_for_that(self) -> None:
        made = self.made(chain(), loss=lambda prediction, y: ((prediction - y) ** 2).mean())
        self.assertEqual(made.settings["loss.kind"], "mse")
        self.assertTrue(any("by its values" in note for note in made.notes))
        self.assertNotIn("loss.kind", self.made(chain(), loss=root_of_squares).settings)

    def test_classes_are_written_as_integers(self) -> None:
        classes = (self.y[:, 0] > 1.5).long() + (self.y[:, 0] > 2).long()
        made = self.made(chain(3), y=classes, loss=nn.CrossEntropyLoss())
        self.assertEqual(made.settings["loss.kind"], "cross_entropy")
        self.assertEqual(made.settings["loss.from"], "logits")
        self.assertEqual(made.settings["data.labels"], "index")
        self.assertEqual(read_tensors(made.files["sequential.safetensors"])["y"].dtype, np.int64)
        # A class that no row has would shift the numbers of the others.
        made = self.made(chain(4), y=torch.where(classes == 2, 3, classes), loss=nn.CrossEntropyLoss())
        self.assertIn("sequential.loss.pt", made.files)
        self.assertEqual(made.settings["data.labels"], "number")

    def test_labels_of_two_classes_are_classes_to_a_sigmoid(self) -> None:
        labels = (self.y > 1.5).float()
        made = self.made(chain(1, nn.Sigmoid()), y=labels, loss=nn.BCELoss())
        self.assertEqual((made.settings["loss.from"], made.settings["model.output"]), ("probabilities", "sigmoid"))
        self.assertEqual(read_tensors(made.files["sequential.safetensors"])["y"].dtype, np.int64)
        with self.assertRaisesRegex(CannotTake, "PyTorch itself refuses"):
            self.made(chain(1, nn.Sigmoid()), y=labels[:, 0], loss=nn.BCELoss())

    def test_optimizers_have_all_their_numbers(self) -> None:
        model = chain()
        words: dict[Any, dict[str, Any]] = {
            torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4): {
                "kind": "sgd",
                "learning_rate": 0.1,
                "momentum": 0.9,
                "nesterov": True,
                "weight_decay": 1e-4,
            },
            torch.optim.Adam(model.parameters(), betas=(0.8, 0.9), eps=1e-6): {
                "kind": "adam",
                "learning_rate": 1e-3,
                "betas": [0.8, 0.9],
                "eps": 1e-6,
            },
            torch.optim.AdamW(model.parameters()): {
                "kind": "adamw",
                "learning_rate": 1e-3,
                "betas": [0.9, 0.999],
                "eps": 1e-8,
                "weight_decay": 0.01,
            },
            torch.optim.RMSprop(model.parameters()): {
                "kind": "rmsprop",
                "learning_rate": 0.01,
                "alpha": 0.99,
                "eps": 1e-8,
            },
        }
        for optimizer, keys in words.items():
            found = self.made(model, optimizer=optimizer).settings
            self.assertEqual({key[10:]: of for key, of in found.items() if key.startswith("optimizer.")}, keys)
        with self.assertRaisesRegex(CannotTake, "Adagrad is none that the format has"):
            self.made(model, optimizer=torch.optim.Adagrad(model.parameters()))

    def test_what_is_not_taken_over_is_warned_of(self) -> None:
        model = chain()
        cases = {
            "amsgrad": torch.optim.Adam(model.parameters(), amsgrad=True),
            "groups of parameters": torch.optim.SGD(
                [
                    {"params": model[0].parameters(), "lr": 1.0},
                    {"params": model[2].parameters()},
                    {"params": model[4].parameters()},
                ],
                lr=0.1,
            ),
            "not this model's": torch.optim.SGD([*model.parameters(), *chain().parameters()], lr=0.1),
            "dampening": torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.5),
        }
        scheduled = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.optim.lr_scheduler.StepLR(scheduled, 10)
        cases["scheduler"] = scheduled
        for word, optimizer in cases.items():
            made, said = self.warned(model, optimizer=optimizer)
            self.assertEqual(len(said), 1, said)
            self.assertIn(word, said[0])
            self.assertIn(said[0], made.notes)
            self.assertIn(said[0], made.text)
        self.assertEqual(self.warned(model)[1], [])

    def test_hooks_and_modes_are_warned_of(self) -> None:
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1))
        model[0].register_forward_hook(lambda *_: None)
        self.assertIn("hooks of 0", self.warned(model)[1][0])
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1)).eval()
        self.assertIn("evaluation mode", self.warned(model)[1][0])

    def test_layers_that_do_not_move_are_frozen_or_without(self) -> None:
        model = chain()
        model[0].requires_grad_(False)
        self.assertEqual(self.made(model).settings["model.frozen"], [0])
        model = chain()
        of = self.made(model, optimizer=torch.optim.SGD(model[4].parameters(), lr=0.1)).settings
        self.assertEqual(of["optimizer.without"], [0, 1])

    def test_what_the_format_has_no_layers_for_becomes_a_module(self) -> None:
        for model, why in (
            (Net(), "not an nn.Sequential"),
            (nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 1)), "SiLU"),
            (nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 1)), "begins with Dropout"),
            (chain(1, nn.Softmax(dim=0)), "which are the rows"),
            (nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 1)), "biases"),
        ):
            made = self.made(model)
            self.assertTrue(any(why in note for note in made.notes), made.notes)
            self.assertIn(f"{made.name}.model.pt", made.files)
        shared = nn.Linear(3, 3)
        self.assertTrue(
            any("share" in note for note in self.made(nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(3, 1))).notes)
        )

    def test_a_modules_last_layer_is_read_off_its_gradient(self) -> None:
        y = torch.randint(4, (60,))

        def last(end: Any, y: Any = y, loss: Any = None, width: int = 4) -> tuple[Any, list[str]]:
            # A SiLU makes a module of it.
            model = nn.Sequential(nn.Linear(3, 5), nn.SiLU(), nn.Linear(5, width), *end)
            made = self.made(model, y, loss or nn.CrossEntropyLoss())
            return made.settings.get("model.output"), made.notes

        self.assertEqual(last([])[0], "identity")
        self.assertEqual(last([nn.Softmax(dim=1)])[0], "softmax")
        self.assertEqual(last([nn.LogSoftmax(-1), nn.Unflatten(1, (4, 1)), nn.Flatten()])[0], "log_softmax")
        self.assertEqual(last([nn.Sigmoid()], self.y.round().clamp(0, 1), nn.BCEWithLogitsLoss(), 1)[0], "sigmoid")
        # It is a ReLU times 2, which no word is of.
        self.assertEqual(last([nn.ReLU(), Twice()])[0], None)
        over_rows, notes = last([nn.Softmax(dim=0)])
        self.assertIsNone(over_rows)
        self.assertTrue(any("dim=-1" in note for note in notes), notes)

    def test_a_module_whose_forward_is_a_chain_becomes_layers(self) -> None:
        model = Plain(share=0.25)
        made = self.made(model, optimizer=torch.optim.Adam([*model.last.parameters(), *model.between.parameters()]))
        of = made.settings
        self.assertEqual(of["model.hidden"], [16, 16])
        self.assertEqual(of["model.activation"], ["relu", "tanh"])
        self.assertEqual(of["model.dropout"], [0.25, 0.0])
        self.assertEqual(of["model.output"], "sigmoid")
        self.assertEqual(of["optimizer.without"], [0])
        held = read_tensors(made.files["plain.initial.safetensors"])
        for at, layer in enumerate((model.first, model.between[0], model.last)):
            np.testing.assert_array_equal(held[f"0/{at}.weight"], layer.weight.detach().numpy())
            np.testing.assert_array_equal(held[f"0/{at}.bias"], layer.bias.detach().numpy())
        self.assertTrue(any("is a chain" in note for note in made.notes), made.notes)
        model.between.requires_grad_(False)
        self.assertEqual(self.made(model).settings["model.frozen"], [1])
        self.assertIn("evaluation mode", self.warned(model.eval())[1][0])

    def test_functions_of_a_forward_have_the_words_of_their_layers(self) -> None:
        words: dict[str, Any] = {
            "relu": [F.relu, torch.relu, lambda x: x.relu(), lambda x: F.relu(x, inplace=True)],
            "leaky_relu": [lambda x: F.leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, negative_slope=0.2)],
            "elu": [F.elu],
            "gelu": [F.gelu],
            "gelu_tanh": [lambda x: F.gelu(x, approximate="tanh")],
            "sigmoid": [torch.sigmoid, F.sigmoid, lambda x: x.sigmoid()],
            "tanh": [torch.tanh, F.tanh, lambda x: x.tanh()],
        }
        for word, functions in words.items():
            for function in functions:
                of = self.made(Way(lambda of, x, f=function: of.layers[2](f(of.layers[0](x.flatten(1)))))).settings
                self.assertEqual(of.get("model.activation"), word)
                self.assertEqual(of.get("model.negative_slope"), 0.2 if word == "leaky_relu" else None)
        outputs: dict[str, Any] = {
            "softmax": [lambda x: F.softmax(x, dim=1), lambda x: torch.softmax(x, -1), lambda x: x.softmax(1)],
            "log_softmax": [lambda x: F.log_softmax(x, -1), lambda x: x.log_softmax(dim=1)],
        }
        for word, functions in outputs.items():
            for function in functions:
                of = self.made(Way(lambda of, x, f=function: f(of.layers[2](of.layers[0](x))))).settings
                self.assertEqual(of.get("model.output"), word)

    def test_a_forward_that_is_no_chain_becomes_a_module(self) -> None:
        shared, tied = nn.Linear(3, 3), [nn.Linear(3, 3), nn.Linear(3, 3)]
        tied[1].weight = tied[0].weight
        hooked = Plain()
        hooked.first.register_forward_hook(lambda *_: None)
        replaced = Plain()
        replaced.act.forward = torch.tanh  # type: ignore[method-assign]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for model, why in (
                (Net(), "used twice"),
                (Way(lambda of, x: of.layers[2](torch.relu(of.layers[0](x) * 2))), "mul"),
                (Way(lambda of, x: of.layers[1](torch.relu(of.layers[0](x))), shared, shared), "share"),
                (Way(lambda of, x: of.layers[1](torch.relu(of.layers[0](x))), *tied), "share"),
                (Way(lambda of, x: of.layers[2](F.dropout(torch.relu(of.layers[0](x)), 0.5))), "self.training"),
                (Way(lambda of, x: of.layers[2](F.dropout(of.layers[0](x), 0.5, False))), "self.training"),
                (Way(lambda of, x: F.softmax(of.layers[2](torch.relu(of.layers[0](x))), dim=0)), "which are the rows"),
                (Way(lambda of, x: of.layers[2](F.elu(of.layers[0](x), 0.5))), "ELU"),
                (Way(lambda of, x: of.layers[2](F.silu(of.layers[0](x)))), "silu"),
                (Way(lambda of, x: of.layers[2](F.relu(of.layers[0](x).detach()))), "detach"),
                (Way(halfway), "gradients"),
                (Way(counted), "changes the module"),
                (Way(by_chance), "draws random numbers"),
                (Way(by_mode), "another one in evaluation"),
                (Way(by_value), "cannot be followed"),
                (hooked, "hooks"),
                (replaced, "replaced"),
            ):
                made = self.made(model, y=self.x if isinstance(model, Way) else self.y)
                self.assertIn(f"{made.name}.model.pt", made.files, why)
                self.assertTrue(any("as TorchScript" in note and why in note for note in made.notes), made.notes)

    def test_a_module_has_parameters_of_twelve_seeds_each_as_its_layers_draw(self) -> None:
        model = Net()
        held = read_tensors(self.made(model).files["net.initial.safetensors"])
        self.assertEqual({int(name.split("/")[0]) for name in held}, set(range(12)))
        for name, parameter in model.named_parameters():
            np.testing.assert_array_equal(held[f"0/{name}"], parameter.detach().numpy())
        torch.manual_seed(5)
        fresh = Net()
        for part in fresh.children():
            part.reset_parameters()
        torch.manual_seed(5)
        for part in (fresh.inner, fresh.outer):
            part.reset_parameters()
        for name, parameter in fresh.named_parameters():
            np.testing.assert_array_equal(held[f"5/{name}"], parameter.detach().numpy())

    def test_the_users_random_numbers_and_model_stay_as_they_were(self) -> None:
        model = Net().eval()
        before = {name: of.clone() for name, of in model.state_dict().items()}
        torch.manual_seed(1)
        wanted = torch.rand(3)
        torch.manual_seed(1)
        self.made(model)
        self.assertTrue(torch.equal(torch.rand(3), wanted))
        self.assertTrue(all(torch.equal(before[name], of) for name, of in model.state_dict().items()))
        self.assertFalse(model.training)

    def test_own_initialisers_are_recognised_or_said(self) -> None:
        def begun(init: Any) -> Any:
            model = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
            for part in model:
                if isinstance(part, nn.Linear):
                    init(part.weight)
                    nn.init.zeros_(part.bias)
            return self.made(model).settings

        self.assertEqual(begun(nn.init.xavier_uniform_)["model.init"], "glorot_uniform")
        self.assertEqual(
            begun(lambda of: nn.init.kaiming_uniform_(of, nonlinearity="relu"))["model.init"], "kaiming_uniform"
        )
        self.assertEqual(begun(nn.init.kaiming_normal_)["model.init"], "kaiming_normal")
        self.assertEqual(begun(nn.init.zeros_)["model.init"], "zeros")
        self.assertEqual(begun(lambda of: nn.init.normal_(of, 0, 0.05))["model.init"], {"normal": [0.0, 0.05]})
        self.assertEqual(begun(nn.init.xavier_uniform_)["model.init_bias"], "zeros")
        self.assertEqual(self.made(chain()).settings["model.init"], "pytorch")

    def test_a_data_loader_says_how_batches_are_drawn(self) -> None:
        data = torch.utils.data.TensorDataset(self.x, self.y)
        model = chain()
        optimizer = torch.optim.Adam(model.parameters())
        loaders = {
            ("sequential", "short", 16): torch.utils.data.DataLoader(data, 16),
            ("epoch", "short", 16): torch.utils.data.DataLoader(data, 16, shuffle=True),
            ("epoch", "drop", 16): torch.utils.data.DataLoader(data, 16, shuffle=True, drop_last=True),
            ("sequential", "short", 1): torch.utils.data.DataLoader(data),
        }
        for (draw, last, size), loader in loaders.items():
            made = misfit.experiment(model, loader, loss=nn.MSELoss(), optimizer=optimizer, epochs=1)
            self.assertEqual([made.settings[f"batch.{key}"] for key in ("draw", "last", "size")], [draw, last, size])
        subset = torch.utils.data.DataLoader(torch.utils.data.Subset(data, range(7)), 4)
        made = misfit.experiment(model, subset, loss=nn.MSELoss(), optimizer=optimizer, epochs=1)
        np.testing.assert_array_equal(read_tensors(made.files["sequential.safetensors"])["x"], self.x[:7].numpy())

    def test_what_cannot_be_taken_over_is_refused_with_the_cure(self) -> None:
        model = chain()
        refused: list[tuple[str, Any]] = [
            (
                "loss is missing",
                lambda: misfit.experiment(
                    model, self.x, self.y, optimizer=torch.optim.Adam(model.parameters()), epochs=1
                ),
            ),
            ("optimizer is missing", lambda: misfit.experiment(model, self.x, self.y, loss=nn.MSELoss(), epochs=1)),
            ("how long", lambda: self.made(model, epochs=None)),
            ("expected one number", lambda: self.made(model, loss=lambda prediction, y: (prediction - y) ** 4)),
            ("detached", lambda: self.made(model, loss=lambda prediction, y: F.mse_loss(prediction.detach(), y))),
            ("rows and y", lambda: self.made(model, y=self.y[:4])),
            ("is the class", lambda: self.made(model, loss=nn.MSELoss)),
            ("no parameter of this model", lambda: self.made(Net(), optimizer=torch.optim.Adam(model.parameters()))),
        ]
        for word, call in refused:
            with self.assertRaisesRegex(CannotTake, word), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()

    def test_saved_files_are_named_after_the_experiment_file(self) -> None:
        from pathlib import Path

        with folder():
            self.made(Net()).save("mine.toml")
            self.assertEqual(
                sorted(path.name for path in Path().iterdir()),
                ["mine.initial.safetensors", "mine.model.pt", "mine.safetensors", "mine.toml"],
            )
            read = tomllib.loads(Path("mine.toml").read_text())
        self.assertEqual(read["data"]["target"], {"tensors": "mine.safetensors"})
        self.assertEqual(read["model"]["torchscript"], "mine.model.pt")


class Trained(Case):
    """The program's losses of the first hundred steps are PyTorch's own."""

    def setUp(self) -> None:
        super().setUp()
        self.x = torch.rand(50, 3)
        self.y = torch.sin(3 * self.x).sum(1, keepdim=True)

    def test_layers_train_as_in_pytorch(self) -> None:
        for make in (
            lambda of: torch.optim.SGD(of, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
            lambda of: torch.optim.Adam(of, lr=1e-2),
            lambda of: torch.optim.AdamW(of, lr=1e-2),
            lambda of: torch.optim.RMSprop(of, lr=1e-3, momentum=0.5),
        ):
            model = chain()
            self.trains_alike(model, self.x, self.y, nn.MSELoss(), make(model.parameters()))

    def test_batches_in_order_with_a_short_last_one_train_as_in_pytorch(self) -> None:
        model = chain()
        self.trains_alike(model, self.x, self.y, nn.HuberLoss(delta=0.1), torch.optim.Adam(model.parameters()), rows=16)

    def test_a_broadcast_loss_trains_as_in_pytorch(self) -> None:
        for model in (chain(), Net()):
            made = self.trains_alike(
                model, self.x, self.y[:, 0], nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), rows=16
            )
            self.assertEqual(made.settings["loss.pairing"], "broadcast-mean")

    def test_classes_train_as_in_pytorch(self) -> None:
        classes = (self.y[:, 0] > 1).long() + (self.y[:, 0] > 2).long()
        for model in (chain(3), chain(3, nn.Softmax(dim=1))):
            self.trains_alike(
                model, self.x, classes, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-2)
            )
        model = chain(3, nn.LogSoftmax(dim=1))
        self.trains_alike(model, self.x, classes, nn.NLLLoss(), torch.optim.Adam(model.parameters(), lr=1e-2))
        model = chain(4)
        spread = torch.where(classes == 2, 3, classes)
        self.trains_alike(
            model, self.x, spread, nn.CrossEntropyLoss(label_smoothing=0.1), torch.optim.Adam(model.parameters())
        )

    def test_labels_train_as_in_pytorch(self) -> None:
        labels = (self.y > 1.5).float()
        model = chain()
        self.trains_alike(model, self.x, labels, nn.BCEWithLogitsLoss(), torch.optim.Adam(model.parameters(), lr=1e-2))
        model = chain(1, nn.Sigmoid())
        self.trains_alike(model, self.x, labels, nn.BCELoss(), torch.optim.Adam(model.parameters(), lr=1e-2), rows=20)
        model = chain()
        weighed = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))
        self.trains_alike(model, self.x, labels, weighed, torch.optim.Adam(model.parameters(), lr=1e-2))

    def test_norms_train_as_in_pytorch(self) -> None:
        model = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 1)
        )
        self.trains_alike(model, self.x, self.y, nn.MSELoss(), torch.optim.Adam(model.parameters()), rows=25)

    def test_what_only_looks_like_layers_trains_as_in_pytorch(self) -> None:
        weighed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 8))
        shared = nn.Linear(3, 3)
        trained = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
        losses_of_the_loop(trained, self.x, self.y, nn.MSELoss(), torch.optim.SGD(trained.parameters(), lr=0.01))
        for model in (
            nn.Sequential(weighed, nn.ReLU(), nn.Linear(8, 1)),
            nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(3, 1)),
            nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 1)),
            trained,
        ):
            x = torch.randint(0, 10, (50, 3)) if isinstance(model[0], nn.Embedding) else self.x
            made = self.trains_alike(
                model, x, self.y, nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-2), rows=25
            )
            self.assertIn("sequential.model.pt", made.files)

    def test_a_loss_that_is_maximized_is_its_negative(self) -> None:
        model = chain()
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, maximize=True)
        made = misfit.experiment(model, self.x, self.y, loss=nn.MSELoss(), optimizer=optimizer, steps=STEPS)
        wanted = losses_of_the_loop(model, self.x, self.y, nn.MSELoss(), optimizer)
        self.agree([-loss for loss in losses_of_the_program(made)], wanted)

    def test_frozen_layers_and_those_without_an_optimizer_train_as_in_pytorch(self) -> None:
        model = chain()
        model[0].requires_grad_(False)
        self.trains_alike(model, self.x, self.y, nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-2))
        for model in (chain(), Net()):
            last = list(model.children())[-1]
            self.trains_alike(model, self.x, self.y, nn.MSELoss(), torch.optim.Adam(last.parameters(), lr=1e-2))

    def test_a_module_whose_forward_is_a_chain_trains_as_in_pytorch(self) -> None:
        model = Plain()
        parameters = [*model.first.parameters(), *model.last.parameters()]
        made = self.trains_alike(
            model, self.x, self.y, nn.MSELoss(), torch.optim.Adam(parameters, lr=1e-2), rows=16, seeds=2
        )
        self.assertEqual(made.settings["optimizer.without"], [1])
        images, classes = torch.rand(40, 1, 4, 4), torch.arange(40) % 3
        for view in (
            lambda x: x.view(x.size(0), -1),
            lambda x: x.view(-1, 16),
            lambda x: x.reshape(x.shape[0], -1),
            lambda x: torch.flatten(x, 1),
        ):
            model = Way(
                lambda of, x, f=view: F.log_softmax(of.layers[1](F.gelu(of.layers[0](f(x)))), dim=1),
                nn.Linear(16, 8),
                nn.Linear(8, 3),
            )
            made = self.trains_alike(
                model, images, classes, nn.NLLLoss(), torch.optim.Adam(model.parameters(), lr=1e-2), rows=16
            )
            self.assertNotIn(f"{made.name}.model.pt", made.files)

    def test_modules_train_as_in_pytorch(self) -> None:
        model = Net()
        self.trains_alike(model, self.x, self.y, nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-2), rows=16)
        model = Convolved()
        images = torch.rand(40, 1, 8, 8)
        classes = torch.arange(40) % 3
        self.trains_alike(
            model, images, classes, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-2), rows=16
        )
        model = Recurrent()
        series = torch.rand(30, 6, 2)
        self.trains_alike(
            model, series, series.sum((1, 2))[:, None], nn.MSELoss(), torch.optim.Adam(model.parameters(), lr=1e-2)
        )

    def test_losses_of_ones_own_train_as_in_pytorch(self) -> None:
        model = Net()
        self.trains_alike(model, self.x, self.y, root_of_squares, torch.optim.Adam(model.parameters(), lr=1e-2))
        model = chain()
        self.trains_alike(
            model, self.x, self.y[:, 0], root_of_squares, torch.optim.Adam(model.parameters(), lr=1e-2), rows=16
        )
        model = chain()
        self.trains_alike(
            model, self.x, self.y, nn.SmoothL1Loss(beta=0.2), torch.optim.Adam(model.parameters(), lr=1e-2)
        )

    def test_a_traced_module_keeps_its_dropout_apart(self) -> None:
        model = Named()
        made = misfit.experiment(
            model, self.x, self.y, loss=nn.MSELoss(), optimizer=torch.optim.Adam(model.parameters()), steps=3
        )
        self.assertTrue(any("traced" in note for note in made.notes), made.notes)
        with folder():
            predictions = made.run(seeds=[0], **{"optimizer.learning_rate": 1e-30}).predictions
        model.eval()
        np.testing.assert_allclose(
            predictions["prediction"], model(self.x).detach().numpy()[:, 0], rtol=1e-4, atol=1e-6
        )

    def test_other_seeds_of_a_module_begin_as_the_file_says(self) -> None:
        model = Net()
        made = misfit.experiment(
            model, self.x, self.y, loss=nn.MSELoss(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1), steps=STEPS
        )
        held = read_tensors(made.files["net.initial.safetensors"])
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(held[f"3/{name}"]))
        wanted = losses_of_the_loop(model, self.x, self.y, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1))
        self.agree(losses_of_the_program(made, seed=3), wanted)


if __name__ == "__main__":
    unittest.main()
