"""What dicts and settings become in TOML, read back by Python's own reader and by the program."""

import math
import os
import random
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy as np
from misfit import _program, _toml

try:
    import tomllib
except ModuleNotFoundError:  # Before Python 3.11.
    tomllib = None


def read(text):
    return tomllib.loads(text)


@unittest.skipIf(tomllib is None, "this Python has no reader of TOML")
class Values(unittest.TestCase):
    def test_every_float_reads_back_to_the_bit(self):
        draw = random.Random(1)
        bits = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(5000)]
        plain = [1e-3, 1e16, 1e-5, 0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 123456789.0]
        for number in [*bits, *plain]:
            back = read(f"x = {_toml.value(number)}")["x"]
            self.assertIsInstance(back, float)
            if math.isnan(number):
                self.assertTrue(math.isnan(back))
            else:
                self.assertEqual(struct.pack("<d", back), struct.pack("<d", number))

    def test_every_text_reads_back_whatever_it_holds(self):
        texts = ["", 'a "b" \\c', "new\nline\ttab\r", "x² + x", "\x00\x1f\x7f\x80", "\U0001f600", "'", "# no comment"]
        for text in texts:
            self.assertEqual(read(f"x = {_toml.value(text)}")["x"], text)

    def test_whole_numbers_booleans_and_lists_are_spelt_as_toml_has_them(self):
        for thing, spelt in [
            (True, "true"),
            (False, "false"),
            (500, "500"),
            (-(2**63), "-9223372036854775808"),
            ([45, 45], "[45, 45]"),
            ((), "[]"),
            (range(3), "[0, 1, 2]"),
            ({"uniform": [0.5, 1]}, "{ uniform = [0.5, 1] }"),
            (1e-3, "0.001"),
            (1e-5, "1e-5"),
            (float("inf"), "inf"),
        ]:
            self.assertEqual(_toml.value(thing), spelt)

    def test_numbers_and_arrays_of_numpy_and_paths_are_taken(self):
        for thing, plain in [
            (np.float64(0.1), 0.1),
            (np.int64(7), 7),
            (np.bool_(True), True),
            (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
            (np.str_("adam"), "adam"),
            (Path("a") / "b.csv", os.path.join("a", "b.csv")),
        ]:
            back = read(f"x = {_toml.value(thing)}")["x"]
            self.assertEqual((back, type(back)), (plain, type(plain)))

    def test_a_float_of_single_precision_is_the_number_that_it_is(self):
        self.assertEqual(read(f"x = {_toml.value(np.float32(0.1))}")["x"], float(np.float32(0.1)))

    def test_what_toml_cannot_hold_is_refused_with_its_key(self):
        for thing in (None, object(), {1: 2}):
            with self.assertRaisesRegex(TypeError, r"model\.init: "):
                _toml.dumps({"model": {"init": thing}})
        with self.assertRaisesRegex(ValueError, "64 bits"):
            _toml.value(2**63)


class Files(unittest.TestCase):
    def test_a_dict_is_the_file_that_a_person_would_write(self):
        text = _toml.dumps(
            {
                "train.steps": 500,
                "model": {"hidden": [10]},
                "data": {"target": {"formula": "sin(x)"}},
                "sweep": {"optimizer.learning_rate": [1e-3, 1e-2]},
                "variant": [{"name": "a", "fixes": ["wide one"]}],
                "fix": {"wide one": {"why": "few units", "set": {"model.hidden": [50]}}},
                "name": "sine",
                "seeds": 3,
            }
        )
        self.assertEqual(
            text,
            """\
name = "sine"
seeds = 3

[data]
target = { formula = "sin(x)" }

[model]
hidden = [10]

[train]
steps = 500

[fix."wide one"]
why = "few units"
set = { model.hidden = [50] }

[[variant]]
name = "a"
fixes = ["wide one"]

[sweep]
"optimizer.learning_rate" = [0.001, 0.01]
""",
        )

    @unittest.skipIf(tomllib is None, "this Python has no reader of TOML")
    def test_nested_and_dotted_keys_are_the_same_file(self):
        nested = {"optimizer": {"kind": "sgd", "learning_rate": 0.1}, "train": {"steps": 5, "stop": {"patience": 2}}}
        dotted = {"optimizer.kind": "sgd", "train": {"steps": 5}, "optimizer.learning_rate": 0.1, "train.stop.patience": 2}
        self.assertEqual(read(_toml.dumps(nested)), nested)
        self.assertEqual(read(_toml.dumps(dotted)), nested)

    def test_a_key_that_is_there_twice_is_refused(self):
        with self.assertRaisesRegex(ValueError, "train.steps: is there twice"):
            _toml.dumps({"train": {"steps": 5}, "train.steps": 6})
        with self.assertRaisesRegex(ValueError, "name: is there twice"):
            _toml.dumps({"name": "a", "name.b": 1})

    @unittest.skipIf(tomllib is None, "this Python has no reader of TOML")
    def test_long_lists_are_wrapped_and_stay_the_same(self):
        tree = {"seeds": list(range(1000)), "data": {"target": {"polynomial": [0.1] * 99}, "names": ["a, b"] * 40}}
        text = _toml.dumps(tree)
        self.assertEqual(read(text), tree)
        self.assertLess(max(map(len, text[: text.index("[data]")].splitlines())), 121)

    def test_paths_are_moved_with_the_file_and_nothing_else_is(self):
        tree = {
            "data": {"target": {"csv": "rows.csv", "output": "y"}, "test": {"csv": "/data/test.csv"}},
            "model.torchscript": Path("sub/net.pt"),
            "variant": [{"name": "csv", "set": {"data.target": {"tensors": "t.safetensors"}, "model.init": "zeros"}}],
        }
        moved = _toml.moved(tree, "../..")
        self.assertEqual(moved["data"], {"target": {"csv": "../../rows.csv", "output": "y"}, "test": {"csv": "/data/test.csv"}})
        self.assertEqual(moved["model.torchscript"], "../../sub/net.pt")
        self.assertEqual(
            moved["variant"],
            [{"name": "csv", "set": {"data.target": {"tensors": "../../t.safetensors"}, "model.init": "zeros"}}],
        )

    def test_the_program_reads_what_is_written(self):
        tree = {
            "seeds": [3, 5],
            "model": {"hidden": [7, 8], "activation": "tanh", "bias": False},
            "optimizer": {"kind": "adam", "learning_rate": 0.00123, "betas": (0.5, 0.75)},
            "fix": {"more": {"why": 'it says "more"', "set": {"train.steps": 77}}},
            "variant": [{"name": "b", "fixes": ["more"], "set": {"data.inputs": {"uniform": {"from": -1, "to": 1, "count": 9}}}}],
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "made.toml"
            path.write_text(_toml.dumps(tree), encoding="utf-8")
            words = [_program.find(), "run", str(path), "--dry-run"]
            told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        lines = [line.strip() for line in told.splitlines()]
        for line in [
            "made: 4 runs, 2 variants with 2 seeds each",
            "model.hidden = [7, 8]",
            "model.bias = false",
            "optimizer.learning_rate = 0.00123",
            "optimizer.betas = [0.5, 0.75]",
            "train.steps = 77",
        ]:
            self.assertIn(line, lines)


if __name__ == "__main__":
    unittest.main()
