"""Two CSVs compared by pandas and numpy: python3 diff.py A B KEY,… [RTOL ATOL]. Prints what misfit diff must find, as JSON."""

import itertools
import json
import sys

import numpy as np
import pandas as pd

a_path, b_path, key = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
rtol, atol = (float(word) for word in (sys.argv[4:6] or ["0", "0"]))


def read(path):
    header = pd.read_csv(path, nrows=0).columns
    # What stands beside the probabilities of classes are their names, even where those are 0, 1, …
    names = ["target", "prediction"] if any(name.startswith("p_") for name in header) else []
    frame = pd.read_csv(path, float_precision="round_trip", dtype={name: str for name in ["variant", *names]})
    frame["nth"] = frame.groupby(key).cumcount()  # rows of equal keys are held against one another in their order
    return frame


def spelt(value):
    return float(value) if np.isfinite(value) else {np.inf: "inf", -np.inf: "-inf"}.get(value, "NaN")


a, b = read(a_path), read(b_path)
both = a.merge(b, on=[*key, "nth"], how="outer", suffixes=("_a", "_b"), indicator="in").sort_values([*key, "nth"])
found = {side: int((both["in"] == name).sum()) for side, name in (("missing", "left_only"), ("extra", "right_only"))}
both = both[both["in"] == "both"].reset_index(drop=True)
found["compared"] = len(both)
found["columns"] = {}
shared = [name for name in a.columns if name in b.columns and name not in (*key, "nth")]
columns = [name for name in shared if pd.api.types.is_numeric_dtype(a[name])]
found["texts"] = {}
for name in (name for name in shared if name not in columns):
    x, y = both[f"{name}_a"].fillna(""), both[f"{name}_b"].fillna("")
    first = both[x != y].head(1)
    at = [f"{first[part].iloc[0]}" for part in key] if len(first) else None
    values = [x[first.index[0]], y[first.index[0]]] if len(first) else None
    found["texts"][name] = {"differ": int((x != y).sum()), "first": at, "values": values}
for name in columns:
    x, y = both[f"{name}_a"].to_numpy(float), both[f"{name}_b"].to_numpy(float)
    differs = ~((x == y) | (np.isnan(x) & np.isnan(y)))
    with np.errstate(all="ignore"):
        far = np.abs(x - y)
        far[differs & ~(np.isfinite(x) & np.isfinite(y))] = np.inf
        relative = far / np.abs(y)
        relative[differs & ~(np.isfinite(x) & np.isfinite(y))] = np.inf
        beyond = differs & ~np.isclose(x, y, rtol=rtol, atol=atol, equal_nan=True)
    column = {"differ": int(differs.sum()), "beyond": int(beyond.sum())}
    if differs.any():
        at = lambda place: [part if isinstance(part, str) else f"{part:g}" for part in both.loc[place, key]]
        far[~differs], relative[~differs] = -1, -1
        column |= {"first": at(int(differs.argmax())), "absolute": spelt(far.max()), "absolute_at": at(int(far.argmax()))}
        column |= {"relative": spelt(relative.max())}
    found["columns"][name] = column

# The noise of seeds, at the last step that both sides have.
if "seed" in key and "step" in key and not both["nth"].any():
    found["noise"] = {}
    for variant, of in both.groupby("variant"):
        for name in columns:
            x, y = (of.pivot(index="step", columns="seed", values=f"{name}_{side}") for side in "ab")
            finite = np.isfinite(x) & np.isfinite(y)
            x, y = x.where(finite), y.where(finite)
            difference = (y - x).mean(axis=1)
            floor = np.sqrt((x.var(axis=1) + y.var(axis=1)) / 2)
            with np.errstate(all="ignore"):
                multiple = (difference / floor).where(difference != 0, 0)
            pairs = (y - x).iloc[-1].dropna().to_numpy()
            means = [np.mean(draw) for draw in itertools.product(pairs, repeat=len(pairs))] if 1 < len(pairs) <= 5 else []
            low, high = np.quantile(means, [0.025, 0.975]) if means else (np.nan, np.nan)
            above = multiple[multiple.abs() > 1]
            found["noise"][f"{variant} {name}"] = {
                "pairs": len(pairs),
                "difference": spelt(difference.iloc[-1]),
                "noise_floor": spelt(floor.iloc[-1]),
                "multiple": spelt(multiple.iloc[-1]),
                "low": spelt(low),
                "high": spelt(high),
                "apart": len(above),
                "first_apart": [f"{above.index[0]}"] if len(above) else None,
            }
print(json.dumps(found))
