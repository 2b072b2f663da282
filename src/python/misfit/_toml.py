"""TOML as an experiment file has it: values for `key=value` on a command line, and whole files from a dict."""

import json
import math
import os
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: The order in which docs/experiments.md explains an experiment; other keys come after these as they stand.
_ORDER = ("name", "title", "seeds", "framework", "data", "batch", "model", "loss", "optimizer", "train", "goal")
_ORDER_LAST = ("fix", "variant", "ablation", "sweep", "published")
#: Values of these keys are paths, relative to the experiment file.
_PATHS = frozenset({"csv", "tensors", "initial", "torchscript"})


def value(thing: Any) -> str:
    """How TOML spells a value: `True` is `true`, a text has quotes, a float reads back exactly.

    NumPy's numbers and arrays count as numbers and lists, paths as texts. Raises `TypeError` for what TOML cannot hold.
    """
    thing = _plain(thing)
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, int):
        if not -(2**63) <= thing < 2**63:
            raise ValueError(f"{thing}: is beyond 64 bits, which TOML cannot hold: write it as a float")
        return str(thing)
    if isinstance(thing, float):
        return _float(thing)
    if isinstance(thing, str):
        return _text(thing)
    if isinstance(thing, Mapping):
        inner = ", ".join(f"{key(name)} = {_named(name, inner)}" for name, inner in thing.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(thing, (list, tuple, range)):
        return "[" + ", ".join(map(value, thing)) + "]"
    if thing is None:
        raise TypeError("TOML has no word for None: leave the key out for its default")
    raise TypeError(f"{type(thing).__name__} {thing!r:.80}: is no TOML value: give a number, a text, a list or a dict")


def key(name: str) -> str:
    """A key. A dot leads into a table, as in `model.output`; parts that need quotes have them."""
    if not isinstance(name, str):
        raise TypeError(f"{name!r}: is no key: keys are texts, as 'train.steps'")
    return ".".join(_quoted(part) for part in name.split("."))


def dumps(experiment: Mapping[str, Any]) -> str:
    """The text of an experiment file: `{"train": {"steps": 500}}`, or `{"train.steps": 500}`, has a section `[train]`.

    Fixes are sections of their own (`[fix.NAME]`), variants and published figures `[[variant]]` and `[[published]]`.
    """
    tree = _nested(experiment)
    order = [name for name in _ORDER if name in tree]
    order += [name for name in tree if name not in _ORDER + _ORDER_LAST]
    order += [name for name in _ORDER_LAST if name in tree]
    lines, sections = [], []
    for name in order:
        inner = _plain(tree[name])
        if name == "fix" and isinstance(inner, Mapping):
            sections += [_section(f"[fix.{_quoted(fix)}]", fix, table) for fix, table in inner.items()]
        elif isinstance(inner, Mapping):
            sections.append(_section(f"[{_quoted(name)}]", name, inner))
        elif isinstance(inner, list) and inner and all(isinstance(item, Mapping) for item in inner):
            sections += [_section(f"[[{_quoted(name)}]]", name, table) for table in inner]
        else:
            lines.append(_line(_quoted(name), name, inner))
    return "\n".join(["".join(lines)] * bool(lines) + sections)


def moved(tree: Any, by: str) -> Any:
    """The same with relative paths of data and modules read from another folder, from which `by` leads to here."""
    if isinstance(tree, Mapping):
        return {name: _moved(name, inner, by) for name, inner in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [moved(inner, by) for inner in tree]
    return tree


def _moved(name: str, inner: Any, by: str) -> Any:
    inner = os.fspath(inner) if isinstance(inner, os.PathLike) else inner
    if isinstance(inner, str) and name.rpartition(".")[2] in _PATHS:
        return os.path.normpath(os.path.join(by, inner))
    return moved(inner, by)


def _nested(tree: Mapping[str, Any]) -> dict[str, Any]:
    """With dots of the outermost keys as tables within tables."""
    nested: dict[str, Any] = {}
    for name, inner in tree.items():
        if not isinstance(name, str):
            raise TypeError(f"{name!r}: is no key: keys are texts, as 'train.steps'")
        first, dot, rest = name.partition(".")
        inner = {rest: inner} if dot else inner
        known = nested.get(first)
        if isinstance(known, Mapping) and isinstance(inner, Mapping):
            twice = [f"{first}.{name}" for name in inner if name in known]
            if twice:
                raise ValueError(f"{twice[0]}: is there twice: leave one of them out")
            inner = {**known, **inner}
        elif first in nested:
            raise ValueError(f"{first}: is there twice: leave one of them out")
        nested[first] = inner
    return nested


def _section(head: str, name: str, table: Any) -> str:
    if not isinstance(table, Mapping):
        raise TypeError(f"{name}: is {table!r:.80}: expected a dict")
    # The keys of a sweep are names of settings, whose dots lead nowhere.
    spelt = _text if name == "sweep" else key
    return f"{head}\n" + "".join(_line(spelt(inner), f"{name}.{inner}", table[inner]) for inner in table)


def _line(spelt: str, name: str, inner: Any) -> str:
    line = f"{spelt} = {_named(name, inner)}"
    inner = _plain(inner)
    if len(line) > 120 and isinstance(inner, list) and not any(isinstance(item, (list, dict)) for item in inner):
        items = textwrap.wrap(", ".join(map(value, inner)), 110) if all(map(_is_number, inner)) else map(value, inner)
        separator = "\n    " if all(map(_is_number, inner)) else ",\n    "
        line = f"{spelt} = [\n    {separator.join(items)},\n]"
    return line + "\n"


def _named(name: str, inner: Any) -> str:
    try:
        return value(inner)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _is_number(thing: Any) -> bool:
    return isinstance(thing, (int, float))


def _plain(thing: Any) -> Any:
    """A value in Python's own types: a NumPy number as a number, an array or tuple as a list, a path as a text."""
    if isinstance(thing, (bool, int, float, str)) and not hasattr(thing, "dtype"):
        return thing
    if isinstance(thing, os.PathLike):
        return os.fspath(thing)
    if hasattr(thing, "tolist"):
        return thing.tolist()
    if isinstance(thing, (tuple, range, set, frozenset)):
        return sorted(thing) if isinstance(thing, (set, frozenset)) else list(thing)
    return thing


def _float(number: float) -> str:
    if math.isnan(number):
        return "nan"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    # 1e-05 is written 1e-5, as a person writes it.
    return re.sub(r"e([+-]?)0*(\d)", lambda found: f"e{found[1].rstrip('+')}{found[2]}", repr(number))


def _text(text: str) -> str:
    """A basic string: what JSON escapes TOML does too, and it wants the delete character escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _quoted(part: str) -> str:
    return part if _BARE.fullmatch(part) else _text(part)


def seeds(asked: int | Iterable[int]) -> str:
    """What `seeds=` takes: how many there are, or a list of them."""
    if isinstance(asked, (str, bytes)):
        raise TypeError(f"seeds={asked!r}: expected a number of seeds, or a list of seeds, as [3, 5, 8]")
    return value(asked if not isinstance(asked, Iterable) else list(asked))
