"""Where Python has the package torch, for the program in a wheel, which looks beside this package alone."""

import os
from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def environment(program: str | Path) -> dict[str, str]:
    """What the environment of this program lacks to find the libtorch that `import torch` would load.

    Nothing for a program that is not of a wheel, or where torch lies beside this package. It may lie elsewhere: in the
    system's packages, of an environment that has them, or in a folder on PYTHONPATH. torch is not imported.
    """
    if Path(program) != _HERE / "bin" / "misfit" or (_HERE.parent / "torch" / "lib").is_dir():
        return {}
    spec = find_spec("torch")
    for package in (spec and spec.submodule_search_locations) or ():
        libraries = Path(package) / "lib"
        if libraries.is_dir():
            named = os.environ.get("LD_LIBRARY_PATH")
            return {"LD_LIBRARY_PATH": f"{named}:{libraries}" if named else str(libraries)}
    return {}
