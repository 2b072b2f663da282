"""What the scripts in this folder share: a table is written the same to the byte wherever and whenever it is made."""

import gzip
from pathlib import Path

import numpy as np

LARGE = 50_000  # bytes; a larger table is compressed


def number(value, digits: int) -> str:
    """A text as it stands, a whole number without a point, any other with so many significant digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    text = f"{float(value):.{digits}g}"
    if "e" in text:
        text = np.format_float_positional(float(text), trim="-")
    return "0" if text == "-0" else text


def table(folder: Path, name: str, columns: dict, digits: int = 4) -> Path:
    """Writes the columns, a header line above them, to `name`.csv, or to `name`.csv.gz where they are large.

    `columns` has an array or a list of one column by its name, or a two-dimensional array by the names' prefix: `{"x": X}`
    becomes x1, x2, …
    """
    header, cells = [], []
    for key, values in columns.items():
        array = np.asarray(values)
        parts = [array] if array.ndim == 1 else list(array.T)
        header += [key] if array.ndim == 1 else [f"{key}{i + 1}" for i in range(len(parts))]
        cells += [[number(value, digits) for value in part.tolist()] for part in parts]
    assert len({len(column) for column in cells}) == 1, f"{name}: columns of different lengths"
    lines = [",".join(header), *map(",".join, zip(*cells))]
    data = ("\n".join(lines) + "\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    plain, packed = folder / f"{name}.csv", folder / f"{name}.csv.gz"
    path, other = (packed, plain) if len(data) > LARGE else (plain, packed)
    other.unlink(missing_ok=True)
    path.write_bytes(gzip.compress(data, 9, mtime=0) if path == packed else data)
    return path
