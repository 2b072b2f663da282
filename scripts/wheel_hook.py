"""Puts the program and its library into the wheel; scripts/wheel says where they are."""

import os
import platform
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Programs(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":  # The package finds the clone's own program.
            return
        folder = os.environ.get("MISFIT_WHEEL_PROGRAMS")
        if not folder:
            raise SystemExit("misfit has a program in it, which pip does not build: run scripts/wheel, and install the wheel that it makes")
        for file in Path(folder).iterdir():
            build_data["force_include"][str(file)] = f"misfit/bin/{file.name}"
        build_data["pure_python"] = False
        # The program is no extension module: any Python starts it.
        build_data["tag"] = f"py3-none-linux_{platform.machine()}"
