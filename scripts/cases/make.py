"""Writes the data of experiments/published: make.py [PART ...], all parts where none is named."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "experiments" / "published"


def main() -> None:
    sys.path.insert(0, str(HERE))
    parts = sorted(file.stem for file in HERE.glob("*.py") if file.stem not in ("common", "make"))
    for part in sys.argv[1:] or parts:
        importlib.import_module(part).make(FOLDER)
        print(part)


main()
