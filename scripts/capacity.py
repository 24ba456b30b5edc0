"""Where a cluster breaks first, on paper: from what `benchmarks/capacity_bench.py` has measured.

python scripts/capacity.py    writes the tables into docs/cluster.md

Every part costs so much for each student and so much for each frame; that is fitted to the measured
classes, and each class is predicted from the others. What is seen on the walls of a room costs so
much for each tile; each room that was measured is predicted from the others, too. The rest is
multiplication, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
MEASURED = ROOT / "benchmarks" / "capacity.json"
PAGE = ROOT / "docs" / "cluster.md"
BEGIN, END = "<!-- made by scripts/capacity.py -->\n", "<!-- until here -->\n"

FRAMES = 15.0
"""A second, of each student: what a class of a hundred has on two cores."""
TILES = 1.0
"""A second, of each student in a room, on the teacher's page and on the projector."""
ROOM = 30
"""Students of a room, where one is spoken of."""
SIZES = (100, 300, 1_000, 3_000, 10_000)
FULL = 0.7
"""Of a processor, from which on what waits in line is felt."""
BEATS = 2.0
"""A second, of each web server."""
RELAY = 203e-6
"""Seconds of processor for a frame that a server passes on (docs/performance.md)."""
RELAYED = 0.5
"""Of the streams of rooms: two servers, and a proxy that does not know who opened a room."""
CORES = {"PostgreSQL": 4, "nginx": 2}
SERVERS, NODES, NODE_CORES = 2, 2, 8
PLACES = 1_400
"""At one server, as it is set: sessions, and those of rooms' members."""
STREAMS = 4_096
"""Through one process of nginx, as deploy/nginx-cluster.conf has it: two connections each."""
LINE = 1e9
"""Bits a second."""
ACTOR_MB, WORKER_MB = 115, 56
"""Of Ray's nodes: of each processor, and there of each web server (docs/decisions/0027-ray.md)."""
MOST_SERVERS = 32
"""Web servers that one processor of a node serves."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """Of one part: cores, bytes or megabytes for the whole, a student, and a frame a second."""

    base: float = 0.0
    student: float = 0.0
    frame: float = 0.0

    def of(self, students: float, frames: float) -> float:
        """Of so many students, and frames of all of them."""
        return self.base + self.student * students + self.frame * frames


def fitted(points: Sequence[Json], what: str, terms: str) -> Cost:
    """The costs that explain what was measured; none is negative.

    Args:
        terms: Which there are: letters of base, student, frame.
    """
    names = [name for name in ("base", "student", "frame") if name[0] in terms]
    values = {
        "base": [1.0 for _ in points],
        "student": [point["students"] for point in points],
        "frame": [point["frames"] for point in points],
    }
    measured = np.array([point[what] for point in points])
    while True:
        # Relative to what was measured: a class of ten counts as much as one of three hundred.
        columns = np.array([values[name] for name in names]).T / measured[:, None]
        found = np.linalg.lstsq(columns, np.ones(len(points)), rcond=None)[0]
        if found.min() >= 0 or len(names) == 1:
            return Cost(**dict(zip(names, found, strict=True)))
        del names[int(found.argmin())]


PARTS = {
    "hosts": ("hosts", "sf"),
    "web": ("web", "sf"),
    "PostgreSQL": ("database", "bs"),
    "nginx": ("proxy", "f"),
    "bytes": ("sent", "f"),
    "memory": ("memory", "bs"),
}
"""What each part's cost is in the measured points, and what it depends on."""
COLUMNS = ("hosts", "web", "PostgreSQL", "nginx")
"""Those that use processors."""
PASSED_ON = ("web", "nginx", "bytes")
"""Those that a tile goes through."""


def tile_costs(rooms: Sequence[Json]) -> dict[str, float]:
    """What a tile on both walls costs what passes it on: all that was measured, by all tiles.

    What walls take is little beside a class, and a single room's is hardly more than chance.
    """
    tiles = sum(room["tiles"] for room in rooms)
    costs = {name: sum(room[PARTS[name][0]] for room in rooms) / tiles for name in PASSED_ON}
    return {name: max(0.0, cost) for name, cost in costs.items()}


def tiles_of(measured: Json) -> dict[str, float]:
    """What a tile costs each part, as the machine of the classes would have had it.

    Rooms may have been measured on another day, when a frame took `pace` times as long.
    """
    costs = tile_costs(measured["rooms"]) | {"hosts": measured["tile_seconds"]}
    for name in COLUMNS:  # the bytes are as many
        costs[name] = costs.get(name, 0.0) / measured["pace"]
    return costs


