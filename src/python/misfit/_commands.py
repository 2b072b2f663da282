"""What the program does, as functions: run, diagnose, check, diff, plan."""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Union, cast

from . import _program, _toml
from ._results import Results, html_table

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped, import-not-found, unused-ignore]

    Given = Union[str, os.PathLike[str], Mapping[str, Any], "LiveExperiment", None]
    Folder = Union[str, os.PathLike[str], Results]


class LiveExperiment(Protocol):
    """An experiment of live objects, as `misfit.experiment` makes it."""

    name: str

    def save(self, path: "str | os.PathLike[str]") -> Path:
        """Writes its experiment file, and the files beside it."""


#: The first line of a file that is made of a dict: such a file is written over, another never is.
_MARK = "# Written by the Python package misfit, of a dict: written over by its next call.\n"


def run(
    experiment: "Given" = None,
    *,
    out: "str | os.PathLike[str] | None" = None,
    seeds: int | Iterable[int] | None = None,
    variants: str | Iterable[str] | None = None,
    device: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    fresh: bool = False,
    **settings: Any,
) -> Results:
    """Trains every variant of an experiment over its seeds, and reads the results.

    `experiment` is a file, a dict as such a file has it, or an `Experiment`; the embedded one where it is left out.
    Results go to `out`, else to `results/<name>`. A dict's file is written beside that folder, as
    `results/<name>.toml`; paths in the dict are relative to the working directory. `seeds` is how many there are, or a
    list; `settings` are changed in every variant: `run("mine.toml", seeds=10, **{"train.steps": 500})`. `fresh`
    replaces what is in the folder.

    A call that was interrupted resumes when it is made again. Raises `Error` with the program's line.
    """
    __tracebackhide__ = True
    words, folder = _given(experiment, out)
    options = _options(folder, seeds, device, engine, threads, fresh)
    options += [word for name in _several(variants) for word in ("--variant", name)]
    return _results(["run", *words, *_settings(settings), *options], folder)


def diagnose(
    experiment: "Given" = None,
    *,
    out: "str | os.PathLike[str] | None" = None,
    seeds: int | Iterable[int] | None = None,
    hide_fixes: bool = False,
    until_sure: bool | int = False,
    device: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    fresh: bool = False,
    **settings: Any,
) -> Results:
    """Finds out, by trying, why an experiment's baseline does not fit, and what mends it.

    `hide_fixes` hides the fixes that the file names. `until_sure` adds seeds until each verdict can be told, up to 100
    or to the number given. `print(result)` has the diagnosis in words; `.verdicts`, `.findings` and `.effects` are its
    tables. All else is as in `run`.
    """
    __tracebackhide__ = True
    words, folder = _given(experiment, out)
    options = _options(folder, seeds, device, engine, threads, fresh) + ["--hide-fixes"] * hide_fixes
    if until_sure is not False:
        options.append("--until-sure" if until_sure is True else f"--until-sure={until_sure}")
    return _results(["diagnose", *words, *_settings(settings), *options], folder)


def check(
    experiment: "Given" = None,
    *,
    out: "str | os.PathLike[str] | None" = None,
    seeds: int | Iterable[int] | None = None,
    all: bool = False,
    device: str | None = None,
    engine: str | None = None,
    threads: int | None = None,
    fresh: bool = False,
    **settings: Any,
) -> Results:
    """Checks an experiment's baseline by what every guide asks for: can it learn two samples, does it use its inputs, …

    `all` measures every check, whatever time it takes. A check that fails is a row of `.checks`, and no exception. All
    else is as in `run`.
    """
    __tracebackhide__ = True
    words, folder = _given(experiment, out)
    options = _options(folder, seeds, device, engine, threads, fresh) + ["--all"] * all
    return _results(["check", *words, *_settings(settings), *options], folder, ok=(0, 1))


