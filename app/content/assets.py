"""The files of the page: read once, compressed once, under an address that says their content.

The address of everything in static/ begins with a digest of all of it, so a browser may keep each
file for ever, and relative imports between modules stay within one version.
"""

import gzip
import hashlib
import importlib.metadata
import importlib.util
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from app.links import server_path
from app.places import ROOT

STATIC = ROOT / "static"
TEMPLATES = ROOT / "templates"

# The system's own table differs from machine to machine, so the types stand here.
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
COMPRESSED = (".js", ".mjs", ".css", ".svg", ".json", ".txt", ".html", ".webmanifest")
SERVED = (*COMPRESSED, ".png", ".ico", ".woff2")


@dataclass(frozen=True)
class Asset:
    """One file."""

    path: Path

    @property
    def media_type(self) -> str:
        """Its Content-Type."""
        guessed = mimetypes.guess_type(self.path.name)[0]
        return TYPES.get(self.path.suffix) or guessed or "application/octet-stream"

    @cached_property
    def content(self) -> bytes:
        """Its bytes."""
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes | None:
        """Its bytes gzipped, if that helps."""
        if self.path.suffix not in COMPRESSED:
            return None
        return gzip.compress(self.content, compresslevel=6, mtime=0)


@dataclass(frozen=True)
class Assets:
    """Every file the page may ask for, by the path after its base address."""

    files: dict[str, Asset] = field(default_factory=dict)

    @classmethod
    def find(cls) -> "Assets":
        """Those of static/, and Plotly's script from the Python package."""
        files = {
            path.relative_to(STATIC).as_posix(): Asset(path)
            for path in sorted(STATIC.rglob("*"))
            if path.suffix in SERVED and path.is_file()
        }
        return cls({**files, "plotly.min.js": Asset(plotly_script())})

    @cached_property
    def digest(self) -> str:
        """A short digest of all names and contents; Plotly's version stands for its content."""
        digest = hashlib.sha256(importlib.metadata.version("plotly").encode())
        for name, asset in self.files.items():
            digest.update(name.encode())
            if name != "plotly.min.js":
                digest.update(asset.content)
        return digest.hexdigest()[:12]

    @property
    def base(self) -> str:
        """The address under which they are."""
        return server_path(f"/static/{self.digest}")

    def url(self, name: str) -> str:
        """The address of one."""
        return f"{self.base}/{name}"

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """The names of the modules that the page begins with, to fetch at once.

        Those of js/labs/ come when their panel is first opened, those of js/lessons/ with a lesson,
        those of js/classroom/ with a room, the second way to the server where it is needed.
        """
        return tuple(
            name
            for name in self.files
            if name.startswith(("js/", "vendor/"))
            and not name.startswith(("js/classroom/", "js/labs/", "js/lessons/"))
            and name.endswith((".js", ".mjs"))
            and not name.startswith("vendor/swagger-ui-dist/")
            and name not in {"js/docs.js", "js/early-theme.js", "js/plain-socket.js"}
        )


def finder(reload: bool) -> Callable[[], Assets]:
    """What gives the files: found once, or for work on the page as they are when one asks.

    Then each edit is a new digest, and so a new address that no browser has kept.
    """
    once = lru_cache(maxsize=1)(lambda edited: Assets.find())
    return lambda: once(_edited() if reload else None)


def _edited() -> tuple[tuple[str, int], ...]:
    """The names in static/ and when each was last edited."""
    return tuple(
        (str(path), path.stat().st_mtime_ns) for path in sorted(STATIC.rglob("*")) if path.exists()
    )


def plotly_script() -> Path:
    """plotly.min.js as the Python package ships it; importing the package would take a second."""
    spec = importlib.util.find_spec("plotly")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"
