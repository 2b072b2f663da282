"""The benchmark's work as an experiment file, for what is measured of `misfit run` itself."""

from pathlib import Path

from options import Options
from processes import OUT

EXPERIMENT = """\
title = "A 1–40–40–1 ReLU network on one batch of 32"
[data]
target = { polynomial = [0, 1, 1] }
inputs = { uniform = { from = 0, to = 1, count = 32 } }
test = { grid = { from = 0, to = 1, count = 100 } }
[batch]
size = "all"
draw = "once"
[model]
hidden = [40, 40]
init = "pytorch"
"""


def misfit_run(options: Options, out: str, steps: int, seeds: range, *more: str | int) -> list[str | Path]:
    """The command that trains it with these consecutive seeds; `more` are further arguments, results go to `out` in the bench's folder."""
    file = OUT / "work.toml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    listed = ",".join(map(str, seeds)) if seeds[0] else str(len(seeds))
    arguments = [f"train.steps={steps}", "--seeds", listed, "--out", OUT / out, "--fresh", *map(str, more)]
    return [options.misfit, "run", file, *arguments]
