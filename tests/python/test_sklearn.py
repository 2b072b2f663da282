"""scikit-learn's networks as experiments: they train as scikit-learn's own loop does."""

import unittest
import warnings
from typing import Any

import numpy as np
from live import STEPS, Case, losses_of_the_program
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

import misfit
from misfit import CannotTake


def losses_of_scikit_learn(model: Any, x: Any, y: Any) -> list[float]:
    """The loss before each update, of batches that are all rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y)
    return [float(loss) for loss in model.loss_curve_]


def settings(**others: Any) -> dict[str, Any]:
    """Of a network whose batches are all rows, and which never stops early."""
    usual = {
        "hidden_layer_sizes": (12, 8),
        "batch_size": 60,
        "max_iter": STEPS,
        "n_iter_no_change": 10**6,
        "random_state": 4,
        "shuffle": False,
    }
    return {**usual, **others}


class Sklearn(Case):
    def setUp(self) -> None:
        super().setUp()
        self.x = self.random.uniform(-1, 1, (60, 3)).astype(np.float32)
        self.y = np.sin(2 * self.x).sum(1).astype(np.float32)

    def trains_as_it(self, model: Any, y: Any, factor: float, tolerance: float = 1e-5) -> Any:
        made = misfit.experiment(model, self.x, y)
        wanted = losses_of_scikit_learn(model, self.x, y)
        self.assertEqual(len(wanted), STEPS)
        self.agree([factor * loss for loss in losses_of_the_program(made)], wanted, tolerance)
        return made

    def test_a_regressor_trains_as_in_scikit_learn(self) -> None:
        for others in ({"alpha": 1.0}, {"activation": "tanh"}, {"activation": "logistic"}):
            self.trains_as_it(MLPRegressor(**settings(learning_rate_init=0.01, **others)), self.y, 0.5)

    def test_sgd_trains_as_in_scikit_learn(self) -> None:
        for others in ({"nesterovs_momentum": True}, {"nesterovs_momentum": False}, {"momentum": 0.0, "alpha": 0.5}):
            self.trains_as_it(MLPRegressor(**settings(solver="sgd", learning_rate_init=0.05, **others)), self.y, 0.5)

    def test_several_outputs_train_by_the_sum_of_their_losses(self) -> None:
        y = np.stack([self.y, self.x[:, 0] ** 2], 1)
        for others in ({"solver": "sgd"}, {"solver": "adam"}):
            # The loss that it reports is half the mean; its penalty is a factor that stands apart.
            self.trains_as_it(MLPRegressor(**settings(learning_rate_init=0.01, alpha=0.0, **others)), y, 0.5)

    def test_classifiers_train_as_in_scikit_learn(self) -> None:
        two, three = (self.y > 0).astype(int), np.digitize(self.y, [-0.5, 0.5])
        for solver in ("adam", "sgd"):
            self.trains_as_it(MLPClassifier(**settings(solver=solver, learning_rate_init=0.01, alpha=0.1)), two, 1.0)
            self.trains_as_it(MLPClassifier(**settings(solver=solver, learning_rate_init=0.01, alpha=0.1)), three, 1.0)
        names = np.array(["low", "high"])[two]
        made = self.trains_as_it(MLPClassifier(**settings(learning_rate_init=0.01)), names, 1.0)
        self.assertTrue(any("high, low are called 0 to 1" in note for note in made.notes), made.notes)
        several = np.stack([two, (self.x[:, 0] > 0).astype(int)], 1)
        self.trains_as_it(MLPClassifier(**settings(learning_rate_init=0.01, alpha=0.0)), several, 2.0)

    def test_the_defaults_are_taken_over(self) -> None:
        of = misfit.experiment(
            MLPRegressor(), self.random.uniform(size=(500, 3)), self.random.uniform(size=500)
        ).settings
        self.assertEqual((of["batch.size"], of["batch.draw"], of["batch.last"]), (200, "epoch", "short"))
        self.assertEqual(of["train.epochs"], 200)
        self.assertEqual(of["train.stop"], {"patience": 11, "min_delta": 2e-4, "on": "train"})
        self.assertEqual(of["model.hidden"], [100])
        self.assertEqual(of["optimizer.eps_place"], "inside")
        given = misfit.experiment(MLPRegressor(), self.x, self.y, epochs=7).settings
        self.assertEqual(given["train.epochs"], 7)
        early = misfit.experiment(MLPRegressor(early_stopping=True), self.x, self.y).settings["train.stop"]
        self.assertEqual(early, {"patience": 11, "on": "validation", "validation": 0.1, "restore": True})

    def test_what_cannot_be_taken_over_is_refused_with_the_cure(self) -> None:
        with self.assertRaisesRegex(CannotTake, 'set solver="adam"'):
            misfit.experiment(MLPRegressor(solver="lbfgs"), self.x, self.y)
        with self.assertRaisesRegex(CannotTake, "Pipeline"):
            misfit.experiment(make_pipeline(MLPRegressor()), self.x, self.y)
        with self.assertRaisesRegex(CannotTake, "set_params"):
            misfit.experiment(MLPRegressor(), self.x, self.y, batch_size=3)
        with self.assertWarnsRegex(misfit.NotTaken, "invscaling"):
            misfit.experiment(MLPRegressor(solver="sgd", learning_rate="invscaling"), self.x, self.y)


if __name__ == "__main__":
    unittest.main()