class Model:
    """The costs of all parts."""

    def __init__(
        self, points: Sequence[Json], beat_ms: dict[str, float], tiles: dict[str, float]
    ) -> None:
        self.parts = {name: fitted(points, *how) for name, how in PARTS.items()}
        self.tiles = tiles
        self._sessions = np.array([float(key) for key in beat_ms])
        self._beats = np.array(list(beat_ms.values())) / 1000

    def beat(self, sessions: float) -> float:
        """Seconds of PostgreSQL for a beat, when there are so many sessions; a straight line."""
        slope, base = np.polyfit(self._sessions, self._beats, 1)
        return float(base + slope * sessions)

    def web_servers(self, students: float) -> int:
        """How many event loops that takes."""
        base = self.parts["web"].base
        passed_on = RELAYED * students * FRAMES * RELAY
        each = (self.cores("web", students) - base + passed_on) / (FULL - base)
        return max(1, int(np.ceil(each)))

    def database(self, students: float) -> float:
        """Cores of PostgreSQL."""
        beats = self.web_servers(students) * BEATS * self.beat(students)
        return self.cores("PostgreSQL", students) + beats

    def nodes_gb(self, students: float) -> float:
        """Memory of Ray's nodes: each web server has a process of its own at each processor."""
        processors = np.ceil(self.cores("hosts", students) / FULL)
        return float(processors * (ACTOR_MB + WORKER_MB * self.web_servers(students)) / 1000)

    def cores(self, part: str, students: float) -> float:
        """That a part uses, for students in rooms that are looked at."""
        class_alone = self.parts[part].of(students, students * FRAMES)
        return class_alone + self.tiles[part] * students * TILES


def most(fits: Callable[[float], bool]) -> int:
    """The most students, in hundreds, for whom something is enough."""
    low, high = 0, 10_000
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(100 * middle) else (low, middle - 1)
    return 100 * low


def predicted(points: Sequence[Json]) -> list[tuple[Json, dict[str, float]]]:
    """Each class, and what its parts cost by the costs fitted to the others."""
    found = []
    for point in points:
        others = [other for other in points if other is not point]
        of = {
            name: fitted(others, *PARTS[name]).of(point["students"], point["frames"])
            for name in COLUMNS
        }
        found.append((point, of))
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, as Markdown has it."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |".replace(" --- ", "---") for cells in lines]


def costs(model: Model) -> list[str]:
    """What a student and a frame cost."""
    rows = []
    for name in COLUMNS:
        cost = model.parts[name]
        student, frame = f"{1000 * cost.student:.2f} ms a second", f"{1e6 * cost.frame:.0f} µs"
        tile = f"{1e6 * model.tiles[name]:.0f} µs"
        room = f"{1000 * model.tiles[name] * TILES * ROOM:.1f} ms a second"
        rows.append([name, student, frame, tile, room, f"{cost.base:.3f} of a core"])
    tile_size = model.tiles["bytes"] / 1000
    size, memory = model.parts["bytes"].frame / 1000, model.parts["memory"]
    beats = [1000 * model.beat(sessions) for sessions in (0, 10_000)]
    return [
        "Processor time of each part, fitted to the classes below:",
        "",
        *table(["part", "a student", "a frame", "a tile", f"a room of {ROOM}", "always"], rows),
        "",
        "A tile is what a teacher's page and a projector show of a student. A room is what it "
        f"costs while both are open, beside its students: {TILES:.0f} tile a second of each.",
        "",
        f"A frame is {size:.1f} kB on the network, a tile {tile_size:.1f} kB for both. A student "
        f"takes {memory.student:.2f} MB, a server with two workers {memory.base:.0f} MB.",
        f"A beat takes PostgreSQL {beats[0]:.1f} ms, and {beats[1]:.1f} ms with 10,000 sessions.",
    ]


def checked(points: Sequence[Json]) -> list[str]:
    """The measured classes, and what the others predict of each."""
    rows = []
    for point, predictions in predicted(points):
        cells = [f"{point[PARTS[name][0]]:.3f} ({predictions[name]:.3f})" for name in COLUMNS]
        rows.append([str(point["students"]), f"{point['frames']:.0f}", *cells])
    return [
        "Cores that were measured, all on two, and in brackets what the other rows predict:",
        "",
        *table(["students", "frames a second, all", *COLUMNS], rows),
    ]


def checked_rooms(rooms: Sequence[Json], pace: float) -> list[str]:
    """What two walls took of each room, and what the others predict of each."""
    rows = []
    for room in rooms:
        costs = tile_costs([other for other in rooms if other is not room])
        cells = [
            f"{room[PARTS[name][0]]:.4f} ({costs[name] * room['tiles']:.4f})"
            for name in ("web", "nginx")
        ]
        sent = f"{room['sent'] / 1000:.0f} ({costs['bytes'] * room['tiles'] / 1000:.0f})"
        rows.append([str(room["students"]), f"{room['tiles']:.0f}", *cells, sent])
    slower = (
        f"These are of a day when a frame took {pace:.1f} times as long; above, and in what "
        "follows, processors' figures are divided by that. "
    )
    return [
        "Cores that the two walls of a room took beyond its class, and kB a second to them; in "
        f"brackets what the other rooms predict. {slower if pace != 1 else ''}"
        "What a tile takes of a host was measured by itself.",
        "",
        *table(["students", "tiles a second", "web", "nginx", "kB/s"], rows),
    ]


