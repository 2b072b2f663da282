"""The safetensors format, by the standard library and NumPy alone: what stands beside an experiment file.

A file is the length of a header (eight bytes, little-endian), the header (JSON: name, type, shape, place) and the
numbers.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: NumPy's types by their names in the format.
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_NAMES = {np.dtype(spelt): name for name, spelt in _TYPES.items()}


def dumps(tensors: Mapping[str, Array]) -> bytes:
    """The contents of a file with these tensors. Raises `TypeError` for a type that the format has not."""
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    at = 0
    for name, tensor in tensors.items():
        # Not ascontiguousarray: it makes a vector of a number.
        tensor = np.asarray(tensor, order="C")
        tensor = tensor.astype(tensor.dtype.newbyteorder("<"), copy=False)
        if tensor.dtype not in _NAMES:
            raise TypeError(f"{name}: is {tensor.dtype}, expected one of {', '.join(_TYPES)}")
        part = tensor.tobytes()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(part)],
        }
        parts.append(part)
        at += len(part)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([struct.pack("<Q", len(head)), head, *parts])


def loads(contents: bytes) -> dict[str, Array]:
    """The tensors of a file."""
    (length,) = struct.unpack_from("<Q", contents)
    header = json.loads(contents[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors: dict[str, Array] = {}
    for name, of in header.items():
        begin, end = (8 + length + offset for offset in of["data_offsets"])
        tensors[name] = np.frombuffer(contents[begin:end], dtype=_TYPES[of["dtype"]]).reshape(of["shape"])
    return tensors
