"""Keras' models as experiments: they train as Keras' own loop does."""

import os
import unittest
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from live import STEPS, Case, losses_of_the_program
from safetensors.numpy import load as read_tensors

import misfit
from misfit import CannotTake

layers = keras.layers


def losses_of_keras(model: Any, x: Any, y: Any, rows: int | None = None) -> list[float]:
    """The loss before each update of batches in the order of the rows."""
    found: list[float] = []
    while True:
        for start in range(0, len(x), rows or len(x)):
            if len(found) == STEPS:
                return found
            part = slice(start, start + (rows or len(x)))
            model.reset_metrics()
            found.append(float(np.asarray(model.train_on_batch(x[part], y[part])).ravel()[0]))


class Keras(Case):
    def setUp(self) -> None:
        super().setUp()
        keras.utils.set_random_seed(3)
        self.x = self.random.uniform(-1, 1, (60, 3)).astype(np.float32)
        self.y = np.sin(2 * self.x).sum(1).astype(np.float32)

    def trains_as_it(
        self,
        inner: list[Any],
        y: Any,
        loss: Any,
        optimizer: Any = "adam",
        rows: int | None = None,
        tolerance: float = 1e-4,
    ) -> Any:
        model = keras.Sequential([keras.Input((3,)), *inner])
        model.compile(optimizer=optimizer, loss=loss)
        made = misfit.experiment(model, self.x, y, batch_size=rows or "all", shuffle=False, steps=STEPS)
        wanted = losses_of_keras(model, self.x, y, rows)
        self.agree(losses_of_the_program(made), wanted, tolerance)
        return made

    def test_a_regression_trains_as_in_keras_and_a_vector_of_targets_is_no_broadcast(self) -> None:
        dense = [layers.Dense(12, activation="relu"), layers.Dense(8, "tanh"), layers.Dense(1)]
        made = self.trains_as_it(dense, self.y, "mse", rows=16)
        self.assertNotIn("loss.pairing", made.settings)

    def test_optimizers_train_as_in_keras(self) -> None:
        for optimizer in (
            keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
            keras.optimizers.RMSprop(0.003),
            keras.optimizers.AdamW(0.01),
            keras.optimizers.Adam(0.01, clipnorm=0.1),
        ):
            self.trains_as_it([layers.Dense(12, "relu"), layers.Dense(1)], self.y, "mse", optimizer)

    def test_classes_train_as_in_keras(self) -> None:
        three, two = np.digitize(self.y, [-0.5, 0.5]), (self.y > 0).astype(int)

        def soft() -> list[Any]:
            return [layers.Dense(12, "relu"), layers.Dense(3), layers.Activation("softmax")]

        self.trains_as_it(soft(), three, "sparse_categorical_crossentropy")
        self.trains_as_it(soft(), keras.utils.to_categorical(three), keras.losses.CategoricalCrossentropy())
        self.trains_as_it(
            [layers.Dense(12), layers.LeakyReLU(), layers.Dense(1, "sigmoid")], two, "binary_crossentropy"
        )
        logits = keras.losses.BinaryCrossentropy(from_logits=True)
        self.trains_as_it([layers.Dense(12, "relu"), layers.Dense(1)], two, logits)
        # Keras makes -1 of 0.
        self.trains_as_it([layers.Dense(12, "relu"), layers.Dense(1)], two, "hinge")

    def test_norms_penalties_and_frozen_layers_train_as_in_keras(self) -> None:
        normed = [layers.Dense(12), layers.BatchNormalization(), layers.ReLU(), layers.Dense(1)]
        # PyTorch's momentum, which the format has, is 1 less Keras'.
        made = self.trains_as_it(normed, self.y, "mse", rows=20)
        self.assertEqual(made.settings["model.norm_momentum"], 0.01)
        held = layers.Dense(12, "relu", trainable=False)
        self.trains_as_it([held, layers.Dense(1)], self.y, "mse")
        penalty = keras.regularizers.L2(0.01)
        made = self.trains_as_it(
            [layers.Dense(12, "relu", kernel_regularizer=penalty), layers.Dense(1, kernel_regularizer=penalty)],
            self.y,
            "mse",
        )
        self.assertEqual(made.settings["loss.l2"], 0.01)

    def test_a_functional_chain_is_taken_over_and_a_branch_is_not(self) -> None:
        x = keras.Input((3,))
        hidden = layers.Dense(4, "relu")(x)
        model = keras.Model(x, layers.Dense(1)(hidden))
        model.compile("sgd", "mse")
        self.assertEqual(misfit.experiment(model, self.x, self.y, epochs=1).settings["model.hidden"], [4])
        model = keras.Model(x, layers.Dense(1)(layers.Concatenate()([x, hidden])))
        model.compile("sgd", "mse")
        with self.assertRaisesRegex(CannotTake, "a chain of layers is taken over"):
            misfit.experiment(model, self.x, self.y, epochs=1)

    def test_other_seeds_begin_as_the_initialisers_say(self) -> None:
        model = keras.Sequential(
            [keras.Input((3,)), layers.Dense(64, "relu", kernel_initializer="he_normal"), layers.Dense(1)]
        )
        model.compile("adam", "mse")
        held = read_tensors(misfit.experiment(model, self.x, self.y, epochs=1).files["sequential.initial.safetensors"])
        self.assertEqual({int(name.split("/")[0]) for name in held}, set(range(12)))
        np.testing.assert_array_equal(held["0/0.weight"], keras.ops.convert_to_numpy(model.layers[0].kernel.value).T)
        self.assertGreater(np.abs(held["3/0.weight"]).max(), np.sqrt(6 / 67) * 1.2)
        self.assertFalse(np.array_equal(held["3/0.weight"], held["4/0.weight"]))

    def test_the_defaults_are_those_of_fit(self) -> None:
        model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        model.compile("adam", "mse")
        of = misfit.experiment(model, self.x, self.y, epochs=1, validation=0.2).settings
        self.assertEqual((of["batch.size"], of["batch.draw"]), (32, "epoch"))
        self.assertEqual((of["data.holdout"], of["data.holdout_rows"]), (0.2, "last"))

    def test_what_cannot_be_taken_over_is_refused_or_warned_of(self) -> None:
        model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
        with self.assertRaisesRegex(CannotTake, "not compiled"):
            misfit.experiment(model, self.x, self.y, epochs=1)
        model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 100)), "mse")
        with self.assertWarnsRegex(misfit.NotTaken, "CosineDecay"):
            misfit.experiment(model, self.x, self.y, epochs=1)
        model = keras.Sequential([keras.Input((3, 1)), layers.Conv1D(2, 2), layers.Flatten(), layers.Dense(1)])
        model.compile("adam", "mse")
        with self.assertRaisesRegex(CannotTake, "Conv1D"):
            misfit.experiment(model, self.x[..., None], self.y, epochs=1)


if __name__ == "__main__":
    unittest.main()
