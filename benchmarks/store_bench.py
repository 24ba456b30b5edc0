"""What survives: `kill -9` in bursts of saves, under sessions that play, and in a class.

python -m benchmarks.store_bench [saves|sessions|rooms|all] [ROUNDS]
"""

import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from tests.app.crash import crash, resume_after_crashes
from tests.app.room_crash import crash_rooms

ROUNDS = 20
MOST_SAVES = 300
PLAYERS = 30
STUDENTS = 12
OLDEST = 5.0


def saves(rounds: int) -> None:
    """Kill it at random moments, print what was lost, and fail if that is anything."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        outcomes = crash(Path(folder), rounds, MOST_SAVES, random.Random())
        seconds = time.monotonic() - began
        database = sqlite3.connect(Path(folder) / "shallows.sqlite3")
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
        (kept,) = database.execute("SELECT count(*) FROM runs").fetchone()
        database.close()
    acknowledged = outcomes[-1].acknowledged
    lost = [
        sum(round.found.get(k) != v for k, v in round.acknowledged.items()) for round in outcomes
    ]
    print(f"{rounds} times kill -9 with 4 sessions playing and saving, {seconds:.0f} s in all")
    print(f"acknowledged: {len(acknowledged)} ({rounds} REST runs among them)")
    print(f"lost or other than acknowledged, by round: {lost}")
    print(f"kept without an acknowledgement: {kept - len(acknowledged)}")
    print(f"the database says of itself: {sound}")
    if any(lost) or sound != "ok":
        raise SystemExit("acknowledged saves were lost")


def sessions(rounds: int) -> None:
    """Kill it at random moments under playing sessions; fail if one comes back too old."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        outcomes = resume_after_crashes(Path(folder), rounds, PLAYERS, random.Random())
        seconds = time.monotonic() - began
    ages = sorted(age for round in outcomes for age in round.ages)
    resumed = sum(sum(round.resumed) for round in outcomes)
    print(f"{rounds} times kill -9 with {PLAYERS} sessions playing, {seconds:.0f} s in all")
    print(f"taken up again, playing: {resumed} of {len(ages)}")
    print(
        f"older than the crash, seconds: median {ages[len(ages) // 2]:.1f}, "
        f"p95 {ages[int(0.95 * len(ages))]:.1f}, most {ages[-1]:.1f}"
    )
    whole = all(round.whole for round in outcomes)
    print(f"every cost came back, and trained again it was the same: {whole}")
    if ages[-1] > OLDEST or resumed < len(ages) or not whole:
        raise SystemExit("sessions were lost, or came back too old")


def rooms(rounds: int) -> None:
    """Kill it while a class joins, answers and solves a task; fail if anything is lost or late."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        outcomes = crash_rooms(Path(folder), rounds, STUDENTS, random.Random(), "pool")
        seconds = time.monotonic() - began
    last, slowest = outcomes[-1], max(round.seconds for round in outcomes)
    print(f"{rounds} times kill -9 while a class joins, answers and solves, {seconds:.0f} s in all")
    print(
        f"in the room at last: {last.students}; {last.answered} knew of an answer of theirs, "
        f"{last.solved} of a solved task"
    )
    print(f"lost, by round: {[len(round.lost) for round in outcomes]}")
    print(f"all were back after the server was up, seconds at most: {slowest:.2f}")
    if any(round.lost for round in outcomes) or slowest > OLDEST:
        raise SystemExit("what a room had acknowledged was lost, or somebody was late")


def main() -> None:
    """Run what is asked for."""
    what = sys.argv[1] if len(sys.argv) > 1 else "all"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    if what in ("saves", "all"):
        saves(rounds)
    if what in ("sessions", "all"):
        sessions(rounds)
    if what in ("rooms", "all"):
        rooms(rounds)


if __name__ == "__main__":
    main()
