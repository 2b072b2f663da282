"""One network on one target: its runs over the seeds, and what they come to."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass
class Run:
    outcome: str
    test_rmse: float
    pieces: float
    pieces_rmse: float
    """The best fit's with as many pieces as this network has; 0 for a straight line."""
    most_rmse: float
    """The best fit's with as many as it can have."""
    target_std: float


@dataclass
class Cell:
    """One network on one target, over the seeds."""

    degree: int
    hidden: tuple[int, ...]
    most_pieces: int
    runs: list[Run]

    def of(self, what: Callable[[Run], float]) -> float:
        return median(what(run) for run in self.runs)

    @property
    def network(self) -> str:
        return "–".join(map(str, self.hidden))

    @property
    def depth(self) -> int:
        return len(self.hidden)

    @property
    def initial(self) -> int:
        """About as many pieces as a network has where weights and biases are random."""
        return sum(self.hidden) + 1

    @property
    def pieces(self) -> float:
        return self.of(lambda run: run.pieces)

    @property
    def share(self) -> float:
        return self.pieces / self.most_pieces

    @property
    def rmse(self) -> float:
        return self.of(lambda run: run.test_rmse)

    @property
    def ratio(self) -> float:
        """The median of the runs' own ratios: each run has its number of pieces."""
        return self.of(lambda run: run.test_rmse / run.pieces_rmse)

    @property
    def most_ratio(self) -> float:
        return self.of(lambda run: run.test_rmse / run.most_rmse)

    @property
    def outcomes(self) -> str:
        counts = Counter(run.outcome for run in self.runs)
        return ", ".join(f"{name} {count}/{len(self.runs)}" for name, count in sorted(counts.items()))
