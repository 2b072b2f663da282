"""How the program is found, called, shown and interrupted. Some tests have a script in its place that says what they need."""

import importlib.util
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import warnings
from pathlib import Path
from unittest import mock

import misfit
from misfit import _program

HAS_KERNEL = all(importlib.util.find_spec(name) for name in ("ipykernel", "jupyter_client"))
#: Thousands of short runs, of which some have always ended: hours, if nobody interrupts it.
LONG = """
seeds = 4000
[data]
inputs = { uniform = { from = -1, to = 1, count = 50 } }
[model]
hidden = [10]
[train]
steps = 20000
log_points = 5
"""


def script(path, body):
    """A program of Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{textwrap.dedent(body)}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class InAFolder(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory()
        self.addCleanup(own.cleanup)
        self.folder = Path(own.name)

    def instead(self, body):
        """Puts a script in the program's place."""
        path = script(self.folder / "instead", body)
        change = mock.patch.dict(os.environ, {"MISFIT": str(path)})
        change.start()
        self.addCleanup(change.stop)


class Finding(InAFolder):
    def test_it_is_looked_for_in_the_environment_the_package_the_path_and_the_clone(self):
        package, on_path = self.folder / "clone/src/python/misfit", self.folder / "path"
        places = {
            "MISFIT": script(self.folder / "own/program", ""),
            "package": script(package / "bin/misfit", ""),
            "PATH": script(on_path / "misfit", ""),
            "clone": script(self.folder / "clone/target/release/misfit", ""),
        }
        environment = {"PATH": str(on_path), "MISFIT": str(places["MISFIT"])}
        with mock.patch.dict(os.environ, environment), mock.patch.object(_program, "_HERE", package):
            for place, path in places.items():
                self.assertEqual(_program.find(), str(path), place)
                if place == "MISFIT":
                    del os.environ["MISFIT"]
                else:
                    path.unlink()
            with self.assertRaisesRegex(misfit.Error, "the program misfit is neither .* nor on the PATH nor .*: build it") as caught:
                _program.find()
        self.assertEqual(caught.exception.code, 127)

    def test_a_wrong_path_in_the_environment_is_named(self):
        with mock.patch.dict(os.environ, {"MISFIT": "/no/such/misfit"}):
            with self.assertRaisesRegex(misfit.Error, "MISFIT=/no/such/misfit: is no program"):
                misfit.run()


class Saying(InAFolder):
    def test_a_failure_is_the_programs_line_and_its_code(self):
        words = [_program.find(), "run", "nowhere.toml"]
        said = subprocess.run(words, capture_output=True, text=True, cwd=self.folder)
        with self.assertRaises(misfit.Error) as caught:
            misfit.run("nowhere.toml")
        self.assertEqual("misfit: " + str(caught.exception) + "\n", said.stderr)
        self.assertEqual(caught.exception.code, said.returncode)
        self.assertIsInstance(caught.exception, RuntimeError)

    def test_notes_are_warnings_of_the_callers_line_and_the_rest_is_passed_on(self):
        self.instead(
            """
            sys.stderr.write("misfit: one thing\\nan odd word\\nmisfit: another\\n")
            print("3 runs in 0.1 s: elsewhere/*.csv")
            """
        )
        with warnings.catch_warnings(record=True) as caught, mock.patch("sys.stderr") as stderr:
            warnings.simplefilter("always")
            said = _program.call(["run"])
        self.assertEqual([str(warning.message) for warning in caught], ["one thing", "another"])
        self.assertEqual({warning.category for warning in caught}, {misfit.Note})
        self.assertEqual({warning.filename for warning in caught}, {__file__})
        self.assertEqual([call.args[0] for call in stderr.write.call_args_list], ["an odd word\n"])
        self.assertEqual(said.text, "3 runs in 0.1 s: elsewhere/*.csv\n")

    def test_notes_before_a_failure_are_warnings_too(self):
        self.instead('sys.stderr.write("misfit: a note\\nmisfit: what is wrong\\n"); sys.exit(2)')
        with self.assertWarnsRegex(misfit.Note, "a note"), self.assertRaisesRegex(misfit.Error, "^what is wrong$"):
            _program.call(["run"])

    def test_an_end_without_a_word_is_said(self):
        self.instead("os.kill(os.getpid(), signal.SIGKILL)")
        with self.assertRaisesRegex(misfit.Error, "ended by SIGKILL") as caught:
            _program.call(["run"])
        self.assertEqual(caught.exception.code, -signal.SIGKILL)
        self.instead("sys.exit(2)")
        with self.assertRaisesRegex(misfit.Error, "exit code 2 and said nothing"):
            _program.call(["run"])
        self.instead('sys.stderr.write("error while loading shared libraries: libx.so\\n"); sys.exit(127)')
        with mock.patch("sys.stderr"), self.assertRaisesRegex(misfit.Error, "loading shared libraries") as caught:
            _program.call(["run"])
        self.assertEqual(caught.exception.code, 127)

    def test_output_of_any_length_is_read_whole(self):
        self.instead("sys.stderr.write('misfit: ' + 'x' * 300000 + '\\n'); print('y' * 3000000)")
        said = _program.call(["run"], warn=False)
        self.assertEqual((len(said.text), len(said.notes[0])), (3000001, 300000))