def diff(
    a: "Folder",
    b: "Folder",
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    within_noise: bool = False,
    key: str | Sequence[str] = (),
) -> "Difference":
    """Compares two results, or two CSVs: what differs, by how much, and is that more than noise?

    `a` and `b` are results, folders, variants of folders (`"results/mine#answer"`), or files. Numbers are the same
    where |a − b| ≤ atol + rtol·|b|; with `within_noise`, where seeds differ as much. `key` names the columns that tell
    the rows of two CSVs apart.
    """
    __tracebackhide__ = True
    sides = [os.fspath(side.folder if isinstance(side, Results) else side) for side in (a, b)]
    words = [*sides, "--rtol", repr(float(rtol)), "--atol", repr(float(atol)), *["--within-noise"] * within_noise]
    if key:
        words += ["--key", ",".join(_several(key))]
    return Difference(_program.answer(["diff", *words], ok=(0, 1), progress=False))


class Difference:
    """What `diff` found. It is true if the two are the same: `assert misfit.diff(a, b)`."""

    def __init__(self, found: dict[str, Any]) -> None:
        #: All of it, as `misfit diff --format json` has it.
        self.json = found

    @property
    def same(self) -> bool:
        """Whether no number differs by more than was asked for. Settings that differ are no difference."""
        return not self.json["different"]

    def __bool__(self) -> bool:
        return self.same

    @property
    def notes(self) -> list[str]:
        """What a reader should know, a line each."""
        return list(self.json["notes"])

    @cached_property
    def settings(self) -> "pd.DataFrame":
        """Settings that differ: key, the variants in which they do, and both sides as an experiment file spells
        them.
        """
        rows = [{**row, "variants": ", ".join(row["variants"]) or "all"} for row in self.json["settings"]]
        return _frame(rows, ["key", "variants", "a", "b"])

    @cached_property
    def endings(self) -> "pd.DataFrame":
        """How the variants ended that both sides have: outcomes, median errors and accuracies."""
        names = [f"{what}_{side}" for what in ("outcomes", "test_rmse", "accuracy") for side in "ab"]
        return _frame(self.json["endings"], ["variant", *names], texts=("variant", "outcomes_a", "outcomes_b"))

    @cached_property
    def files(self) -> "pd.DataFrame":
        """The files: rows that both have, that b lacks, that only b has, and whether anything differs."""
        return _frame(self.json["files"], ["file", "different", "compared", "missing", "extra", "incomparable"])

    @cached_property
    def columns(self) -> "pd.DataFrame":
        """The columns: rows that differ at all, and by more than was asked for, and where they do first and most."""
        rows = []
        for file in self.json["files"]:
            for found in file["columns"]:
                row = {"file": file["file"], **{name: found[name] for name in ("column", "differ", "beyond")}}
                for place in ("first", "largest_absolute", "largest_relative"):
                    at = found[place] or {}
                    row[place] = at.get("size")
                    row[f"{place}_at"] = ", ".join(at.get("at") or [])
                rows.append(row)
        places = [name + end for name in ("first", "largest_absolute", "largest_relative") for end in ("", "_at")]
        texts = ("file", "column", "first_at", "largest_absolute_at", "largest_relative_at")
        return _frame(rows, ["file", "column", "differ", "beyond", *places], texts=texts)

    @cached_property
    def noise(self) -> "pd.DataFrame":
        """Differences of means over the seeds beside the spread between seeds, largest multiples first."""
        rows = [
            {
                "file": file["file"],
                **found,
                "at": ", ".join(found["at"]),
                "first_apart": ", ".join(found["first_apart"] or []),
            }
            for file in self.json["files"]
            for found in file["noise"]
        ]
        texts = ("file", "variant", "column", "at", "verdict", "first_apart")
        numbers = ("a", "b", "difference", "low", "high", "noise_floor", "multiple", "pairs", "apart", "places")
        return _frame(rows, [*texts[:4], *numbers, *texts[4:]], texts=texts)

    def __repr__(self) -> str:
        return f"<misfit.Difference: {self.json['a']} and {self.json['b']} {'are the same' if self else 'differ'}>"

    def __str__(self) -> str:
        return str(self.json["text"])

    def _repr_html_(self) -> str:
        a, b = escape(self.json["a"]), escape(self.json["b"])
        parts = [f"<b>{a}</b> and <b>{b}</b> {'are the same' if self else 'differ'}"]
        differ = self.columns[self.columns["beyond"] > 0]
        noise = self.noise[self.noise["verdict"] != "noise"]
        for head, table in (
            ("Settings that differ", self.settings.assign(variants=self.settings["variants"].map(_shortened))),
            ("How variants ended", self.endings),
            ("Files", self.files),
            ("Columns that differ", differ),
            (
                "Differences beside the noise of the seeds",
                noise[["variant", "column", "at", "a", "b", "multiple", "verdict"]],
            ),
        ):
            if len(table):
                shown = table[:20].itertuples(index=False)
                more = f"<br>and {len(table) - 20} more" if len(table) > 20 else ""
                parts.append(f"<details open><summary>{head}</summary>{html_table(list(table), shown)}{more}</details>")
        return "\n".join([*parts, *(f"<p>{escape(note)}</p>" for note in self.notes)])


