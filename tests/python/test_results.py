"""Results folders as tables, held against the CSVs' own text."""

import csv
import importlib.util
import json
import math
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path

import misfit
import numpy as np
import pandas as pd

HAS_POLARS = importlib.util.find_spec("polars") is not None
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
RUNS = "variant,seed,outcome,steps,first_loss,last_loss,test_rmse,r2,accuracy,train_rmse,best_step,engine,kind"
CURVES = "variant,seed,step,train_loss,test_loss,test_rmse,grad_norm,update_ratio,dead_units,accuracy"


def bits(number):
    """A number to the last bit; all NaN are one."""
    return "NaN" if math.isnan(number) else struct.pack("<d", number)


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Folder(unittest.TestCase):
    """A results folder, written by hand."""

    def setUp(self):
        self._own = tempfile.TemporaryDirectory()
        self.addCleanup(self._own.cleanup)
        self.folder = Path(self._own.name) / "made"
        self.folder.mkdir()

    def write(self, name, *lines):
        (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def manifest(self, **more):
        (self.folder / "manifest.json").write_text(json.dumps({"misfit": "0", "variants": [], **more}), encoding="utf-8")

    def runs(self, *lines, more=""):
        self.write("runs.csv", RUNS + more, *lines)

    def read(self):
        return misfit.read(self.folder)


class Reading(Folder):
    def random_curves(self):
        draw = random.Random(2)
        numbers = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(4000)]
        numbers += [draw.random() for _ in range(4000)] + [0.30000000000000004, 5e-324, 1.7976931348623157e308, -0.0, 1.0]
        spelt = ["NaN" if math.isnan(x) else repr(x) for x in numbers] + ["NaN", "inf", "-inf"]
        self.runs("a,0,partial,1,1.0,1.0,1.0,0.5,NaN,1.0,1,fused,named")
        self.write("curves.csv", CURVES, *(f"a,0,{at},{x},1.0,1.0,1.0,NaN,0.0,NaN" for at, x in enumerate(spelt)))
        return spelt

    def test_every_float_is_the_one_in_the_file_to_the_last_bit(self):
        spelt = self.random_curves()
        found = self.read().curves["train_loss"]
        self.assertEqual(found.dtype, np.float64)
        self.assertEqual([bits(x) for x in found], [bits(float(x)) for x in spelt])

    @unittest.skipUnless(HAS_POLARS, "polars is not installed")
    def test_so_it_is_in_polars(self):
        spelt = self.random_curves()
        found = self.read().polars().curves["train_loss"].to_list()
        self.assertEqual([bits(x) for x in found], [bits(float(x)) for x in spelt])

    def made_of_classes(self):
        self.manifest(
            tables=[
                {
                    "task": "classification",
                    "inputs": [{"name": "a"}, {"name": "seed", "categories": ["1", "02"]}],
                    "outputs": ["c"],
                    "classes": ["0", "1"],
                }
            ]
        )
        self.runs("a,0,fits,1,1.0,1.0,0.1,0.5,0.9,0.1,1,fused,named", "true,0,fits,1,1.0,1.0,0.1,0.5,NaN,0.1,1,torch,named")
        self.write(
            "predictions.csv",
            "variant,seed,row,a,input_seed,target,prediction,p_0,p_1",
            "a,0,2,1.5,02,0,1,0.5,0.5",
            "a,0,3,2.5,1,1,NaN,NaN,NaN",
            "true,0,,,,1,0,0.5,0.5",
        )
        self.write(
            "health.csv",
            "variant,seed,pieces,predicted_shares,kinks",
            "a,0,1.0,0.5 0.5,",
            "a,1,NaN,NaN,NaN",
            "true,0,2.0,1.0,0.5",
        )

    def test_texts_are_texts_whatever_they_look_like(self):
        self.made_of_classes()
        results = self.read()
        points, health = results.predictions, results.health
        for table, column in [(points, "variant"), (points, "target"), (points, "prediction"), (points, "input_seed")]:
            self.assertEqual(table[column].dtype, object)
        self.assertEqual(list(points["target"]), ["0", "1", "1"])
        self.assertEqual(list(points["input_seed"]), ["02", "1", ""])
        self.assertEqual(list(points["variant"]), ["a", "a", "true"])
        self.assertTrue(pd.isna(points["prediction"][1]), "no class was predicted")
        self.assertEqual([points["prediction"][0], points["prediction"][2]], ["1", "0"])
        self.assertEqual(health["kinks"][0], "", "there are none")
        self.assertTrue(pd.isna(health["kinks"][1]), "it cannot be said")
        self.assertEqual(health["kinks"][2], "0.5")
        self.assertEqual(list(results.runs["variant"]), ["a", "true"])

    def test_an_empty_cell_of_numbers_is_missing(self):
        self.made_of_classes()
        points = self.read().predictions
        self.assertEqual(points["a"].dtype, np.float64)
        self.assertTrue(math.isnan(points["a"][2]))
        self.assertEqual(points["row"][0], 2)

    @unittest.skipUnless(HAS_POLARS, "polars is not installed")
    def test_polars_has_the_same_cells(self):
        self.made_of_classes()
        results = self.read()
        for name in ("runs", "predictions", "health"):
            ours, theirs = getattr(results, name), getattr(results.polars(), name)
            self.assertEqual(list(ours), theirs.columns)
            for column in ours:
                cells = [None if pd.isna(cell) else cell for cell in ours[column]]
                others = [None if cell is None or cell != cell else cell for cell in theirs[column].to_list()]
                self.assertEqual(cells, others, f"{name}: {column}")

    def test_each_table_has_the_cells_of_its_file_and_is_read_when_it_is_asked_for(self):
        folder = os.environ.get("MISFIT_RESULTS")
        if not folder:
            folder = Path(__file__).resolve().parents[2] / "results" / "reference"
        if not (Path(folder) / "runs.csv").is_file():
            self.skipTest("there are no reference results")
        results = misfit.read(folder)
        for name in ("runs", "curves", "predictions", "health"):
            table, expected = getattr(results, name), rows(Path(folder) / f"{name}.csv")
            self.assertEqual(len(table), len(expected))
            for column in table:
                if table[column].dtype == object:
                    cells = ["NaN" if pd.isna(cell) else cell for cell in table[column]]
                    self.assertEqual(cells, [row[column] for row in expected], column)
                else:
                    cells = [bits(float(cell)) for cell in table[column]]
                    self.assertEqual(cells, [bits(float(row[column])) for row in expected], column)
            self.assertIs(getattr(results, name), table)

    def test_importing_misfit_is_quick_and_brings_no_large_package(self):
        code = "import sys, misfit; print([name for name in ('pandas', 'numpy', 'polars', 'torch', 'matplotlib') if name in sys.modules])"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(said.stdout.strip(), "[]")

    def test_what_is_not_there_is_said_with_the_cure(self):
        with self.assertRaisesRegex(FileNotFoundError, "nowhere: is no folder"):
            misfit.read("nowhere")
        with self.assertRaisesRegex(FileNotFoundError, "has no runs.csv: expected a results folder"):
            misfit.read(self.folder)
        self.runs("a,0,fits,1,1.0,1.0,0.1,0.5,NaN,0.1,1,fused,named")
        for table, function in [("verdicts", "diagnose"), ("findings", "diagnose"), ("effects", "diagnose"), ("checks", "check")]:
            with self.assertRaisesRegex(FileNotFoundError, rf"has no {table}.csv: misfit.{function} writes it"):
                getattr(self.read(), table)


