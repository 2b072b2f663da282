"""The experiment as an object, and the file format that stands beside it."""

import tomllib
import unittest
import warnings
from pathlib import Path

import numpy as np
import safetensors.numpy
import torch
from live import Case, folder
from torch import nn

import misfit
from misfit import _safetensors
from misfit import CannotTake


class Tensors(unittest.TestCase):
    def test_the_safetensors_package_reads_what_is_written(self) -> None:
        held = {
            "x": np.arange(6, dtype=np.float32).reshape(2, 3),
            "0/0.weight": np.array([[1.5, -2.0]], dtype=np.float64).T,
            "classes": np.array([3, 1], dtype=np.int64),
            "big": np.array([1, 2], dtype=">i4"),
            "true": np.array([True, False]),
            "number": np.array(2.5, dtype=np.float32),
        }
        read = safetensors.numpy.load(_safetensors.dumps(held))
        self.assertEqual(set(read), set(held))
        for name, tensor in held.items():
            np.testing.assert_array_equal(read[name], tensor)
            self.assertEqual(read[name].shape, tensor.shape)

    def test_what_the_safetensors_package_writes_is_read(self) -> None:
        held = {"x": np.ones((3, 2), dtype=np.float32), "y": np.arange(3)}
        read = _safetensors.loads(safetensors.numpy.save(held, metadata={"by": "a test"}))
        self.assertEqual(set(read), set(held))
        for name, tensor in held.items():
            np.testing.assert_array_equal(read[name], tensor)

    def test_a_type_that_the_format_has_not_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "complex128"):
            _safetensors.dumps({"x": np.ones(2, dtype=complex)})


class Experiment(Case):
    def made(self, **options: object) -> misfit.Experiment:
        x = torch.rand(30, 2)
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        given = {"loss": nn.MSELoss(), "optimizer": torch.optim.Adam(model.parameters()), "epochs": 3, **options}
        return misfit.experiment(model, x, x.sum(1, keepdim=True), **given)  # type: ignore[arg-type]

    def test_its_text_is_toml_with_all_its_settings(self) -> None:
        made = self.made(name="mine")
        read = tomllib.loads(made.text)
        self.assertEqual((read["name"], read["seeds"], read["framework"]), ("mine", 6, "pytorch"))
        flat = {
            f"{section}.{key}": value
            for section in read
            if isinstance(read[section], dict)
            for key, value in read[section].items()
        }
        self.assertLessEqual(made.settings.items(), flat.items())
        self.assertEqual(str(made), made.text)

    def test_numbers_read_back_exactly(self) -> None:
        rate = 0.1 + 0.2
        model = nn.Linear(1, 1)
        made = misfit.experiment(
            nn.Sequential(model),
            torch.rand(9, 1),
            torch.rand(9, 1),
            loss=nn.MSELoss(),
            optimizer=torch.optim.SGD(model.parameters(), lr=rate),
            steps=1,
        )
        self.assertEqual(tomllib.loads(made.text)["optimizer"]["learning_rate"], rate)

    def test_it_shows_itself_in_a_notebook(self) -> None:
        html = self.made(name="mine")._repr_html_()
        self.assertIn("<b>mine</b>", html)
        self.assertIn("mine.safetensors", html)
        self.assertIn("misfit.Experiment 'mine'", repr(self.made(name="mine")))

    def test_a_saved_experiment_is_one_that_the_program_takes(self) -> None:
        with folder():
            path = self.made().save(Path("some") / "where.toml")
            self.assertEqual(
                {one.name for one in path.parent.iterdir()},
                {"where.toml", "where.safetensors", "where.initial.safetensors"},
            )
            results = misfit.run(path, seeds=2)
            self.assertEqual(len(results.runs), 2)
            self.assertTrue(np.isfinite(results.runs["last_loss"]).all())

    def test_run_diagnose_and_check_write_beside_their_results(self) -> None:
        with folder():
            made = self.made(name="mine", seeds=2)
            made.run(out="there/first")
            self.assertTrue(Path("there/first.toml").is_file())
            self.assertTrue(Path("there/first.safetensors").is_file())
            self.assertIn("verdicts.csv", {path.name for path in made.diagnose().folder.iterdir()})
            self.assertGreater(len(made.check().checks), 0)

    def test_it_trains_as_many_steps_or_epochs_as_are_said(self) -> None:
        for how in ("steps", "epochs"):
            model = nn.Linear(2, 1)
            adam = torch.optim.Adam(model.parameters())
            made = misfit.experiment(
                model, torch.rand(9, 2), torch.rand(9, 1), loss=nn.MSELoss(), optimizer=adam, **{how: 7}
            )
            found = {key: value for key, value in made.settings.items() if key in ("train.steps", "train.epochs")}
            self.assertEqual(found, {f"train.{how}": 7})

    def test_a_validation_share_or_pair_is_what_runs_are_tested_on(self) -> None:
        self.assertEqual(self.made(validation=0.25).settings["data.holdout"], 0.25)
        self.assertEqual(self.made().settings["data.holdout"], 0.0)
        with folder():
            made = self.made(validation=(torch.rand(7, 2), torch.rand(7, 1)))
            self.assertEqual(len(made.run(seeds=1).predictions), 7)

    def test_what_is_no_model_is_refused_with_what_is(self) -> None:
        for model, word in ((3, "int"), (nn.Linear, "not its class"), (object(), "expected an nn.Module")):
            with self.assertRaisesRegex(CannotTake, word):
                misfit.experiment(model, [[1.0]], [1.0])
        with self.assertRaisesRegex(CannotTake, "keep one"):
            self.made(steps=3)
        with self.assertRaisesRegex(CannotTake, "share of the rows"):
            self.made(validation=2)
        with self.assertRaisesRegex(CannotTake, "letters, digits"):
            self.made(name="a/b")
        with self.assertRaisesRegex(CannotTake, "seeds"):
            self.made(seeds=0)

    def test_warnings_point_to_the_users_line(self) -> None:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            model = nn.Sequential(nn.Linear(2, 1))
            optimizer = torch.optim.Adam(model.parameters(), amsgrad=True)
            misfit.experiment(
                model, torch.rand(5, 2), torch.rand(5, 1), loss=nn.MSELoss(), optimizer=optimizer, steps=1
            )
        self.assertEqual([warning.filename for warning in seen], [__file__])


if __name__ == "__main__":
    unittest.main()
