"""What a measurement was made on and with."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from processes import ROOT


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def has_avx512() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def revision() -> str:
    """misfit's, by git."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (", changed" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "of an unknown revision"


def facts() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0]
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "jax", "optax", "numpy"))
    return (
        f"{processor()}, {cores} core{'s' if cores != 1 else ''}, load {load:.1f} at the start\n"
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {packages}\n"
        f"misfit {revision()}"
    )
