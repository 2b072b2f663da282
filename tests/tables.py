"""What pandas reads from CSVs, and safetensors files: python3 tables.py csv|tensors FOLDER. Prints what misfit must read, as JSON.

csv: of each FOLDER/*.csv, whose name ends in its separator's name; beside it a .csv.gz of two members is written.
tensors: writes files of every type into FOLDER first.
"""

import gzip
import hashlib
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}


def spelt(values):
    """In the digits that read back as the same f64."""
    return [None if np.isnan(value) else repr(float(value)) for value in values]


def texts(cells):
    """Each text once in order, and the place of each row's."""
    cells = [None if pd.isna(cell) else re.sub(r"^([+-]?\d+)\.0*$", r"\1", str(cell)) for cell in cells]
    there = {cell for cell in cells if cell is not None}
    whole = all(re.fullmatch(r"[+-]?\d+", cell) for cell in there)
    known = sorted(there, key=lambda cell: (int(cell), cell) if whole else cell)
    return {"texts": known, "codes": [None if cell is None else known.index(cell) for cell in cells]}


def columns(path, separator):
    # Cells are trimmed first, as misfit does and pandas does not.
    frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    trimmed = io.StringIO(frame.apply(lambda column: column.str.strip()).rename(columns=str.strip).to_csv(index=False))
    as_texts = pd.read_csv(trimmed, dtype=str)
    trimmed.seek(0)
    frame = pd.read_csv(trimmed, float_precision="round_trip")
    found = {}
    for name, column in frame.items():
        cells = as_texts[name]
        # What the column is as a class.
        found[name] = {"class": texts(cells)}
        number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        if number:
            infinite = np.isinf(column.to_numpy(float)).any()
            found[name]["either"] = "refused" if infinite else {"numbers": spelt(column.to_numpy(float))}
        else:
            there = cells.dropna()
            most = 2 * pd.to_numeric(there, errors="coerce").notna().sum() > len(there)
            found[name]["either"] = "refused" if most else texts(cells)
    return found


def csv(folder):
    found = {}
    for path in sorted(folder.glob("*.csv")):
        packed = path.with_suffix(".csv.gz")
        raw = path.read_bytes()
        packed.write_bytes(gzip.compress(raw[: len(raw) // 3]) + gzip.compress(raw[len(raw) // 3 :]))
        about = {"columns": columns(path, SEPARATORS[path.stem.rsplit("-", 1)[1]])}
        about["sha256"] = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, packed)]
        found[path.name] = about
    return found


def tensors(folder):
    from safetensors import TensorSpec, serialize
    from safetensors.numpy import save_file

    random = np.random.default_rng(1)
    found = {}

    def expect(name, x, y, x_test=None, y_test=None):
        def table(x, y):
            x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
            of = {"x": [spelt(column) for column in x.T.astype(float)]}
            if y.shape[1] == 1 and y.dtype.kind in "biu":
                y = [int(value) for value in y[:, 0]]
                known = sorted(set(y))
                return of | {"texts": [str(value) for value in known], "codes": [known.index(value) for value in y]}
            return of | {"y": [spelt(column) for column in y.T.astype(float)]}

        sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        found[name] = {"train": table(x, y), "test": None if x_test is None else table(x_test, y_test), "sha256": sha256}

    for dtype in "float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool".split():
        dtype = np.dtype(dtype)

        def draw(*shape):
            if dtype.kind == "f":
                values = random.normal(size=shape).astype(dtype)
                values[random.random(shape) < 0.2] = np.nan
                return values
            if dtype.kind == "b":
                return random.random(shape) < 0.5
            info = np.iinfo(dtype)
            values = random.integers(info.min, info.max, size=shape, dtype=dtype, endpoint=True)
            values.flat[:2] = info.min, info.max
            return values

        for kind, shapes in {
            "plain": [(7,), (7,)],
            "images": [(5, 2, 3), (5, 1)],
            "outputs": [(4, 1), (4, 3)],
            "tested": [(6, 2), (6,), (3, 2), (3, 1)],
        }.items():
            arrays = [draw(*shape) for shape in shapes]
            name = f"{dtype}-{kind}.safetensors"
            named = dict(zip(["x", "y", "x_test", "y_test"], arrays))
            save_file(named | {"other": np.zeros(3)}, folder / name, metadata={"made": "by a test"})
            expect(name, *arrays)

    # numpy has no bfloat16: the upper half of a float32.
    bits = (random.normal(size=(5, 2)).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    x, y = (bits.astype(np.uint32) << 16).view(np.float32), np.arange(5, dtype=np.uint8)
    spec = lambda dtype, array: TensorSpec(dtype=dtype, shape=list(array.shape), data_ptr=array.ctypes.data, data_len=array.nbytes)
    (folder / "bfloat16.safetensors").write_bytes(serialize({"x": spec("bfloat16", bits), "y": spec("uint8", y)}))
    expect("bfloat16.safetensors", x, y)
    return found


print(json.dumps({"csv": csv, "tensors": tensors}[sys.argv[1]](Path(sys.argv[2]))))
