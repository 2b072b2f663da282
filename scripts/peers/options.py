"""What the driver was asked to do, for all of its parts."""

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Options:
    quick: bool
    device: str
    repetitions: int | None
    """As asked for; every part has its own where nothing was."""
    misfit: Path
    """The built command."""
    peers: Path
    """The built benchmark, which holds two peers."""

    def repeat(self, default: int, quick: int = 2) -> int:
        return self.repetitions or (quick if self.quick else default)
