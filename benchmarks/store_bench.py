"""`kill -9` of a server in bursts of saves: is every acknowledged one there afterwards?

python -m benchmarks.store_bench [ROUNDS]
"""

import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from tests.app.crash import crash

ROUNDS = 20
MOST_SAVES = 300


def main() -> None:
    """Kill it at random moments, print what was lost, and fail if that is anything."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        told = crash(Path(folder), rounds, MOST_SAVES, random.Random())
        seconds = time.monotonic() - began
        database = sqlite3.connect(Path(folder) / "shallows.sqlite3")
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
        (kept,) = database.execute("SELECT count(*) FROM runs").fetchone()
        database.close()
    acknowledged = told[-1].acknowledged
    lost = [sum(round.found.get(k) != v for k, v in round.acknowledged.items()) for round in told]
    print(f"{rounds} times kill -9 with 4 sessions playing and saving, {seconds:.0f} s in all")
    print(f"acknowledged: {len(acknowledged)} ({rounds} REST runs among them)")
    print(f"lost or other than acknowledged, by round: {lost}")
    print(f"kept without an acknowledgement: {kept - len(acknowledged)}")
    print(f"the database says of itself: {sound}")
    if any(lost) or sound != "ok":
        raise SystemExit("acknowledged saves were lost")


if __name__ == "__main__":
    main()
