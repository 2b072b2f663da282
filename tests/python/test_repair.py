"""A diagnosis' fixes made of the user's own model: it fits then, trained by PyTorch's own loop."""

import unittest
import warnings
from typing import Any

import numpy as np
import torch
from live import Case, folder
from sklearn.neural_network import MLPRegressor
from torch import nn

import misfit


def trained(repaired: Any, x: Any, y: Any) -> float:
    """R² after the loop of the documentation."""
    torch.manual_seed(0)
    inputs, targets = repaired.scale_input(x), repaired.scale_target(y)
    rows = repaired.batch_size or len(x)
    updates = repaired.steps or repaired.epochs * -(-len(x) // rows)
    order: list[int] = []
    for _ in range(updates):
        if not order:
            order = (torch.randperm(len(x)) if repaired.shuffle else torch.arange(len(x))).tolist()
        part, order = order[:rows], order[rows:]
        repaired.optimizer.zero_grad()
        repaired.loss(repaired.model(inputs[part]), targets[part]).backward()
        repaired.optimizer.step()
    with torch.no_grad():
        found = repaired.unscale_target(repaired.model(inputs)).numpy().ravel()
    wanted = y.numpy().ravel()
    return float(1 - ((found - wanted) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())


class Chain(nn.Module):
    """A chain whose layers are defined in another order than they are called."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.last, self.middle, self.first = nn.Linear(32, 1), nn.Linear(32, 32), nn.Linear(1, 32)
        self.sigmoid = nn.Sigmoid() if last else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sigmoid(self.last(torch.tanh(self.middle(torch.tanh(self.first(x))))))


class Repaired(Case):
    def setUp(self) -> None:
        super().setUp()
        self.place = folder()
        self.place.__enter__()
        self.addCleanup(self.place.__exit__, None, None, None)
        self.x = torch.rand(100, 1) * 4 - 2
        self.y = 100 * torch.sin(2 * self.x)

    def diagnosed(self, model: Any, y: Any, optimizer: Any, **options: Any) -> Any:
        made = misfit.experiment(
            model, self.x, y, loss=nn.MSELoss(), optimizer=optimizer, **{"epochs": 400, "seeds": 3, **options}
        )
        return made.diagnose()

    def test_a_sequential_with_three_faults_fits_once_it_is_repaired(self) -> None:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1), nn.Softmax(dim=1))
        results = self.diagnosed(model, self.y[:, 0], torch.optim.Adam(model.parameters(), lr=0.01))
        repaired = results.repaired(model)
        self.assertIn("linear-output", repaired.fixes)
        self.assertIn("matched-pairing", repaired.fixes)
        self.assertFalse(any(isinstance(part, nn.Softmax) for part in repaired.model.modules()))
        self.assertGreater(trained(repaired, self.x, self.y[:, 0]), 0.99)
        # The user's own is as it was.
        self.assertIsInstance(model[3], nn.Softmax)
        self.assertFalse(repaired.shuffle, "no fix has the rows shuffled")

    def test_its_lines_are_those_of_the_diagnosis(self) -> None:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1), nn.Softmax(dim=1))
        results = self.diagnosed(model, self.y[:, 0], torch.optim.Adam(model.parameters(), lr=0.01))
        lines = results.lines()
        self.assertTrue(any(line.startswith("nn.Linear(32, 1)") for line in lines), lines)
        for line in lines:
            code = line.split("  #")[0].split(";")[0]
            self.assertIn(code, str(results), "the diagnosis says it in words too")
            compile(code, "line", "exec")

    def test_a_module_is_copied_where_the_fixes_are_of_data_and_training(self) -> None:
        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner, self.outer = nn.Linear(1, 32), nn.Linear(32, 1)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.outer(torch.tanh(self.inner(x)))

        model = Net()
        before = model.inner.weight.clone()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        results = self.diagnosed(model, self.y[:, 0], optimizer, shuffle=True, batch_size=50)
        repaired = results.repaired(model)
        self.assertIsInstance(repaired.model, Net)
        self.assertTrue(repaired.shuffle)
        self.assertTrue(torch.equal(repaired.model.inner.weight, before))
        self.assertGreater(trained(repaired, self.x, self.y[:, 0]), 0.99)
        self.assertTrue(torch.equal(model.inner.weight, before))

    def test_a_module_whose_forward_is_a_chain_becomes_a_sequential_where_the_fixes_change_layers(self) -> None:
        model = Chain(last=True)
        results = self.diagnosed(model, self.y[:, 0], torch.optim.Adam(model.parameters(), lr=0.01))
        repaired = results.repaired(model)
        self.assertIn("linear-output", repaired.fixes)
        self.assertIs(type(repaired.model), nn.Sequential)
        kinds = [type(part) for part in repaired.model if isinstance(part, (nn.Linear, nn.Tanh, nn.Sigmoid))]
        self.assertEqual(kinds, [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear])
        self.assertTrue(any("Chain" in note for note in repaired.notes), repaired.notes)
        self.assertGreater(trained(repaired, self.x, self.y[:, 0]), 0.99)

    def test_layers_of_a_copied_module_begin_as_they_are_called_not_as_they_are_defined(self) -> None:
        model = Chain(last=False)
        # Without the first layer in the optimizer.
        optimizer = torch.optim.Adam([*model.middle.parameters(), *model.last.parameters()], lr=0.01)
        results = self.diagnosed(model, self.y[:, 0], optimizer)
        repaired = results.repaired(model)
        self.assertIsInstance(repaired.model, Chain)
        self.assertIn("matched-pairing", repaired.fixes)
        for name, parameter in repaired.model.named_parameters():
            self.assertTrue(torch.equal(parameter, model.get_parameter(name)), name)
        held = {id(of) for group in repaired.optimizer.param_groups for of in group["params"]}
        wanted = [*repaired.model.middle.parameters(), *repaired.model.last.parameters()]
        if not repaired.settings["optimizer"].get("without"):
            wanted += repaired.model.first.parameters()
        self.assertEqual(held, {id(of) for of in wanted})

    def test_scales_are_those_of_the_training_rows_and_can_be_undone(self) -> None:
        model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
        results = self.diagnosed(model, self.y, torch.optim.Adam(model.parameters(), lr=0.01))
        repaired = results.repaired(model)
        if repaired.settings["data"]["scale_target"] == "standardize":
            scaled = repaired.scale_target(self.y)
            self.assertAlmostEqual(float(scaled.mean()), 0.0, places=5)
            self.assertAlmostEqual(float(scaled.std(correction=0)), 1.0, places=5)
        for values in (self.y, self.y.numpy()):
            np.testing.assert_allclose(
                repaired.unscale_target(repaired.scale_target(values)), values, rtol=1e-4, atol=1e-4
            )

    def test_what_is_no_diagnosis_has_nothing_to_repair(self) -> None:
        model = nn.Sequential(nn.Linear(1, 1))
        made = misfit.experiment(
            model, self.x, self.y, loss=nn.MSELoss(), optimizer=torch.optim.Adam(model.parameters()), steps=2
        )
        with self.assertRaisesRegex(ValueError, "is no diagnosis"):
            made.run(seeds=1).repaired(model)

    def test_a_regressor_of_scikit_learn_is_cloned_with_other_parameters(self) -> None:
        model = MLPRegressor(hidden_layer_sizes=(30,), learning_rate_init=1e-5, max_iter=100, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = misfit.experiment(model, self.x, self.y[:, 0], seeds=3).diagnose()
        repaired = results.repaired(model)
        self.assertIsInstance(repaired.model, MLPRegressor)
        self.assertGreater(repaired.model.learning_rate_init, 1e-5)
        self.assertEqual(model.learning_rate_init, 1e-5)


if __name__ == "__main__":
    unittest.main()
