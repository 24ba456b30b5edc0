"""Clients that are generated from /openapi.json: all that can be asked is in them, and it works."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.browser.harness import Server, running_server

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


def test_every_operation_comes_out_and_a_run_is_trained_and_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"post_hooks": []}), "utf-8")
    made = str(tmp_path / "shallows_client")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += [
        "--url",
        f"{server.url}openapi.json",
        "--output-path",
        made,
        "--config",
        str(config),
    ]
    generated = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60)
    assert generated.returncode == 0, generated.stdout
    assert "will not be generated" not in generated.stdout
    monkeypatch.syspath_prepend(tmp_path)

    def of(module: str) -> Any:
        return importlib.import_module(f"shallows_client.{module}")

    models, client = of("models"), of("client").Client(base_url=server.url)
    with client:
        plan = models.TrainRequest(
            data=models.NamedData(dataset=models.NamedDataDataset.GAUSS, examples=100),
            network=models.NetworkPlan(layers=[models.Layer(units=2)]),
            training=models.Training(iterations=300),
        )
        start = of("api.train.start_train_post")
        run = start.sync(client=client, body=plan, wait=30.0)
        assert (run.status.value, run.iteration) == ("finished", 300)
        asked = models.PredictRequest(model=run.id, points=[[3.0, 3.0], [-3.0, -3.0]])
        answer = of("api.predict.predict_predict_post").sync(client=client, body=asked)
        assert sorted(answer.labels) == [0, 1]
        table = of("types").File(payload=b"a,b,c\n1,2,0\n3,4,1\n")
        read = of("api.uploads.table_datasets_table_post").sync(client=client, body=table)
        assert [column["name"] for column in read.columns] == ["a", "b", "c"]
        defaults = start.sync(client=client, body=models.TrainRequest(), wait=0.1)
        assert defaults.iterations == 5000
        described = client.get_httpx_client().get("/openapi.json").json()

    operations = sum(method in METHODS for path in described["paths"].values() for method in path)
    assert len(list(Path(made, "api").glob("*/[!_]*.py"))) == operations > 40


def test_no_default_is_an_object(inline: TestClient) -> None:
    """What its own fields say need not be said again, and no generator can hold it."""

    def faults(value: Any, at: str) -> Iterator[str]:
        if isinstance(value, dict):
            default = value.get("default") if "properties" not in at.split("/")[-1:] else None
            if isinstance(default, dict) or (
                isinstance(default, list) and dict in map(type, default)
            ):
                yield at
            for name, inner in value.items():
                if name not in {"example", "examples"}:
                    yield from faults(inner, f"{at}/{name}")
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from faults(inner, f"{at}/{index}")

    assert list(faults(inline.get("/openapi.json").json(), "")) == []
