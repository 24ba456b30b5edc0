"""From nothing to the page: what somebody waits for who has uv and has never had Shallows.

python -m benchmarks.wheel_bench [TIMES]

Each time the wheel is another file for uv, and so is its environment; the libraries that it needs
are in uv's cache, where the first time puts them.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.browser.harness import ROOT
from tests.wheel import UV, build, environment

MOST_SECONDS, MOST_MEGABYTES = 10.0, 6.0
PATIENCE = 120.0


def seconds_to_the_page(wheel: Path, folder: Path, cache: str) -> float:
    """From `uvx` in an empty folder to the whole page."""
    folder.mkdir()
    command = [str(UV), "tool", "run", "--quiet", "--from", str(wheel), "shallows", "--port", "0"]
    environ = environment(folder) | {"UV_CACHE_DIR": cache}
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        lines = (re.search(r"http://localhost\S+", line) for line in process.stdout)
        found = next(filter(None, lines))
        with urllib.request.urlopen(found[0], timeout=PATIENCE) as answer:
            assert b"</html>" in answer.read()
        took = time.monotonic() - began
        process.terminate()
    return took


def main(times: int) -> None:
    """Print what it takes, and fail if that is too much."""
    cache = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        took = []
        for index in range(times + 1):
            wheel = build(ROOT, Path(folder, f"built{index}"), "wheel")[".whl"]
            home = Path(folder, f"empty{index}")
            took.append(seconds_to_the_page(wheel, home, cache.stdout.strip()))
        megabytes = wheel.stat().st_size / 1e6
    first, *rest = took
    print("| what | measured | at most |\n|---|---|---|")
    print(f"| size of the wheel | {megabytes:.1f} MB | {MOST_MEGABYTES:g} MB |")
    print(
        f"| `uvx --from dist/*.whl shallows` in an empty folder, until the page is there, {times} "
        f"times | median {statistics.median(rest):.1f} s, slowest {max(rest):.1f} s | "
        f"{MOST_SECONDS:g} s |"
    )
    print(f"the first time, which also fills what uv's cache lacked: {first:.1f} s")
    if statistics.median(rest) > MOST_SECONDS or megabytes > MOST_MEGABYTES:
        raise SystemExit("it takes too long, or too much")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
