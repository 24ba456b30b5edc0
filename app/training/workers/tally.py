"""What the hosts have done, for whoever watches over the server."""

from bisect import bisect_left
from dataclasses import dataclass, field

ROUND_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass
class Tally:
    """What was done since the server started, for whoever watches over it."""

    iterations: int = 0
    frames: int = 0
    rounds: list[int] = field(default_factory=lambda: [0] * (len(ROUND_SECONDS) + 1))
    """How many rounds took at most each of `ROUND_SECONDS`; the last, how many took longer."""
    round_seconds: float = 0.0

    def round_took(self, seconds: float) -> None:
        """Count a round."""
        self.rounds[bisect_left(ROUND_SECONDS, seconds)] += 1
        self.round_seconds += seconds
