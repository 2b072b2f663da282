"""Finds the program misfit, calls it, and says in Python what it says on its standard error."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

from . import _libtorch

_HERE = Path(__file__).resolve().parent
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Error(RuntimeError):
    """A failure of the program, in its own words: one line that says what, where and the cure.

    `code` is the program's exit code: 2 a usage or input error, 1 something is missing, 127 there is no program.
    """

    def __init__(self, line: str, code: int = 2) -> None:
        super().__init__(line)
        self.code = code


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while the program was at work. It has kept the runs that had ended; the same call resumes."""


class Note(UserWarning):
    """What the program notes on the way, such as a fix that no variant has."""


class Said(NamedTuple):
    """What a call of the program came to."""

    code: int
    #: Its standard output.
    text: str
    #: A line each.
    notes: list[str]


def find() -> str:
    """The path of the program.

    The first that is there: `$MISFIT`; the program inside this package, as a wheel has it; `misfit` on the PATH; the
    build of the clone that this package lies in.
    """
    own = os.environ.get("MISFIT")
    if own:
        found = shutil.which(own)
        if found is None:
            raise Error(f"MISFIT={own}: is no program: set MISFIT to the path of misfit, or unset it", 127)
        return found
    inside, clone = _HERE / "bin" / "misfit", _HERE.parents[2] / "target" / "release" / "misfit"
    for place in (inside, shutil.which("misfit"), clone):
        if place is not None and os.access(place, os.X_OK) and not os.path.isdir(place):
            return str(place)
    raise Error(
        f"the program misfit is neither {inside} nor on the PATH nor {clone}: build it (scripts/setup, then"
        " cargo build --release), or set MISFIT to its path",
        127,
    )


# Programs at work. A thread that waits for one does not hear of Ctrl-C, the main thread does.
_at_work: set[subprocess.Popen[bytes]] = set()
_at_work_lock = threading.Lock()


def interrupt() -> None:
    """Has every program that this process has started keep what has ended, and end."""
    with _at_work_lock:
        for process in _at_work:
            process.send_signal(signal.SIGINT)


def call(args: Sequence[str], ok: Collection[int] = (0,), progress: bool = True, warn: bool = True) -> Said:
    """Runs the program with these arguments until it ends.

    Raises `Error` if its exit code is not in `ok`, and `Interrupted` after Ctrl-C: then it gets SIGINT once, and is
    waited for; a second Ctrl-C makes it end at once. Its notes become warnings, unless `warn` is false. Its progress is
    shown in a notebook and on a terminal, unless `progress` is false.
    """
    __tracebackhide__ = True  # IPython's tracebacks end with the caller's line.
    show = _display() if progress and threading.current_thread() is threading.main_thread() else None
    code, text, lines, interrupted = _run([find(), *args], show)
    notes = [line.removeprefix("misfit: ") for line in lines if line.startswith("misfit: ")]
    if interrupted or code in (130, -signal.SIGINT):
        line = notes.pop() if notes and notes[-1].startswith("interrupted") else "interrupted"
    elif code not in ok:
        line = notes.pop() if notes and code > 0 else _last_word(code, lines)
    else:
        line = None
    if warn:
        for note in notes:
            tell(note)
    if line is None:
        return Said(code, text, notes)
    if interrupted or code in (130, -signal.SIGINT):
        raise Interrupted(line)
    raise Error(line, code)


def answer(args: Sequence[str], ok: Collection[int] = (0,), progress: bool = True) -> dict[str, Any]:
    """What the program answers as JSON, else as `call`. Its `text` is what a terminal has."""
    __tracebackhide__ = True
    return cast(dict[str, Any], json.loads(call([*args, "--format", "json"], ok, progress).text))