def _shortened(names: str) -> str:
    """The first few of many names."""
    first = names.split(", ")
    return names if len(first) <= 6 else f"{', '.join(first[:5])} and {len(first) - 5} more"


class Executor(Protocol):
    """What runs tasks: an executor of `concurrent.futures`, a client of Dask, an executor of submitit, …"""

    def submit(self, function: Any, /, *args: Any) -> Any: ...


def plan(
    experiment: "Given" = None,
    *,
    out: "str | os.PathLike[str] | None" = None,
    seeds: int | Iterable[int] | None = None,
    tasks: int | None = None,
    runs_per_task: int | None = None,
    device: str | None = None,
    engine: str | None = None,
    **settings: Any,
) -> "Plan":
    """Cuts an experiment's runs into numbered tasks, that any machine does which sees the folder.

    Without `tasks` and `runs_per_task` a task lasts about ten minutes on one core. All else is as in `run`.
    """
    __tracebackhide__ = True
    words, folder = _given(experiment, out)
    options = _options(folder, seeds, device, engine, None, False)
    options += ["--tasks", str(tasks)] if tasks is not None else []
    options += ["--runs-per-task", str(runs_per_task)] if runs_per_task is not None else []
    return Plan(_program.answer(["plan", *words, *_settings(settings), *options], progress=False)["plan"])


class Plan:
    """A plan's tasks: `plan(…).map(executor)` does them and puts their results together."""

    def __init__(self, path: "str | os.PathLike[str]") -> None:
        path = Path(path)
        #: The file `plan.json`.
        self.path = path / "plan.json" if path.is_dir() else path
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: is not there: misfit.plan(…) writes it")
        self._plan = json.loads(self.path.read_text(encoding="utf-8"))

    @property
    def tasks(self) -> list[int]:
        """The numbers of the tasks."""
        return list(range(len(self._plan["tasks"])))

    @property
    def folder(self) -> Path:
        """Where the merged results go."""
        return self.path.parent.parent / cast(str, self._plan["out"])

    def map(self, executor: Executor | None = None, *, threads: int | None = 1, device: str | None = None) -> Results:
        """Does all tasks, each as `executor.submit` runs it, then merges them. Without an executor one after the other.

        Each has `threads` training threads (None: one for each core). A task that is done already ends at once, so
        after Ctrl-C, or a failure, the same call goes on from there. If tasks fail the others are done and merged all
        the same; then `Error` says which failed, and why.
        """
        __tracebackhide__ = True
        path = os.path.abspath(self.path)
        failed: dict[int, BaseException] = {}
        submit = executor.submit if executor is not None else _Done
        futures: list[Any] = []
        show = _program._display()
        try:
            futures.extend(submit(task, path, index, threads, device) for index in self.tasks)
            for index, future in enumerate(futures):
                try:
                    for note in future.result():
                        _program.tell(note)
                except (Exception, CancelledError) as error:
                    failed[index] = error
                if show:
                    show.show(f"{index + 1} of {len(futures)} tasks")
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            _program.interrupt()
            raise _program.Interrupted(
                f"interrupted: what had ended is kept in {self.path.parent}, the same call goes on from there"
            ) from None
        finally:
            if show:
                show.end()
        if len(failed) == len(futures):
            raise _failed(failed, len(futures), "nothing is merged")
        merged = _program.answer(["merge", os.fspath(self.path)], ok=(0, 1), progress=False)
        if failed:
            raise _failed(failed, len(futures), f"the others are merged into {self.folder}")
        if merged["exit_code"]:
            raise _program.Error("; ".join(merged["text"].strip().splitlines()), merged["exit_code"])
        return Results(self.folder, merged["text"])

    def __repr__(self) -> str:
        return f"<misfit.Plan {os.fspath(self.path)!r}: {len(self.tasks)} tasks>"


