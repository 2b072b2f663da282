"""Formulas in x by numpy: python3 formula.py < JSON. Reads [[formulas], [points]] and prints the values of each formula at each point."""

import json
import re
import sys

import numpy as np

FUNCTIONS = {name: getattr(np, name) for name in "sin cos tan sinh cosh tanh exp log log2 log10 sqrt abs sign floor ceil".split()}
FUNCTIONS |= {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "ln": np.log, "min": np.minimum, "max": np.maximum}
FUNCTIONS |= {"relu": lambda a: np.maximum(a, 0), "step": lambda a: np.heaviside(a, 1), "pi": np.pi, "e": np.e, "f64": np.float64}

formulas, points = json.load(sys.stdin)
x = np.array([float(point) for point in points])
values = []
for formula in formulas:
    # Python's own numbers are no f64 throughout: 1/0 is an error, and integers have no end.
    code = re.sub(r"(?<![\w.])((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)", r"f64(\1)", formula).replace("^", "**")
    with np.errstate(all="ignore"):
        of = np.broadcast_to(eval(code, {"__builtins__": {}}, FUNCTIONS | {"x": x}), x.shape)
    values.append([repr(float(value)) for value in of])
print(json.dumps(values))