class Settings(Folder):
    def setUp(self):
        super().setUp()
        config = lambda rate, size: {
            "batch": {"size": size},
            "model": {"hidden": [45, 45]},
            "optimizer": {"learning_rate": rate, "kind": "adam"},
        }
        variants = [
            {"name": "b", "fixes": [], "config": config(0.001, "all")},
            {"name": "a", "fixes": ["x", "y"], "config": config(0.30000000000000004, 32)},
        ]
        self.manifest(variants=variants, title="A title")
        self.runs(
            "a,0,fits,1,1.0,1.0,0.1,0.5,NaN,0.1,1,fused,named,0.3",
            "a,1,fits,1,1.0,1.0,0.2,0.5,NaN,0.1,1,fused,named,0.3",
            "b,0,line,1,1.0,1.0,0.3,0.5,NaN,0.1,1,fused,named,0.001",
            more=",optimizer.learning_rate",
        )

    def test_each_run_joins_the_settings_of_its_variant(self):
        results = self.read()
        joined = results.runs.merge(results.settings, on="variant", suffixes=("", " (set)"))
        self.assertEqual(len(joined), 3)
        config = {variant["name"]: variant["config"] for variant in results.manifest["variants"]}
        for row in joined.to_dict("records"):
            optimizer = config[row["variant"]]["optimizer"]
            self.assertEqual(bits(row["optimizer.learning_rate (set)"]), bits(optimizer["learning_rate"]))
            self.assertEqual(row["batch.size"], config[row["variant"]]["batch"]["size"])
            self.assertEqual(row["model.hidden"], "[45, 45]")
        self.assertEqual(dict(zip(results.settings["variant"], results.settings["fixes"])), {"b": "", "a": "x + y"})
        self.assertEqual(results.settings["variant"].dtype, object)

    @unittest.skipUnless(HAS_POLARS, "polars is not installed")
    def test_they_are_there_in_polars_too(self):
        settings = self.read().polars().settings
        self.assertEqual(settings["variant"].to_list(), ["b", "a"])
        self.assertEqual(settings["optimizer.learning_rate"].to_list(), [0.001, 0.30000000000000004])
        self.assertEqual(settings["batch.size"].to_list(), ["all", "32"])