class Interrupting(InAFolder):
    def python(self, code, **more):
        return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], text=True, cwd=self.folder, **more)

    def wait_for(self, there):
        end = time.monotonic() + 60
        while not there():
            self.assertLess(time.monotonic(), end, "nothing has happened for a minute")
            time.sleep(0.02)

    def test_ctrl_c_ends_the_program_once_keeps_what_has_ended_and_is_a_keyboard_interrupt(self):
        (self.folder / "long.toml").write_text(LONG, encoding="utf-8")
        code = """
            import misfit
            try:
                misfit.run("long.toml", threads=1)
            except KeyboardInterrupt as error:
                print(type(error).__name__, error)
        """
        # To all of a group at once, as a terminal and Jupyter do it.
        process = self.python(code, stdout=subprocess.PIPE, start_new_session=True)
        parts = self.folder / "results/long/.parts"
        self.wait_for(lambda: any(parts.glob("*.part")))
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        self.assertRegex(said, r"^Interrupted interrupted: \d+ of 4000 runs are kept in results/long, the same command goes on")
        kept = len(misfit.read(self.folder / "results/long").runs)
        self.assertGreater(kept, 0)
        self.assertIn(f"{kept} of 4000", said)
        status = json.loads((self.folder / "results/long/manifest.json").read_text(encoding="utf-8"))["status"]
        self.assertEqual(status, "interrupted")

    def counts(self):
        return """
            count = 0
            def hear(*_):
                global count
                count += 1
                open("heard", "a").write("x")
            signal.signal(signal.SIGINT, hear)
            open("ready", "w").close()
            end = time.monotonic() + 20
            while count < NEEDED and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(0.3)
            sys.exit(130)
        """

    def interrupted(self, needed):
        path = script(self.folder / "instead", textwrap.dedent(self.counts()).replace("NEEDED", str(needed)))
        code = "from misfit import _program; _program.call(['run'])"
        environment = {**os.environ, "MISFIT": str(path)}
        process = self.python(code, stderr=subprocess.PIPE, start_new_session=True, env=environment)
        self.wait_for((self.folder / "ready").exists)
        for count in range(needed):
            os.killpg(process.pid, signal.SIGINT)
            self.wait_for(lambda: (self.folder / "heard").exists() and len((self.folder / "heard").read_text()) > count)
        _, said = process.communicate(timeout=60)
        return said, len((self.folder / "heard").read_text())

    def test_one_ctrl_c_is_one_signal_and_a_second_is_a_second(self):
        for needed in (1, 2):
            with self.subTest(needed=needed):
                said, heard = self.interrupted(needed)
                self.assertEqual(heard, needed)
                self.assertIn("Interrupted", said.splitlines()[-1])
                (self.folder / "ready").unlink()
                (self.folder / "heard").unlink()

    def test_on_a_terminal_the_bar_is_drawn_and_cleared(self):
        import pty

        # Not in a hurry: a bar is drawn from half a second on.
        path = script(
            self.folder / "instead",
            """
            for done in range(4):
                sys.stderr.write(f"\\r\\x1b[2K███░░ {done} of 4 runs, 5 k steps/s, 0:01 left   " if os.isatty(2) else "no terminal\\n")
                sys.stderr.flush()
                time.sleep(0.4)
            sys.stderr.write("\\r\\x1b[2K")
            """,
        )
        ours, theirs = pty.openpty()
        code = "from misfit import _program; _program.call(['run'])"
        process = self.python(code, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "MISFIT": str(path)})
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        self.assertEqual(process.wait(), 0)
        self.assertIn("███░░ 3 of 4 runs, 5 k steps/s, 0:01 left", said.decode())
        self.assertTrue(said.endswith(b"\r\x1b[2K"), said[-60:])


@unittest.skipUnless(HAS_KERNEL, "ipykernel is not installed")
class InANotebook(InAFolder):
    def test_progress_is_shown_and_updated_and_interrupting_the_kernel_keeps_what_has_ended(self):
        from jupyter_client.manager import start_new_kernel

        (self.folder / "long.toml").write_text(LONG, encoding="utf-8")
        manager, client = start_new_kernel(cwd=str(self.folder))
        self.addCleanup(manager.shutdown_kernel, now=True)
        self.addCleanup(client.stop_channels)
        client.execute("import misfit\nmisfit.run('long.toml', threads=1)")
        shown, updated, error, sent = [], [], None, False
        end = time.monotonic() + 60
        while True:
            message = client.get_iopub_msg(timeout=60)
            self.assertLess(time.monotonic(), end)
            kind, content = message["msg_type"], message["content"]
            if kind == "display_data":
                shown.append(content["data"]["text/plain"])
            elif kind == "update_display_data":
                updated.append(content["data"]["text/html"])
                if len(updated) == 3 and not sent:
                    sent = True
                    manager.interrupt_kernel()
            elif kind == "error":
                error = content
            elif kind == "status" and content["execution_state"] == "idle" and sent:
                break
        self.assertEqual(len(shown), 1)
        self.assertRegex(shown[0], r"^[█░]+ \d+ of 4000 runs, .* steps/s, .* left$")
        self.assertRegex(updated[1], r"<pre>[█░]+ \d+ of 4000 runs, .*</pre>")
        self.assertRegex(updated[-1], r"<pre>misfit: [\d.]+ s</pre>")
        self.assertEqual(error["ename"], "Interrupted")
        self.assertIn("of 4000 runs are kept in results/long", error["evalue"])
        self.assertGreater(len(misfit.read(self.folder / "results/long").runs), 0)


if __name__ == "__main__":
    unittest.main()
