"""The command `misfit` of an environment, and `python -m misfit`: the program in this package replaces Python."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from ._libtorch import environment

_HERE = Path(__file__).resolve().parent


def main() -> NoReturn:
    # Not the one on the PATH, which may be this.
    inside, clone = _HERE / "bin" / "misfit", _HERE.parents[2] / "target" / "release" / "misfit"
    for program in (inside, clone):
        if os.access(program, os.X_OK):
            os.execve(program, [str(program), *sys.argv[1:]], os.environ | environment(program))
    sys.stderr.write(f"misfit: there is no program {inside}, nor {clone}: build it (scripts/run --version)\n")
    sys.exit(127)


if __name__ == "__main__":
    main()