class Cells(HTMLParser):
    """The rows of the first table of a page."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


class Shown(Folder):
    def setUp(self):
        super().setUp()
        self.names = ["<script>alert(1)</script>", "b & c"]
        self.manifest(title="<i>title</i>", variants=[{"name": name, "fixes": [], "config": {}} for name in self.names[::-1]])
        lines, self.errors = [], {}
        draw = random.Random(3)
        for name in self.names:
            self.errors[name] = [draw.uniform(1, 9) for _ in range(4)] + ([math.nan] if name == self.names[0] else [])
            for seed, error in enumerate(self.errors[name]):
                outcome = "diverged" if math.isnan(error) else ["fits", "line"][seed % 2]
                spelt = "NaN" if math.isnan(error) else repr(error)
                lines.append(f"{name},{seed},{outcome},1,1.0,1.0,{spelt},0.5,NaN,1.0,1,fused,named")
        self.runs(*lines)

    def test_the_table_counts_outcomes_and_has_the_median_errors(self):
        head, *body = Cells(self.read()._repr_html_()).rows
        self.assertEqual(head[:4], ["variant", "outcome", "test RMSE, median", "lowest … highest"])
        self.assertEqual([row[0] for row in body], self.names[::-1], "in the order of the experiment")
        for row in body:
            errors = [math.inf if math.isnan(error) else error for error in self.errors[row[0]]]
            self.assertEqual(row[2], f"{statistics.median(errors):.4g}")
            self.assertEqual(row[3], f"{min(errors):.4g} … {max(errors):.4g}")
        self.assertEqual(set(body[1][1].split(", ")), {"fits 2/5", "line 2/5", "diverged 1/5"})
        self.assertEqual(set(body[0][1].split(", ")), {"fits 2/4", "line 2/4"})

    def test_no_name_becomes_markup(self):
        tags = Cells(self.read()._repr_html_()).tags
        self.assertFalse(tags & {"script", "i"}, tags)

    def test_on_a_terminal_it_is_the_same_table(self):
        text = str(self.read())
        for name in self.names:
            self.assertIn(name, text)
        self.assertIn("diverged 1/5", text)
        self.assertRegex(repr(self.read()), r"<misfit.Results '.*made': 9 runs>")

    def test_the_page_is_written_and_its_path_returned(self):
        self.runs("a,0,fits,1,1.0,1.0,0.1,0.5,NaN,0.1,1,fused,named")
        self.write("curves.csv", CURVES, "a,0,0,1.0,1.0,0.1,1.0,NaN,0.0,NaN")
        self.write("predictions.csv", "variant,seed,x,target,prediction", "a,0,1.0,1.0,1.0")
        (self.folder / "manifest.json").unlink()
        with self.assertWarnsRegex(misfit.Note, "There is no manifest.json"):
            page = self.read().report()
        self.assertEqual(page, self.folder / "report.html")
        self.assertIn("<html", page.read_text(encoding="utf-8")[:200])


@unittest.skipUnless(HAS_MATPLOTLIB, "matplotlib is not installed")
class Plots(Folder):
    STEPS = [0, 10, 20]

    def setUp(self):
        super().setUp()
        import matplotlib

        matplotlib.use("Agg")
        self.manifest(
            variants=[
                {"name": "good", "fixes": [], "config": {"loss": {"kind": "mae"}, "data": {"scale_target": 1.0}}},
                {"name": "lost", "fixes": [], "config": {"loss": {"kind": "mae"}, "data": {"scale_target": 2.0}}},
            ]
        )
        draw = random.Random(4)
        self.values = {}
        runs, curves = [], []
        for name in ("good", "lost"):
            for seed in range(5):
                outcome = "diverged" if name == "lost" and seed < 2 else "fits"
                runs.append(f"{name},{seed},{outcome},20,1.0,1.0,0.1,0.5,NaN,0.1,1,fused,named")
                for step in self.STEPS:
                    spelt = repr(draw.uniform(1, 9)) if outcome == "fits" or step < 20 else ["NaN", "inf"][seed]
                    curves.append(f"{name},{seed},{step},{spelt},1.0,1.0,1.0,NaN,0.0,NaN")
                    value = float(spelt)
                    self.values[name, seed, step] = value if math.isfinite(value) else math.inf
        self.runs(*runs)
        self.write("curves.csv", CURVES, *curves)

    def at(self, name, step):
        return [self.values[name, seed, step] for seed in range(5)]

    def test_the_line_is_the_median_over_the_seeds_and_the_band_goes_between_the_quartiles(self):
        axis = self.read().plot("train_loss", variants="good").axes[0]
        drawn = axis.lines[0]
        self.assertEqual(list(drawn.get_xdata()), self.STEPS)
        np.testing.assert_allclose(drawn.get_ydata(), [np.median(self.at("good", step)) for step in self.STEPS], rtol=1e-12)
        corners = {tuple(point) for point in axis.collections[0].get_paths()[0].vertices.round(9)}
        for step in self.STEPS:
            for share in (0.25, 0.75):
                self.assertIn((step, round(float(np.quantile(self.at("good", step), share)), 9)), corners)

    def test_axes_have_labels_units_and_a_logarithm(self):
        good, lost = self.read().plot().axes
        self.assertEqual((good.get_xlabel(), good.get_ylabel()), ("step (updates)", "loss (mae)"))
        self.assertEqual(lost.get_ylabel(), "loss (mae, of scaled targets)")
        self.assertEqual(good.get_yscale(), "log")
        words = [text.get_text() for text in good.get_legend().get_texts()]
        self.assertEqual(words, ["train loss, 5 seeds", "test loss, 5 seeds"])

    def test_runs_that_diverged_are_marked_where_they_were_last_seen(self):
        axis = self.read().plot("train_loss", variants="lost").axes[0]
        self.assertIn("2 of 5 diverged", [text.get_text() for text in axis.get_legend().get_texts()])
        crosses = next(line for line in axis.lines if line.get_marker() == "X")
        self.assertEqual(
            sorted(zip(crosses.get_xdata(), crosses.get_ydata())),
            sorted((10, self.values["lost", seed, 10]) for seed in range(2)),
        )
        # Two of five are infinite at the last step: the upper quartile is, and leaves through the top.
        top = max(point[1] for point in axis.collections[0].get_paths()[0].vertices)
        self.assertGreater(top, axis.get_ylim()[1])
        self.assertLess(axis.lines[0].get_ydata()[-1], axis.get_ylim()[1])

    def test_a_loss_of_zero_or_below_is_drawn(self):
        self.write("curves.csv", CURVES, *(f"good,0,{step},{x},1.0,1,1,NaN,0,NaN" for step, x in enumerate([2.0, 0.0, -3.0])))
        axis = self.read().plot("train_loss", variants="good").axes[0]
        self.assertEqual(axis.get_yscale(), "symlog")
        self.assertLess(axis.get_ylim()[0], -3.0)

    def test_a_run_that_stopped_early_stays_where_it_was(self):
        lines = [f"good,{seed},{step},{seed + 1}.0,1.0,1,1,NaN,0,NaN" for seed, end in ((0, 4), (1, 2)) for step in range(end)]
        self.write("curves.csv", CURVES, *lines)
        drawn = self.read().plot("train_loss", variants="good").axes[0].lines[0]
        self.assertEqual(list(drawn.get_ydata()), [1.5] * 4)

    def test_other_results_are_drawn_beside_these(self):
        axis = self.read().plot("train_loss", variants="good", beside=self.read()).axes[0]
        self.assertEqual([line.get_linestyle() for line in axis.lines], ["-", "--"])

    def test_what_cannot_be_drawn_is_said(self):
        with self.assertRaisesRegex(ValueError, "variant 'god': has no runs in .*, which has good, lost"):
            self.read().plot(variants=["god"])
        with self.assertRaisesRegex(ValueError, "column 'loss': is not in curves.csv, which has train_loss, "):
            self.read().plot("loss")


if __name__ == "__main__":
    unittest.main()
