"""misfit finds out, by experiment, why a small neural network does not fit its data.

The work is done by the program misfit, which this package finds and calls; what it leaves are tables:

    import misfit

    results = misfit.run("mine.toml", seeds=6, **{"train.steps": 500})
    results.runs.groupby("variant")["test_rmse"].median()
    misfit.diff("results/mine", results)
    print(misfit.diagnose("mine.toml"))

From a live model: `misfit.experiment(model, X, y, loss=…, optimizer=…).diagnose()`. docs/python.md has all of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._commands import Difference, Plan, check, diagnose, diff, plan, run
from ._program import Error, Interrupted, Note
from ._results import Results, read

if TYPE_CHECKING:
    from ._experiment import Experiment, experiment
    from ._taken import CannotTake, NotTaken
    from ._trace import trace

__all__ = [
    "CannotTake",
    "Difference",
    "Error",
    "Experiment",
    "Interrupted",
    "NotTaken",
    "Note",
    "Plan",
    "Results",
    "check",
    "diagnose",
    "diff",
    "experiment",
    "plan",
    "read",
    "run",
    "trace",
]

# Named as they are imported, in tracebacks too.
for _thing in (Difference, Error, Interrupted, Note, Plan, Results):
    _thing.__module__ = __name__

#: What is imported when it is first asked for, since it is not needed to read results.
_LATER = {
    "CannotTake": "_taken",
    "Experiment": "_experiment",
    "NotTaken": "_taken",
    "experiment": "_experiment",
    "trace": "_trace",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'misfit' has no attribute {name!r}")
    thing = globals()[name] = getattr(import_module(f".{_LATER[name]}", __name__), name)
    thing.__module__ = __name__
    return thing


def __dir__() -> list[str]:
    return sorted(__all__)
