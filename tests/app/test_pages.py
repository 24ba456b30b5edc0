"""The page's HTML, its files, and the API's own page."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import nncore
from app import __version__
from app.content.assets import Assets
from app.content.catalogue import catalogue
from tests.app.conftest import services_of


@pytest.fixture(scope="module")
def html(inline: TestClient) -> str:
    answer = inline.get("/")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    return answer.text


def test_everything_the_page_names_is_there_and_its_own(inline: TestClient, html: str) -> None:
    urls = set(re.findall(r'="(/[^"#]*)"', html))
    assert any(url.endswith("plotly.min.js") for url in urls)
    assert any(url.endswith("js/main.js") for url in urls)
    for url in urls:
        assert url.startswith("/"), url
        assert inline.get(url).status_code == 200, url


def test_every_module_is_preloaded_and_imports_only_what_is_served(inline: TestClient) -> None:
    assets = services_of(inline).assets
    modules = set(assets.modules)
    reached, waiting = set(), ["js/main.js"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        source = assets.files[name].content.decode()
        for target in re.findall(r"(?:from|import)\s*['\"](\.[^'\"]+)['\"]", source):
            folder = name.rsplit("/", 1)[0]
            path = [*folder.split("/")]
            for part in target.split("/"):
                if part == "..":
                    path.pop()
                elif part != ".":
                    path.append(part)
            waiting.append("/".join(path))
    assert reached <= modules


def test_a_page_without_a_room_has_two_kilobytes_of_a_class_at_most(
    inline: TestClient, html: str
) -> None:
    files = services_of(inline).assets.files
    urls = re.findall(r'="/static/[^/]+/([^"#]*)"', html)
    assert [url for url in urls if re.search("room|join", url)] == ["js/views/classroom.js"]
    button = re.search(r'<button[^>]*id="class".*?</button>', html, re.DOTALL)
    assert button is not None
    assert len(files["js/views/classroom.js"].content) + len(button[0]) <= 2_000


def test_the_catalogue_is_nncores_own_numbers(html: str) -> None:
    found = re.search(r'id="catalogue">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    sent = json.loads(found[1])
    assert [entry["name"] for entry in sent["activations"]] == list(nncore.ACTIVATIONS)
    tanh = sent["activations"][1]
    np.testing.assert_allclose(tanh["g"], np.tanh(tanh["z"]), atol=1e-4)
    np.testing.assert_allclose(tanh["g_prime"], 1 - np.tanh(tanh["z"]) ** 2, atol=1e-4)
    assert sent["defaults"]["data"] == {
        "dataset": "circle",
        "examples": 200,
        "noise": 0.1,
        "label_flips": 0,
        "seed": 0,
        "train_fraction": 0.75,
        "features": ["x1", "x2"],
    }
    assert sent["defaults"]["training"]["learning_rate"] == 0.3
    for table, task in (("datasets", "classification"), ("regression_datasets", "regression")):
        named = [name for name, dataset in nncore.DATASETS.items() if dataset.task == task]
        assert [entry["name"] for entry in sent[table]] == named
    assert all(entry["sample"]["points"] for entry in catalogue()["datasets"])


def test_files_are_compressed_typed_and_kept_for_ever(inline: TestClient) -> None:
    assets = services_of(inline).assets
    for name, kind in (
        ("plotly.min.js", "text/javascript"),
        ("js/main.js", "text/javascript"),
        ("css/tokens.css", "text/css"),
        ("favicon.svg", "image/svg+xml"),
    ):
        answer = inline.get(assets.url(name), headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"].startswith(kind)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.content == assets.files[name].content
        compressed = assets.files[name].compressed
        assert compressed is not None
        assert gzip.decompress(compressed) == answer.content
        plain = inline.get(assets.url(name), headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content


@pytest.mark.parametrize(
    "name", ["js/nothing.js", "../app/main.py", "..%2fpyproject.toml", "js/types/plotly.d.ts"]
)
def test_nothing_else_is_served(inline: TestClient, name: str) -> None:
    assets = services_of(inline).assets
    assert inline.get(assets.url(name)).status_code == 404
    assert inline.get("/static/another/js/main.js").status_code == 404


def test_the_address_changes_with_the_content() -> None:
    assets = Assets.find()
    changed = Assets({**assets.files, "js/new.js": assets.files["js/main.js"]})
    assert changed.digest != assets.digest
    assert Assets.find().digest == assets.digest


def test_the_apis_page_needs_no_other_host(inline: TestClient) -> None:
    page = inline.get("/docs").text
    assert "http" not in page
    for url in re.findall(r'(?:href|src)="(/static[^"]+)"', page):
        assert inline.get(url).status_code == 200


def test_openapi_has_the_paths_examples_and_bounds(inline: TestClient, root: Path) -> None:
    api = inline.get("/openapi.json").json()
    # Every call of protocol.md is there; of the others some are streams, and some are pages.
    others = {("POST", "/ws"), ("POST", "/ws/up"), ("POST", "/rooms/{}/stream")}
    others |= {("GET", "/r/{}"), ("GET", "/j")}
    protocol = (root / "docs" / "protocol.md").read_text("utf-8")
    calls = re.findall(r"`(GET|POST|DELETE) (/[^\s?`…]*)[\s?`]", protocol)
    assert len(calls) > 40
    assert {(method, re.sub(r"{\w+}", "{}", path)) for method, path in calls} - others == {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, operations in api["paths"].items()
        for method in operations
        if method == "post" or "/{name}/" not in path  # which one can take away
    }
    body = api["paths"]["/train"]["post"]["requestBody"]["content"]["application/json"]
    assert body["examples"]["defaults"]["value"] == {}
    rate = api["components"]["schemas"]["Training"]["properties"]["learning_rate"]
    assert (rate["exclusiveMinimum"], rate["maximum"]) == (0, 100)
    activation = api["components"]["schemas"]["Layer"]["properties"]["activation"]
    assert activation["enum"] == list(nncore.ACTIVATIONS)


def test_the_server_says_which_version_it_is(inline: TestClient) -> None:
    answer = inline.post("/version", headers={"origin": "http://testserver"}).json()
    assets = services_of(inline).assets
    assert answer == {"version": __version__, "page": assets.digest}
    assert inline.get("/openapi.json").json()["info"]["version"] == __version__


def test_every_example_of_openapi_works(inline: TestClient) -> None:
    api = inline.get("/openapi.json").json()
    body = api["paths"]["/train"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        answer = inline.post("/train", params={"wait": 30}, json=example["value"])
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "finished"


@pytest.mark.parametrize("path", ["/j", "/j/K7M4QX", "/rooms/none", "/rooms/none/screen"])
def test_the_pages_of_a_room_are_the_same_for_everybody(inline: TestClient, path: str) -> None:
    answer = inline.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    urls = set(re.findall(r'="(/[^"#]*)"', answer.text))
    assert sum("/js/classroom/" in url for url in urls) == 1
    for url in urls:
        assert inline.get(url).status_code == 200, url
