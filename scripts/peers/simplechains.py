"""The shape that SimpleChains.jl was published with, beside its authors' figures, which come from other machines."""

import throughput
from options import Options
from processes import OUT
from tables import Target, short, table

PUBLISHED = [
    ("32 cores of an AMD EPYC 7513", 32, 72.0),
    ("18 cores of an Intel i9-10980XE", 18, 41.0),
]
"""Cores, and µs for an epoch, which is one step: C. Rackauckas, C. Elrod, "Doing small network scientific machine learning in
Julia 5x faster than PyTorch", 2022 (sciml.ai)."""


def run(options: Options) -> list[Target]:
    targets = throughput.run(options, "simplechains")
    line = next(line for line in (OUT / "throughput-simplechains.csv").read_text().splitlines() if line.startswith("misfit,1,0,"))
    ours = float(line.split(",")[3])
    table(
        "µs of one core for an epoch of 10 000 rows; SimpleChains.jl's as its authors published them, not measured here",
        ["", "µs an epoch", "cores", "µs of a core"],
        [["misfit, here", short(ours), 1, short(ours)]]
        + [[f"SimpleChains.jl, {machine}", short(us), cores, short(us * cores)] for machine, cores, us in PUBLISHED],
    )
    best = min(us * cores for _, cores, us in PUBLISHED)
    return [*targets, Target("work per core beside SimpleChains.jl's published figure", 1.0, best / ours)]