def task(path: str, index: int, threads: int | None = None, device: str | None = None) -> list[str]:
    """Does one task of a plan, on whatever machine this is called; what the program noted."""
    words = ["task", path, "--index", str(index)]
    words += ["--threads", str(threads)] if threads is not None else []
    words += ["--device", device] if device is not None else []
    notes = _program.call(words, progress=False, warn=False).notes
    return [f"task {index}: {note}" for note in notes]


class _Done:
    """The future of what is done at once."""

    def __init__(self, function: Any, /, *args: Any) -> None:
        self._call = (function, args)

    def result(self) -> Any:
        function, args = self._call
        return function(*args)

    def cancel(self) -> None:
        pass


def _failed(failed: dict[int, BaseException], of: int, rest: str) -> _program.Error:
    (first, error), *others = failed.items()
    line = f"task {first}: {error or type(error).__name__}"
    if others:
        line += f"; and of {of} tasks failed too: {', '.join(str(index) for index, _ in others)}"
    raised = _program.Error(f"{line}; {rest}, and the same call does what is missing", getattr(error, "code", 2))
    raised.__cause__ = error
    return raised


def _results(words: list[str], out: str | None, ok: Collection[int] = (0,)) -> Results:
    """What a command has made, where it says if nobody told it where to."""
    __tracebackhide__ = True
    found = _program.answer(words, ok)
    return Results(found["folder"] if out is None else out, found["text"])


def _options(
    out: str | None,
    seeds: int | Iterable[int] | None,
    device: str | None,
    engine: str | None,
    threads: int | None,
    fresh: bool,
) -> list[str]:
    options = [f"seeds={_toml.seeds(seeds)}"] if seeds is not None else []
    for name, given in (("--out", out), ("--device", device), ("--engine", engine), ("--threads", threads)):
        options += [name, str(given)] if given is not None else []
    return options + ["--fresh"] * fresh


def _settings(settings: Mapping[str, Any]) -> list[str]:
    """`key=value` as the command line takes it."""
    words = []
    for name, value in settings.items():
        try:
            words.append(f"{_toml.key(name)}={_toml.value(value)}")
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    return words


def _several(names: str | Iterable[str] | None) -> list[str]:
    return [names] if isinstance(names, str) else list(names or [])


def _given(experiment: "Given", out: "str | os.PathLike[str] | None") -> tuple[list[str], str | None]:
    """The experiment as a word of the command line, and `out`. A dict is written beside the results folder.

    There the same call finds it again and resumes, the program's messages name lines that can be looked up, it can be
    run from a terminal, and it is none of the user's files.
    """
    where = None if out is None else os.fspath(out)
    if experiment is None:
        return [], where
    if isinstance(experiment, (str, os.PathLike)):
        return [os.fspath(experiment)], where
    name = experiment.get("name") if isinstance(experiment, Mapping) else experiment.name
    name = name or (Path(where).name if where else "experiment")
    path = Path(f"{where}.toml") if where else Path("results") / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(experiment, Mapping):
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
            raise FileExistsError(f"{path}: is there, and is not of a dict: give the dict another name, or another out")
        tree = _toml.moved(experiment, os.path.relpath(os.curdir, path.parent))
        path.write_text(_MARK + _toml.dumps({**tree, "name": name}), encoding="utf-8")
    else:
        experiment.save(path)
    return [os.fspath(path)], where


def _frame(rows: list[dict[str, Any]], columns: list[str], texts: Sequence[str] | None = None) -> "pd.DataFrame":
    """Rows as a table. NaN and infinities, texts in JSON, are numbers; `texts` are all columns but numbers."""
    import pandas as pd

    table = pd.DataFrame({column: pd.Series([row[column] for row in rows], dtype=object) for column in columns})
    for column in [] if texts is None else [column for column in columns if column not in texts]:
        table[column] = [float("nan") if cell is None else float(cell) for cell in table[column]]
    return table
