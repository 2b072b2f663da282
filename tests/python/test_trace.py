"""What a loop really does: each fault is found, and a sound loop is called sound."""

import contextlib
import unittest
import warnings
from typing import Any

import torch
from live import STEPS, Case, losses_of_the_program
from torch import nn

import misfit


def loop(seen: Any, x: Any, y: Any, steps: int = 8, zero: bool = True, loss: Any = None) -> None:
    """A sound loop of two batches in turn, if nothing is left out."""
    loss = loss or nn.MSELoss()
    half = len(x) // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(steps):
            part = slice(0, half) if step % 2 == 0 else slice(half, None)
            if zero:
                seen.optimizer.zero_grad()
            loss(seen.module(x[part]), y[part]).backward()
            seen.optimizer.step()


class Traced(Case):
    def setUp(self) -> None:
        super().setUp()
        self.x = torch.rand(40, 3)
        self.y = self.x.sum(1, keepdim=True)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 1))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def seen(self, *args: Any, **options: Any) -> Any:
        optimizer = options.pop("optimizer", self.optimizer)
        with misfit.trace(self.model, optimizer, nn.MSELoss()) as seen:
            loop(seen, *(args or (self.x, self.y)), **options)
        return seen

    def names(self, seen: Any) -> list[str]:
        return [finding.name for finding in seen.findings]

    def test_a_sound_loop_is_called_sound(self) -> None:
        seen = self.seen()
        self.assertEqual(self.names(seen), [])
        self.assertEqual((seen.steps, len(seen.losses)), (8, 8))
        self.assertIn("nothing amiss", repr(seen))
        self.assertIn("2 different batches, of 20 rows", repr(seen))

    def test_gradients_that_add_up_are_seen(self) -> None:
        seen = self.seen(zero=False)
        self.assertEqual(self.names(seen), ["gradients-add-up"])
        self.assertIn("7 of 7", seen.findings[0].what)
        self.assertIn("zero_grad()", seen.findings[0].cure)

    def test_gradients_that_are_cleared_too_late_are_seen(self) -> None:
        with misfit.trace(self.model, self.optimizer) as seen:
            for _ in range(3):
                nn.MSELoss()(self.model(self.x), self.y).backward()
                self.optimizer.zero_grad()
                self.optimizer.step()
        self.assertIn("gradients-cleared", self.names(seen))

    def test_parameters_that_the_optimizer_has_not_are_seen(self) -> None:
        seen = self.seen(optimizer=torch.optim.SGD(self.model[0].parameters(), lr=0.01))
        self.assertEqual(self.names(seen), ["not-in-optimizer"])
        self.assertIn("3.weight, 3.bias", seen.findings[0].what)

    def test_an_optimizer_of_another_module_is_seen(self) -> None:
        seen = self.seen(optimizer=torch.optim.SGD(nn.Linear(3, 1).parameters(), lr=0.01))
        self.assertIn("other-optimizer", self.names(seen))
        self.assertIn("weights-do-not-move", self.names(seen))

    def test_evaluation_mode_while_training_is_seen_and_evaluation_in_between_is_not(self) -> None:
        self.model.eval()
        self.assertEqual(self.names(self.seen()), ["evaluation-mode"])
        self.model.train()
        with misfit.trace(self.model, self.optimizer) as seen:
            loop(seen, self.x, self.y)
            self.model.eval()
            with torch.no_grad():
                self.model(self.x)
            self.model.train()
            loop(seen, self.x, self.y)
        self.assertEqual(self.names(seen), [])

    def test_shapes_that_broadcast_in_the_loss_are_seen_however_it_is_written(self) -> None:
        for loss in (nn.MSELoss(), torch.nn.functional.l1_loss, lambda prediction, y: ((y - prediction) ** 2).mean()):
            seen = self.seen(self.x, self.y[:, 0], loss=loss)
            self.assertEqual(self.names(seen), ["broadcast-loss"], loss)
            self.assertIn("[20, 20]", seen.findings[0].what)

    def test_a_batch_that_repeats_is_seen(self) -> None:
        with misfit.trace(self.model, self.optimizer) as seen:
            for _ in range(4):
                self.optimizer.zero_grad()
                nn.MSELoss()(self.model(self.x[:7]), self.y[:7]).backward()
                self.optimizer.step()
        self.assertEqual(self.names(seen), ["one-batch"])
        self.assertIn("7 rows", seen.findings[0].what)

    def test_a_loss_without_a_graph_is_seen_although_pytorch_stops(self) -> None:
        with contextlib.suppress(RuntimeError), misfit.trace(self.model, self.optimizer) as seen:
            nn.MSELoss()(self.model(self.x).detach(), self.y).backward()
        self.assertIn("no-graph", self.names(seen))

    def test_what_is_not_finite_is_seen(self) -> None:
        seen = self.seen(torch.cat([self.x[:-1], torch.full((1, 3), float("nan"))]), self.y)
        said = [finding.what for finding in seen.findings if finding.name == "not-finite"]
        self.assertEqual(len(said), 3, said)

    def test_frozen_parameters_and_a_changing_rate_are_seen(self) -> None:
        self.model[0].requires_grad_(False)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.5)
        with misfit.trace(self.model, self.optimizer) as seen:
            for _ in range(3):
                loop(seen, self.x, self.y, steps=1)
                loop(seen, self.x[10:], self.y[10:], steps=1)
                scheduler.step()
        self.assertEqual(self.names(seen), ["frozen", "rate-changes"])

    def test_a_step_that_is_missing_is_seen(self) -> None:
        with misfit.trace(self.model, self.optimizer) as seen:
            nn.MSELoss()(self.model(self.x), self.y).backward()
        self.assertIn("no-step", self.names(seen))

    def test_the_trace_changes_nothing_that_is_trained(self) -> None:
        def trained(watched: bool) -> Any:
            torch.manual_seed(0)
            model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1))
            optimizer = torch.optim.Adam(model.parameters())
            seen = misfit.trace(model, optimizer)
            with seen if watched else contextlib.nullcontext():
                loop(seen, self.x, self.y)
            return torch.cat([parameter.flatten() for parameter in model.parameters()])

        self.assertTrue(torch.equal(trained(True), trained(False)))

    def test_the_experiment_of_a_trace_does_what_the_loop_did(self) -> None:
        model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        with misfit.trace(model, optimizer, nn.MSELoss()) as seen:
            loop(seen, self.x, self.y, steps=STEPS, zero=False)
        after = model[0].weight.clone()
        made = seen.experiment(self.x, self.y)
        self.assertIs(made.settings["optimizer.zero_grad"], False)
        self.assertEqual((made.settings["batch.size"], made.settings["train.steps"]), (20, STEPS))
        self.assertTrue(torch.equal(after, model[0].weight))
        self.agree(losses_of_the_program(made), seen.losses)

    def test_the_experiment_of_a_trace_has_its_mode_and_its_one_batch(self) -> None:
        self.model.eval()
        with misfit.trace(self.model, self.optimizer, nn.MSELoss()) as seen:
            for _ in range(3):
                self.optimizer.zero_grad()
                nn.MSELoss()(self.model(self.x[:7]), self.y[:7]).backward()
                self.optimizer.step()
        of = seen.experiment(self.x, self.y).settings
        self.assertEqual((of["train.mode"], of["batch.draw"], of["batch.size"]), ("eval", "once", 7))
        self.assertFalse(self.model.training)


if __name__ == "__main__":
    unittest.main()
