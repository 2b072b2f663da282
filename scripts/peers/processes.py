"""The processes that are measured: on one core or on all, one thread each, and none left behind."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# A trial does not replace the figures of a whole run.
OUT = ROOT / "target" / ("bench-quick" if "--quick" in sys.argv else "bench")

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TORCHINDUCTOR_CACHE_DIR": str(OUT / "inductor"),
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

_alive: set[subprocess.Popen] = set()


class Failed(Exception):
    """What keeps something from being measured, on one line."""


@contextmanager
def one_core(wanted: bool = True) -> Iterator[None]:
    """What is started within is bound to the last of the cores that there are, and so are its children."""
    if not wanted or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def with_cuda() -> dict[str, str]:
    """What makes misfit find the CUDA half of libtorch in this environment's PyTorch, of the same version."""
    torch = importlib.util.find_spec("torch")
    libraries = [str(Path(folder) / "lib") for folder in (torch.submodule_search_locations or [])] if torch else []
    return {"LD_LIBRARY_PATH": ":".join([*libraries, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])}


def start(command: Sequence[str | Path], device: str = "cpu", **pipes) -> subprocess.Popen:
    """Starts a process in a session of its own, so that it can be ended with its children."""
    environment = os.environ | ONE_THREAD | ({"JAX_PLATFORMS": "cpu"} if device == "cpu" else with_cuda())
    process = subprocess.Popen([str(c) for c in command], env=environment, start_new_session=True, cwd=ROOT, **pipes)
    _alive.add(process)
    return process


def end(process: subprocess.Popen) -> None:
    """Ends a process and its children, if they have not ended."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    _alive.discard(process)


def end_all() -> None:
    for process in list(_alive):
        end(process)


def last_line(stderr) -> str:
    """The last line that a process wrote to a file before it died."""
    stderr.seek(0)
    lines = [line.strip() for line in stderr.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "without a word"


def run(*commands: Sequence[str | Path], pinned: bool = False) -> float:
    """Runs processes at the same time; the seconds from the first one's start to the last one's end."""
    with tempfile.TemporaryFile() as stderr:
        began = time.perf_counter()
        with one_core(pinned):
            started = [start(c, stdout=subprocess.DEVNULL, stderr=stderr, stdin=subprocess.DEVNULL) for c in commands]
        codes = [process.wait() for process in started]
        seconds = time.perf_counter() - began
        _alive.difference_update(started)
        if any(codes):
            raise Failed(f"{Path(commands[0][0]).name} ended with code {max(codes, key=abs)}: {last_line(stderr)}")
    return seconds
