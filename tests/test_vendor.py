"""static/vendor is what the pinned npm packages hold, with licences, and all the CSP allows."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from app.content.assets import plotly_script

ROOT = Path(__file__).parent.parent
VENDOR = ROOT / "static" / "vendor"
VERSIONS: dict[str, dict[str, str]] = json.loads((VENDOR / "versions.json").read_text())
LOCKED: dict[str, dict[str, Any]] = json.loads((ROOT / "package-lock.json").read_text())["packages"]
SCRIPTS = {"plotly-basic", "swagger-ui-dist"}
MODULES = sorted(
    path for path in VENDOR.rglob("*.js") if path.relative_to(VENDOR).parts[0] not in SCRIPTS
)

IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*["']([^"']+)["']""")
# Plotly and Swagger UI are left out: of these they have fallbacks that no current browser takes,
# and loaders that ask only for what they are told to; both run in a real browser under the real
# policy in the page's tests, which let no request to another host pass.
FORBIDDEN = re.compile(
    r"\beval\(|\bFunction\(|\bimport\(|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon"
)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_vendor_is_what_the_script_makes_of_the_pinned_packages(tmp_path: Path) -> None:
    node = which("node")
    assert node, "node is missing: `make test` installs it, or says how"
    assert (ROOT / "node_modules").is_dir(), "node_modules is missing: run npm ci"
    subprocess.run([node, ROOT / "scripts" / "vendor.mjs", tmp_path], check=True, cwd=ROOT)
    made, kept = files(tmp_path), files(VENDOR)
    assert sorted(made) == sorted(kept)
    assert [name for name in kept if made[name] != kept[name]] == []


def test_every_package_is_recorded_with_its_locked_version_and_licence() -> None:
    assert sorted(VERSIONS) == sorted(path.name for path in VENDOR.iterdir() if path.is_dir())
    for folder, record in VERSIONS.items():
        locked = LOCKED[f"node_modules/{record['package']}"]
        assert (record["version"], record["integrity"]) == (locked["version"], locked["integrity"])
        assert record["license"]
        assert (VENDOR / folder / "LICENSE").stat().st_size > 500


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(VENDOR)))
def test_a_module_is_complete_and_keeps_to_the_page_s_policy(module: Path) -> None:
    source = module.read_text()
    assert FORBIDDEN.findall(source) == []
    for target in IMPORT.findall(source):
        assert target.startswith("."), f"{target} would need an import map"
        assert (module.parent / target).is_file(), target


def test_the_part_of_plotly_that_the_page_begins_with_is_of_the_same_version_as_the_whole() -> None:
    with plotly_script().open() as whole:
        assert f"plotly.js v{VERSIONS['plotly-basic']['version']}\n" in whole.read(200)


def test_nothing_asks_the_browser_for_a_source_map() -> None:
    sources = [*VENDOR.rglob("*.js"), *VENDOR.rglob("*.css")]
    assert [str(path) for path in sources if "sourceMappingURL=" in path.read_text()[-500:]] == []
