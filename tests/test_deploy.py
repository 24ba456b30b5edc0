"""What is deployed: compose.cluster.yaml, the images' targets, and deploy/kubernetes/."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from app.settings import Settings

ROOT = Path(__file__).parents[1]
KUBERNETES = ROOT / "deploy" / "kubernetes"
SCHEMAS: dict[str, Any] = json.loads((ROOT / "tests" / "schemas" / "kubernetes.json").read_text())
Json = dict[str, Any]
RESOURCES: list[Json] = [
    each
    for file in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    for each in yaml.safe_load_all((KUBERNETES / file).read_text())
]
COMPOSE: Json = yaml.safe_load((ROOT / "compose.cluster.yaml").read_text())
SERVICES: dict[str, Json] = COMPOSE["services"]
NOT_SETTINGS = {"HOST", "PORT"}


def name_of(resource: Json) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"


def schema_of(resource: Json) -> Json:
    """What is not in the schema may not be in a resource, either."""
    kind = SCHEMAS["$defs"][f"{resource['apiVersion']}/{resource['kind']}"]
    return {**kind, "$defs": SCHEMAS["$defs"]}


def templates(what: Any) -> Iterator[Json]:
    """Of pods, wherever they are in a resource."""
    if isinstance(what, dict):
        if "template" in what:
            yield what["template"]["spec"]
        for value in what.values():
            yield from templates(value)
    elif isinstance(what, list):
        for value in what:
            yield from templates(value)


PODS = list(chain.from_iterable(templates(each) for each in RESOURCES))
CONTAINERS = [each for pod in PODS for each in pod["containers"]]


# -- Kubernetes ---------------------------------------------------------------------------------


def test_every_file_is_listed() -> None:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in KUBERNETES.iterdir()}


@pytest.mark.parametrize("resource", RESOURCES, ids=name_of)
def test_a_resource_is_as_its_schema_has_it(resource: Json) -> None:
    Draft202012Validator(schema_of(resource)).validate(resource)


def misspelt(cluster: Json) -> None:
    cluster["spec"]["headGroupSpec"]["rayStartParam"] = {}


def without_containers(cluster: Json) -> None:
    del cluster["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"]


def a_port_in_words(cluster: Json) -> None:
    pod = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    pod["containers"][0]["ports"][0]["containerPort"] = "gcs"


def misspelt_in_a_pod(cluster: Json) -> None:
    pod = cluster["spec"]["workerGroupSpecs"][0]["template"]["spec"]
    pod["containers"][0]["securityContexts"] = {}


@pytest.mark.parametrize(
    "spoil", [misspelt, without_containers, a_port_in_words, misspelt_in_a_pod]
)
def test_the_schemas_find_what_is_wrong(spoil: Callable[[Json], None]) -> None:
    (cluster,) = (copy.deepcopy(each) for each in RESOURCES if each["kind"] == "RayCluster")
    spoil(cluster)
    assert not Draft202012Validator(schema_of(cluster)).is_valid(cluster)


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod["containers"][0]["name"])
def test_a_pod_may_do_nothing_but_its_work(pod: Json) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for container in pod["containers"]:
        allowed = container["securityContext"]
        assert allowed["readOnlyRootFilesystem"] is True
        assert allowed["allowPrivilegeEscalation"] is False
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
        assert {"readinessProbe", "livenessProbe"} <= container.keys()


def test_each_web_server_has_what_several_need() -> None:
    (web,) = (each for each in CONTAINERS if each["name"] == "web")
    names = [each["name"] for each in web["env"]]
    # A name is filled in only after it: Kubernetes leaves it as it stands otherwise.
    assert names.index("ADDRESS") < names.index("SHALLOWS_SERVER_ADDRESS")
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    (stateful,) = (each for each in RESOURCES if each["kind"] == "StatefulSet")
    spec = stateful["spec"]["template"]["spec"]
    assert (
        int(web["lifecycle"]["preStop"]["exec"]["command"][1]) + 5
        < spec["terminationGracePeriodSeconds"]
    )
    upstreams = set(re.findall(r"server (\w+):8000 ", nginx()))
    services = {each["metadata"]["name"] for each in RESOURCES if each["kind"] == "Service"}
    assert upstreams <= services
    assert len(upstreams) == stateful["spec"]["replicas"]


def found(what: Any, kind: str) -> Iterator[Any]:
    """Everything that stands under a name, however deep."""
    if isinstance(what, dict):
        yield from (value for key, value in what.items() if key == kind)
        what = list(what.values())
    if isinstance(what, list):
        for value in what:
            yield from found(value, kind)


def test_what_the_commands_make_is_what_the_pods_ask_for() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text("utf-8").replace("\\\n", " ")
    secret, said = re.findall(r"create secret generic (\S+) (.+)", page)[0]
    optional = re.findall(r"^- `([a-z-]+)` and `([a-z-]+)` in that Secret", page, re.MULTILINE)[0]
    keys = {*re.findall(r"--from-literal=([a-z-]+)=", said), *optional}
    asked = list(found(RESOURCES, "secretKeyRef"))
    volumes = list(found(RESOURCES, "secret"))
    assert {each["name"] for each in asked} == {each["secretName"] for each in volumes} == {secret}
    assert {*found([asked, volumes], "key")} == keys
    made = set(re.findall(r"create configmap (\S+) --from-file=nginx.conf=deploy/nginx-", page))
    there = {each["metadata"]["name"] for each in RESOURCES if each["kind"] == "ConfigMap"}
    wanted = [each["name"] for each in found(RESOURCES, "configMapRef")]
    wanted += [each["name"] for each in found(RESOURCES, "configMap")]
    assert {*wanted} == made | there


def test_what_is_set_are_settings() -> None:
    (settings,) = (r for r in RESOURCES if name_of(r) == "ConfigMap shallows")
    alone: Json = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["shallows"]
    web = [alone["environment"], *(SERVICES[name]["environment"] for name in ("web1", "web2"))]
    pods = [each["name"] for container in CONTAINERS for each in container.get("env", ())]
    known = {f"SHALLOWS_{name.upper()}" for name in Settings.model_fields}
    said = {name for name in chain(settings["data"], *web, pods) if name.startswith("SHALLOWS_")}
    assert said - known == set()
    # What one asks of whoever comes can be asked everywhere.
    codes = {"SHALLOWS_ACCESS_CODE", "SHALLOWS_TEACHER_CODE"}
    assert all(codes <= environment.keys() for environment in web)
    assert codes <= {*pods}


def test_what_compose_hands_on_as_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    optional = [name for name, field in Settings.model_fields.items() if field.default is None]
    assert {"access_code", "teacher_code", "database_url"} <= {*optional}
    for name in optional:
        monkeypatch.setenv(f"SHALLOWS_{name.upper()}", "")
    assert {getattr(Settings(), name) for name in optional} == {None}


# -- Ray, wherever it runs ----------------------------------------------------------------------


def test_ray_is_that_of_the_image_asks_for_a_token_and_starts_nothing_that_is_not_needed() -> None:
    for name in ("head", "node"):
        assert SERVICES[name]["environment"]["RAY_AUTH_MODE"] == "token"
        assert SERVICES[name]["profiles"] == ["ray"]
        assert "--include-log-monitor=false" in SERVICES[name]["entrypoint"]
    assert "--include-dashboard=false" in SERVICES["head"]["entrypoint"]
    (cluster,) = (each for each in RESOURCES if each["kind"] == "RayCluster")
    head = cluster["spec"]["headGroupSpec"]
    assert head["rayStartParams"]["include-dashboard"] == "false"
    for group in (head, *cluster["spec"]["workerGroupSpecs"]):
        assert group["rayStartParams"]["include-log-monitor"] == "0"
    locked = (ROOT / "requirements-cluster.lock").read_text()
    assert f"\nray=={cluster['spec']['rayVersion']} " in locked
    for spec in templates(cluster):
        env = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
        assert env["RAY_AUTH_MODE"] == "token"
    policies = {r["metadata"]["name"] for r in RESOURCES if r["kind"] == "NetworkPolicy"}
    assert policies == {"shallows-web", "shallows-ray"}


# -- compose ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_nothing_but_its_work(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "restart"} <= service.keys()
    assert ("ports" in service) == (name == "proxy")
    assert "inside" in service["networks"]


def test_what_is_inside_has_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    outside = [name for name, service in SERVICES.items() if "outside" in service["networks"]]
    assert outside == ["proxy"]


def test_the_proxy_knows_each_server_by_its_address() -> None:
    known = dict(host.split(":", 1) for host in SERVICES["proxy"]["extra_hosts"])
    assert set(known) == set(re.findall(r"server (\w+):8000 ", nginx()))
    for name, address in known.items():
        assert SERVICES[name]["networks"]["inside"]["ipv4_address"] == address
        assert SERVICES[name]["environment"]["SHALLOWS_SERVER_ADDRESS"] == f"http://{address}:8000"
    (published,) = SERVICES["proxy"]["ports"]
    assert f"listen {published.rpartition(':')[2]};" in nginx()


def test_no_password_stands_in_a_file() -> None:
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"].startswith(
        "${POSTGRES_PASSWORD:?"
    )
    assert not any(each["kind"] == "Secret" for each in RESOURCES)


def nginx() -> str:
    return (ROOT / "deploy" / "nginx-cluster.conf").read_text()


# -- the image ----------------------------------------------------------------------------------


def test_the_default_image_has_nothing_of_a_cluster() -> None:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    by_name = {
        first.partition(" AS ")[2]: each for each in stages for first in [each.split("\n")[0]]
    }
    default = [by_name["files"], by_name["build"], by_name[""]]
    assert not any(word in stage for stage in default for word in ("cluster", "servers", "ray "))
    assert {"servers", "cluster"} <= by_name.keys()
    assert SERVICES["web1"]["build"]["target"] == "${TARGET:-servers}"
