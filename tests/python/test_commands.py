"""The program's commands as functions, held against the program itself on a command line."""

import concurrent.futures
import contextlib
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import warnings
from pathlib import Path

import misfit
import pandas as pd
from misfit import _program

TABLES = ("runs.csv", "curves.csv", "predictions.csv", "health.csv")
SHORT = """
seeds = 3
title = "A short one"
[data]
target = { formula = "sin(x)" }
inputs = { uniform = { from = -3, to = 3, count = 40 } }
[model]
hidden = [8]
[train]
steps = 40
[fix.wider]
why = "few units"
set = { model.hidden = [16] }
[fix.longer]
why = "it still falls"
set = { train.steps = 80 }
[[variant]]
name = "asked"
[[variant]]
name = "wide"
fixes = ["wider"]
"""


class InAFolder(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory()
        self.addCleanup(own.cleanup)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(own.name)
        # Some notes are routine: that a fix is in no variant, that runs are there already.
        quiet = warnings.catch_warnings()
        quiet.__enter__()
        self.addCleanup(quiet.__exit__, None, None, None)
        warnings.simplefilter("ignore", misfit.Note)
        Path("short.toml").write_text(SHORT, encoding="utf-8")

    def program(self, *words, code=0):
        """What the program prints on a command line."""
        said = subprocess.run([_program.find(), *words], capture_output=True, text=True)
        self.assertEqual(said.returncode, code, said.stderr)
        return said.stdout

    def same(self, a, b):
        for table in TABLES:
            self.assertTrue(filecmp.cmp(Path(a) / table, Path(b) / table, shallow=False), f"{a} and {b}: {table}")


class Running(InAFolder):
    def test_a_run_is_that_of_the_command_line_to_the_byte_and_goes_where_the_program_puts_it(self):
        ours = misfit.run("short.toml", seeds=2, threads=1, **{"train.steps": 30, "model.activation": "tanh"})
        self.assertEqual(ours.folder, Path("results/short"))
        line = 'short.toml --seeds 2 train.steps=30 model.activation="tanh" --out theirs'
        printed = self.program("run", *line.split())
        self.same("results/short", "theirs")
        self.assertEqual(ours.text.splitlines()[:-1], printed.splitlines()[:-1], "all but the time it took")
        self.assertEqual(str(ours), ours.text)

    def test_settings_of_every_kind_reach_the_manifest(self):
        settings = {
            "train.steps": 20,
            "model.bias": False,
            "model.hidden": (7, 5),
            "optimizer.betas": [0.5, 0.9000000000000001],
            "data.inputs": {"grid": {"from": 0, "to": 1, "count": 9}},
            "model.output": "tanh",
            "optimizer.learning_rate": 1e-5,
        }
        results = misfit.run("short.toml", seeds=[4], variants="asked", out="out", threads=1, engine="fused", **settings)
        (config,) = [variant["config"] for variant in results.manifest["variants"] if variant["name"] == "asked"]
        self.assertEqual(config["train"]["steps"], 20)
        self.assertIs(config["model"]["bias"], False)
        self.assertEqual(config["model"]["hidden"], [7, 5])
        self.assertEqual(config["model"]["output"], "tanh")
        self.assertEqual(config["optimizer"]["betas"], [0.5, 0.9000000000000001])
        self.assertEqual(config["optimizer"]["learning_rate"], 1e-5)
        self.assertEqual(config["data"]["inputs"], {"grid": {"from": 0.0, "to": 1.0, "count": 9}})
        self.assertEqual(list(zip(results.runs["variant"], results.runs["seed"])), [("asked", 4)])
        self.assertEqual(set(results.runs["engine"]), {"fused"})

    def test_a_wrong_setting_is_an_error_with_the_programs_line(self):
        with self.assertRaisesRegex(misfit.Error, "unknown key .*step"):
            misfit.run("short.toml", **{"train.stps": 20})
        with self.assertRaisesRegex(TypeError, "train.steps: TOML has no word for None"):
            misfit.run("short.toml", **{"train.steps": None})
        with self.assertRaisesRegex(TypeError, "seeds='3,4': expected a number of seeds"):
            misfit.run("short.toml", seeds="3,4")
        self.assertFalse(Path("results").exists())

    def test_a_dict_is_written_beside_its_results_and_resumes(self):
        rows = [(x / 10, x * x) for x in range(30)]
        Path("rows.csv").write_text("a,y\n" + "".join(f"{x},{y}\n" for x, y in rows), encoding="utf-8")
        tree = {
            "name": "of a dict",
            "seeds": 2,
            "data": {"target": {"csv": "rows.csv", "inputs": ["a"], "output": "y"}},
            "train.steps": 30,
            "model": {"hidden": [5]},
        }
        first = misfit.run(tree, threads=1)
        self.assertEqual(first.folder, Path("results/of a dict"))
        self.program("run", "results/of a dict.toml", "--out", "theirs")
        self.same(first.folder, "theirs")
        with warnings.catch_warnings():
            warnings.simplefilter("error", misfit.Note)
            with self.assertRaisesRegex(misfit.Note, "2 of 2 runs are in results/of a dict already"):
                misfit.run(tree, threads=1)
        self.assertEqual(len(misfit.run(tree, seeds=4, threads=1).runs), 4)
        with self.assertRaisesRegex(misfit.Error, "of a dict"):
            misfit.run({**tree, "train.steps": 31}, threads=1)
        again = misfit.run({**tree, "train.steps": 31}, threads=1, fresh=True)
        self.assertEqual(set(again.runs["steps"]), {31})

    def test_a_dict_never_takes_the_place_of_a_file_of_somebody_else(self):
        os.mkdir("results")
        shutil.copy("short.toml", "results/mine.toml")
        with self.assertRaisesRegex(FileExistsError, "results/mine.toml: is there"):
            misfit.run({"name": "mine"})
        self.assertEqual(Path("results/mine.toml").read_text(encoding="utf-8"), SHORT)
        results = misfit.run({"seeds": 1, "train": {"steps": 5}}, out="elsewhere/other", threads=1)
        self.assertEqual((results.name, results.folder), ("other", Path("elsewhere/other")))
        self.assertTrue(Path("elsewhere/other.toml").is_file())

    def test_a_diagnosis_has_its_tables_and_its_words(self):
        result = misfit.diagnose("short.toml", seeds=2, threads=1, hide_fixes=True, out="why", **{"model.output": "sigmoid"})
        with open("why/verdicts.csv", encoding="utf-8") as file:
            fixes = [line.split(",")[0] for line in file][1:]
        self.assertEqual(list(result.verdicts["fix"]), fixes)
        self.assertNotIn("wider", fixes, "it was hidden")
        self.assertEqual(len(result.findings), len(pd.read_csv("why/findings.csv")))
        self.assertEqual(len(result.effects), len(pd.read_csv("why/effects.csv")))
        self.assertIn("why does it not fit?", str(result))
        self.assertIn("why does it not fit?", result._repr_html_())
        self.assertIn("<table>", misfit.read("why")._repr_html_())

    def test_a_check_that_fails_is_a_row_and_no_exception(self):
        result = misfit.check("short.toml", seeds=5, threads=1, **{"model.output": "softmax"})
        self.assertEqual(result.folder, Path("results/short-check"))
        self.program("check", "short.toml", "--seeds", "5", 'model.output="softmax"', code=1)
        self.assertIn("fails", set(result.checks["verdict"]))


class Comparing(InAFolder):
    def setUp(self):
        super().setUp()
        self.a = misfit.run("short.toml", out="a", threads=1)
        self.b = misfit.run("short.toml", out="b", threads=1, **{"optimizer.learning_rate": 0.01})

    def test_the_same_is_true_and_a_difference_false(self):
        shutil.copytree("a", "copy")
        self.assertTrue(misfit.diff(self.a, "copy"))
        self.assertFalse(misfit.diff(self.a, self.b))
        self.assertTrue(misfit.diff("a/curves.csv", "b/curves.csv", rtol=1e300, atol=1e300))
        self.assertTrue(misfit.diff("a#asked", "a#asked"))
        self.assertFalse(misfit.diff(Path("a/runs.csv"), Path("b/runs.csv"), key=["variant", "seed"]))

    def test_its_tables_hold_what_the_program_prints(self):
        found = misfit.diff("a", "b", rtol=1e-9)
        told = json.loads(self.program("diff", "a", "b", "--rtol", "1e-9", "--format", "json", code=1))
        self.assertEqual(found.json, told)
        keys = {setting["key"]: setting for setting in told["settings"]}
        self.assertIn("optimizer.learning_rate", keys)
        for row in found.settings.to_dict("records"):
            self.assertEqual((row["a"], row["b"]), (keys[row["key"]]["a"], keys[row["key"]]["b"]))
        self.assertEqual(list(found.files["compared"]), [file["compared"] for file in told["files"]])
        columns = {(file["file"], column["column"]): column for file in told["files"] for column in file["columns"]}
        self.assertEqual(len(found.columns), len(columns))
        for row in found.columns.to_dict("records"):
            column = columns[row["file"], row["column"]]
            self.assertEqual((row["differ"], row["beyond"]), (column["differ"], column["beyond"]))
            if column["largest_absolute"]:
                self.assertEqual(row["largest_absolute"], float(column["largest_absolute"]["size"]))
        noise = [(file["file"], entry) for file in told["files"] for entry in file["noise"]]
        self.assertEqual(len(found.noise), len(noise))
        for row, (file, entry) in zip(found.noise.to_dict("records"), noise):
            self.assertEqual((row["file"], row["column"], row["verdict"]), (file, entry["column"], entry["verdict"]))
            self.assertEqual(str(row["multiple"]), str(float(entry["multiple"])))
        medians = self.a.runs.groupby("variant")["test_rmse"].median()
        for row in found.endings.to_dict("records"):
            self.assertEqual(row["test_rmse_a"], medians[row["variant"]])

    def test_it_is_shown_as_the_program_prints_it_and_as_html(self):
        found = misfit.diff(self.a, self.b)
        self.assertEqual(str(found), self.program("diff", "a", "b", code=1))
        self.assertEqual(repr(found), "<misfit.Difference: a and b differ>")
        page = found._repr_html_()
        self.assertIn("optimizer.learning_rate", page)
        self.assertIn("<summary>How variants ended</summary>", page)

    def test_what_cannot_be_compared_is_an_error(self):
        with self.assertRaisesRegex(misfit.Error, "nowhere"):
            misfit.diff("a", "nowhere")


class Planning(InAFolder):
    def setUp(self):
        super().setUp()
        self.program("run", "short.toml", "--out", "whole")

    def test_a_plan_on_any_executor_is_one_run_to_the_byte(self):
        makers = {
            "none": lambda: contextlib.nullcontext(None),
            "threads": lambda: concurrent.futures.ThreadPoolExecutor(2),
            "processes": lambda: concurrent.futures.ProcessPoolExecutor(1),
        }
        for name, make in makers.items():
            with self.subTest(name), make() as executor:
                plan = misfit.plan("short.toml", tasks=3, out=name)
                self.assertEqual(plan.tasks, [0, 1, 2])
                results = plan.map(executor)
                self.assertEqual(results.folder, Path(name))
                self.same(name, "whole")
                self.assertIn("3 of 3 tasks done", results.text)

    def test_what_is_submitted_is_one_picklable_call_a_task(self):
        import pickle

        class Recording:
            def __init__(self):
                self.calls = []

            def submit(self, function, /, *args):
                function, args = pickle.loads(pickle.dumps((function, args)))
                self.calls.append(args)
                future = concurrent.futures.Future()
                future.set_result(function(*args))
                return future

        recording = Recording()
        misfit.plan("short.toml", tasks=2, out="out").map(recording, threads=2)
        path = os.path.abspath("out-plan/plan.json")
        self.assertEqual(recording.calls, [(path, 0, 2, None), (path, 1, 2, None)])

    def test_a_task_that_fails_is_named_and_the_others_are_merged(self):
        plan = misfit.plan("short.toml", tasks=3, out="out")
        tasks = Path("out-plan/tasks")
        tasks.mkdir(exist_ok=True)
        (tasks / "1").write_text("in the way", encoding="utf-8")
        with concurrent.futures.ThreadPoolExecutor(1) as executor:
            with self.assertRaisesRegex(misfit.Error, r"^task 1: .*tasks/1.*; the others are merged into out, and the same"):
                plan.map(executor)
        self.assertGreater(len(misfit.read("out").runs), 0)
        (tasks / "1").unlink()
        self.assertEqual(len(misfit.plan("short.toml", tasks=3, out="out").map().runs), 6)
        self.same("out", "whole")

    def test_an_error_keeps_its_line_and_its_code_between_processes(self):
        plan = misfit.plan("short.toml", tasks=1, out="out")
        with concurrent.futures.ProcessPoolExecutor(1) as executor:
            with self.assertRaisesRegex(misfit.Error, "^task 0: --device cuda: the plan's runs train on cpu") as caught:
                plan.map(executor, device="cuda")
        self.assertEqual(caught.exception.code, 2)
        self.assertFalse(Path("out").exists())

    def test_ctrl_c_ends_the_tasks_under_way_and_the_same_call_goes_on(self):
        code = """
import misfit, sys
from concurrent.futures import ThreadPoolExecutor
plan = misfit.plan("short.toml", tasks=2, out="long", seeds=2000, **{"train.steps": 20000})
print("planned", flush=True)
with ThreadPoolExecutor(2) as executor:
    try:
        plan.map(executor)
    except KeyboardInterrupt as error:
        print(type(error).__name__, error)
"""
        process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while len(list(Path().glob("long-plan/tasks/*/.parts/*.part"))) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        self.assertIn("Interrupted interrupted: what had ended is kept in long-plan, the same call goes on", said)
        states = [json.loads(path.read_text())["status"] for path in Path().glob("long-plan/tasks/*/manifest.json")]
        self.assertEqual(states, ["interrupted", "interrupted"])

    def test_a_plan_that_is_there_is_read_again(self):
        made = misfit.plan("short.toml", tasks=2, out="out")
        self.assertEqual(misfit.Plan("out-plan").tasks, made.tasks)
        with self.assertRaisesRegex(FileNotFoundError, "nowhere: is not there"):
            misfit.Plan("nowhere")


if __name__ == "__main__":
    unittest.main()