def _run(command: list[str], show: "_Show | None") -> tuple[int, str, list[str], bool]:
    """Exit code, standard output, lines of the standard error, and whether Ctrl-C was pressed."""
    __tracebackhide__ = True
    listener = _Listener(show)
    reading, writing = _line_to_it(show)
    interrupted = False
    with tempfile.TemporaryFile() as output:
        try:
            # In a session of its own, so that a terminal's or Jupyter's SIGINT reaches it through here alone: a second
            # one would make it end at once.
            environment = os.environ | _libtorch.environment(command[0]) | {"NO_COLOR": "1", "TERM": "xterm"}
            environment.pop("JPY_PARENT_PID", None)  # What a cell calls by itself shows no progress.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=writing,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            os.close(reading)
            raise Error(f"{command[0]}: cannot be started: {error.strerror}", 127) from None
        finally:
            os.close(writing)
        with _at_work_lock:
            _at_work.add(process)
        try:
            while process.returncode is None:
                try:
                    listener.listen(reading)
                    process.wait()
                except KeyboardInterrupt:
                    interrupted = True
                    process.send_signal(signal.SIGINT)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        finally:
            with _at_work_lock:
                _at_work.discard(process)
            os.close(reading)
            listener.end()
        output.seek(0)
        text = output.read().decode(errors="replace")
    return process.returncode, text, listener.lines, interrupted


def _line_to_it(show: "_Show | None") -> tuple[int, int]:
    """Where to read what the program writes to its standard error. It shows its progress on a terminal only."""
    if show:
        try:
            import fcntl
            import pty
            import struct
            import termios

            reading, writing = pty.openpty()
            fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 1000, 0, 0))  # No line is cut short.
            return reading, writing
        except (ImportError, OSError):
            pass
    return os.pipe()


def _last_word(code: int, lines: list[str]) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return f"misfit was ended by {name}: what had ended is kept, the same call resumes"
    return lines[-1] if lines else f"misfit ended with exit code {code} and said nothing"


def tell(note: str, category: type[Warning] = Note) -> None:
    """Warns, as of the line outside of this package that called it."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and Path(frame.f_code.co_filename).parent == _HERE:
        level, frame = level + 1, frame.f_back
    warnings.warn(note, category, stacklevel=level)


class _Listener:
    """Reads a standard error: lines are kept, progress is shown, anything else is passed on."""

    def __init__(self, show: "_Show | None") -> None:
        self.lines: list[str] = []
        self._show = show
        self._left = b""

    def listen(self, reading: int) -> None:
        """Until the other end is closed."""
        while True:
            try:
                block = os.read(reading, 65536)
            except OSError:  # So a terminal says that its other end is closed.
                block = b""
            if not block:
                break
            *whole, self._left = re.split(rb"(?<=[\r\n])", self._left + block)
            for part in whole:
                self._hear(part.decode(errors="replace"))
        self._hear(self._left.decode(errors="replace"))
        self._left = b""

    def _hear(self, part: str) -> None:
        line = _ESCAPES.sub("", part).rstrip()
        # A bar is drawn over and over on one line, which ends with a carriage return.
        if self._show and re.match("[█░]", line):
            self._show.show(line)
        elif line:
            self.lines.append(line)
            if not line.startswith("misfit: "):
                sys.stderr.write(line + "\n")

    def end(self) -> None:
        if self._show:
            self._show.end()


class _Show:
    """A line of progress that is drawn over and over, from half a second on."""

    def __init__(self, draw: Callable[[str], None], clear: Callable[[float], None]) -> None:
        self._draw, self._clear = draw, clear
        self._began = self._drawn = time.monotonic()
        self._seen = False

    def show(self, line: str) -> None:
        now = time.monotonic()
        if now - self._drawn >= (0.2 if self._seen else 0.5):
            self._drawn, self._seen = now, True
            self._draw(line)

    def end(self) -> None:
        if self._seen:
            self._clear(time.monotonic() - self._began)


def in_notebook() -> bool:
    """Whether this process is a kernel of Jupyter."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def _display() -> "_Show | None":
    """Where progress is shown: in a notebook below the cell, on a terminal, or nowhere."""
    if in_notebook():
        return _in_notebook()
    if sys.stderr is not None and sys.stderr.isatty():

        def draw(line: str) -> None:
            sys.stderr.write(f"\r\x1b[2K{line[: shutil.get_terminal_size().columns - 1]}")
            sys.stderr.flush()

        return _Show(draw, lambda _: draw(""))
    return None


def _in_notebook() -> _Show:
    handle: Any = import_module("IPython.display").DisplayHandle()
    shown = False

    def draw(line: str) -> None:
        nonlocal shown
        bundle = {"text/plain": line, "text/html": f"<pre>{line}</pre>"}
        if shown:
            handle.update(bundle, raw=True)
        else:
            handle.display(bundle, raw=True)
            shown = True

    return _Show(draw, lambda seconds: draw(f"misfit: {seconds:.1f} s"))