def plan(model: Model) -> list[str]:
    """What so many students need."""
    rows = []
    memory = model.parts["memory"]
    for students in SIZES:
        servers = model.web_servers(students)
        rows.append(
            [
                f"{students:,}",
                f"{model.cores('hosts', students) / FULL:.1f}",
                str(servers),
                f"{model.database(students) / FULL:.1f} cores",
                f"{model.cores('nginx', students) / FULL:.1f} cores",
                f"{8 * model.cores('bytes', students) / 1e6:,.0f} Mbit/s",
                f"{(memory.base * servers + memory.student * students) / 1000:.1f} GB",
                f"{model.nodes_gb(students):,.0f} GB" if servers <= MOST_SERVERS else "too many",
            ]
        )
    return [
        f"On paper, all in rooms that are looked at, with {FRAMES:.0f} frames a second for each "
        f"student, no processor busier than {FULL:.0%}, and every second stream passed on by "
        "another server than its owner:",
        "",
        *table(
            [
                *("students", "cores for hosts", "web servers", "PostgreSQL", "nginx"),
                *("to the students", "memory", "and of Ray's nodes"),
            ],
            rows,
        ),
    ]


def breaks(model: Model) -> list[str]:
    """What is full first, and next."""
    cores, streams = NODES * NODE_CORES, STREAMS * CORES["nginx"]
    limits = [
        (
            most(lambda n: model.web_servers(n) <= SERVERS),
            f"the event loops of {SERVERS} web servers",
            "a web server: its address in the proxy's `upstream`",
        ),
        (
            most(lambda n: model.cores("hosts", n) <= FULL * cores),
            f"{cores} cores of nodes",
            "a node: `ray start`; sessions move there within a minute",
        ),
        (
            most(lambda n: model.database(n) <= FULL * CORES["PostgreSQL"]),
            f"{CORES['PostgreSQL']} cores of PostgreSQL",
            "cores for it, there is but one; then a second cluster with a database of its own",
        ),
        (
            most(lambda n: model.cores("nginx", n) <= FULL * CORES["nginx"]),
            f"{CORES['nginx']} cores of nginx",
            "cores, or a second nginx with the same file: it hashes the same",
        ),
        (
            streams,
            f"{streams:,} streams through {CORES['nginx']} processes of nginx",
            "`worker_connections`, and `worker_rlimit_nofile` with it",
        ),
        (
            most(lambda n: 8 * model.cores("bytes", n) <= FULL * LINE),
            f"a line of {LINE / 1e9:.0f} Gbit/s to the students",
            "a second line and proxy, or a wider one",
        ),
        (
            most(lambda n: model.web_servers(n) <= MOST_SERVERS),
            f"{MOST_SERVERS} web servers at each processor of Ray",
            "a second Ray cluster, for the other web servers: each has a process at each processor",
        ),
        (
            SERVERS * PLACES,
            f"places: {PLACES:,} at each server, 1,000 of them for members of rooms",
            "`SHALLOWS_MAX_SESSIONS`, `SHALLOWS_MAX_ROOM_SESSIONS`",
        ),
    ]
    rows = [[f"{at:,} students", what, then] for at, what, then in sorted(limits)]
    start = (
        f"{SERVERS} web servers, {NODES} nodes of {NODE_CORES} cores, PostgreSQL on "
        f"{CORES['PostgreSQL']} cores, nginx on {CORES['nginx']} and a line of "
        f"{LINE / 1e9:.0f} Gbit/s"
    )
    return [
        f"What breaks first, of {start}:",
        "",
        *table(["at", "what is full", "what is added then"], rows),
    ]


def tables(measured: Json) -> str:
    """What stands in docs/cluster.md."""
    points = measured["points"]
    model = Model(points, measured["beat_ms"], tiles_of(measured))
    rooms = checked_rooms(measured["rooms"], measured["pace"])
    parts = [costs(model), checked(points), rooms, plan(model), breaks(model)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def written(page: str, text: str) -> str:
    """A page with the tables in their place."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"{PAGE.name} has no place for the tables")
    return before + BEGIN + text + END + after


def main() -> None:
    """Write the tables."""
    page = PAGE.read_text(encoding="utf-8")
    new = written(page, tables(json.loads(MEASURED.read_text(encoding="utf-8"))))
    PAGE.write_text(new, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
