"""What helps to hand out an address: where the server is for others, QR codes."""

import re
import socket
import subprocess
import sys
from collections.abc import Collection
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import psutil
import pytest
import zxingcpp
from fastapi.testclient import TestClient

from app import links
from app.exports.qr import MOST_CHARACTERS
from app.links import addresses, in_url, lan_address

LONGEST = "https://shallows.example/#" + "a=%E2%88%921&" * 50


def seen(svg: str) -> str:
    """What a camera reads in an SVG of rows such as M4 4.5h7m2 0h1m-10 1h7."""
    root = ElementTree.fromstring(svg)
    width, height = (int(text) for text in root.attrib["viewBox"].split()[2:])
    square = np.full((height, width), 255, np.uint8)
    line = root.findall("{http://www.w3.org/2000/svg}path")[1]
    x = y = 0.0
    for step, numbers in re.findall(r"([Mmh])([-\d. ]+)", line.attrib["d"]):
        first, *second = (float(number) for number in numbers.split())
        if step == "h":
            square[int(y), int(x) : int(x + first)] = 0
            x += first
        else:
            x, y = (first, second[0]) if step == "M" else (x + first, y + second[0])
    (code,) = zxingcpp.read_barcodes(np.kron(square, np.ones((4, 4), np.uint8)))
    return str(code.text)


@pytest.mark.parametrize(
    "address",
    ["http://10.0.0.7:8000", "https://shallows.example/r/Ab-_9?x=1#a=b&c=d", LONGEST[:500]],
)
def test_a_camera_reads_the_address(inline: TestClient, address: str) -> None:
    answer = inline.get("/qr.svg", params={"address": address})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"
    assert seen(answer.text) == address


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("javascript:alert(1)", "must begin with http:// or https://"),
        ("http://a b", "no spaces"),
        ("", "1"),
        (LONGEST[: MOST_CHARACTERS + 1], "500"),
    ],
)
def test_what_no_code_is_made_of(inline: TestClient, address: str, says: str) -> None:
    answer = inline.get("/qr.svg", params={"address": address})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "address"
    assert says in answer.json()["detail"]


def test_only_who_sits_at_the_server_hears_its_address(inline: TestClient) -> None:
    there = TestClient(inline.app, client=("10.0.0.9", 1))
    there.portal = inline.portal
    assert there.get("/address").json() == {"lan": None}
    host = inline.app.state.services.settings.host  # type: ignore[attr-defined]
    for address in ("127.0.0.1", "::1"):
        here = TestClient(inline.app, client=(address, 1))
        here.portal = inline.portal
        assert here.get("/address").json() == {"lan": lan_address(host)}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_server_for_this_machine_alone_has_no_address_for_others(host: str) -> None:
    assert lan_address(host) is None
    assert addresses(host) == [host]


def test_the_address_for_others_is_one_of_this_machine() -> None:
    assert lan_address("192.168.1.20") == "192.168.1.20"
    found = lan_address("0.0.0.0")
    assert addresses("0.0.0.0") == [*filter(None, [found]), "localhost"]
    if found is not None:
        socket.create_server((found, 0)).close()


NETWORKS = {
    "lo": ["127.0.0.1"],
    "docker0": ["172.17.0.1"],
    "vEthernet (WSL)": ["172.20.0.1"],
    "eth0": ["192.168.1.5"],  # nothing is plugged in
    "wlan1": ["169.254.7.7"],
    "wlan0": ["10.42.0.1"],
}


@pytest.mark.parametrize(("up", "address"), [({*NETWORKS} - {"eth0"}, "10.42.0.1"), ({"lo"}, None)])
def test_a_network_that_leads_nowhere_else_has_an_address_too(
    up: Collection[str], address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classroom's, without the Internet: a hotspot of the teacher's laptop."""
    monkeypatch.setattr(links, "IN_A_CONTAINER", ())
    monkeypatch.setattr(links, "FAR_AWAY", ("255.255.255.255", 9))  # which has no way, without more
    states = {name: SimpleNamespace(isup=name in up) for name in NETWORKS}
    monkeypatch.setattr(psutil, "net_if_stats", lambda: states)
    entries = {
        name: [SimpleNamespace(family=socket.AF_INET, address=one) for one in each]
        for name, each in NETWORKS.items()
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: entries)
    assert lan_address("0.0.0.0") == address


def test_an_address_of_ipv6_has_brackets_in_a_link() -> None:
    assert in_url("2001:db8::1") == "[2001:db8::1]"
    assert in_url("192.168.1.20") == "192.168.1.20"
    assert in_url("localhost") == "localhost"


def test_a_terminal_shows_a_code() -> None:
    program = "from app.exports.qr import in_terminal; in_terminal('http://10.0.0.7:8000')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    lines = ran.stdout.decode().splitlines()
    assert len(lines) >= 14  # two rows of squares a line
    assert "\N{LOWER HALF BLOCK}" in ran.stdout.decode()
