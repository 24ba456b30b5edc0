"""Clients that are generated from /openapi.json: all that can be asked is in them, and it works."""

import importlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.browser.harness import ROOT, Server, running_server

METHODS = {"get", "put", "post", "delete", "patch"}

# openapi-typescript needs TypeScript 5. In its place is TypeScript 7, which has no such interface.
GENERATE = """
const path = require.resolve('typescript');
require.cache[path] = { id: path, filename: path, loaded: true, exports: require('typescript-5') };
const { default: generate, astToString } = require('openapi-typescript');
generate(new URL(process.argv[1]), { defaultNonNullable: false })
  .then((types) => console.log(astToString(types)));
"""
# What somebody would write who has these types: it trains, asks, and is wrong once.
PROGRAM = """
import type { components, paths } from './shallows';
type Plan = components['schemas']['TrainRequest'];
type Answer<O extends { responses: { 200: { content: { 'application/json': unknown } } } }> =
  O['responses'][200]['content']['application/json'];
declare const process: { argv: string[] };
async function post<P extends keyof paths & ('/train' | '/predict')>(
  path: P, query: string, body: paths[P]['post']['requestBody']['content']['application/json'],
): Promise<Answer<paths[P]['post']>> {
  const answer = await fetch(process.argv[2] + path.slice(1) + query, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  return answer.json();
}
const plan: Plan = {
  data: { dataset: 'gauss', examples: 100 },
  network: { layers: [{ units: 2, activation: 'tanh' }] },
  training: { iterations: 300 },
};
// @ts-expect-error there is no such activation
const wrong: Plan = { network: { layers: [{ units: 2, activation: 'tan' }] } };
// @ts-expect-error nor such a setting
const unknown: Plan = { training: { iteration: 300 } };
const run = await post('/train', '?wait=30', plan);
const iteration: number = run.iteration;
const status: 'finished' | (typeof run)['status'] = run.status;
const { labels } = await post('/predict', '', { model: run.id, points: [[3, 3], [-3, -3]] });
console.log(JSON.stringify({ status, iteration, labels: [...(labels ?? [])].sort() }));
export {};
"""


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
    generated = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)
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


def node(*command: str, cwd: Path = ROOT) -> str:
    """What Node.js prints."""
    ended = subprocess.run(
        ["node", *command], cwd=cwd, capture_output=True, encoding="utf-8", timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_every_operation_has_its_types_and_they_train_and_ask(
    server: Server, tmp_path: Path
) -> None:
    with urllib.request.urlopen(f"{server.url}openapi.json", timeout=60) as answer:
        described = json.load(answer)
    types = node("--eval", GENERATE, f"{server.url}openapi.json")
    (tmp_path / "shallows.ts").write_text(types, "utf-8")
    # An operation that is not there would be `undefined`, which is no object.
    there = [
        f"paths[{json.dumps(path)}]['{method}']['responses']"
        for path, methods in described["paths"].items()
        for method in methods
        if method in METHODS
    ]
    every = "".join(f"export type Of{at} = Must<{one}>;\n" for at, one in enumerate(there))
    (tmp_path / "every.ts").write_text(
        f"import type {{ paths }} from './shallows';\ntype Must<T extends object> = T;\n{every}",
        "utf-8",
    )
    (tmp_path / "program.mts").write_text(PROGRAM, "utf-8")
    options = {
        "strict": True,
        "target": "ES2023",
        "lib": ["ES2023", "DOM"],
        "module": "ESNext",
        "moduleResolution": "bundler",
        "types": [],
        "skipLibCheck": True,
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options}), "utf-8")
    node(str(ROOT / "node_modules/typescript/bin/tsc"), "--project", str(tmp_path))
    said = json.loads(node("program.mjs", server.url, cwd=tmp_path))
    assert said == {"status": "finished", "iteration": 300, "labels": [0, 1]}
    assert len(there) > 40


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
