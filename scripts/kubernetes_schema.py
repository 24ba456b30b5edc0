"""Makes tests/schemas/kubernetes.json: the schemas of those kinds that deploy/kubernetes/ uses.

python -m scripts.kubernetes_schema DEFINITIONS CRD VERSIONS >tests/schemas/kubernetes.json

DEFINITIONS are those of Kubernetes (`api/openapi-spec/swagger.json` of kubernetes/kubernetes, or
what was made of it), CRD is KubeRay's (`ray-operator/config/crd/bases/ray.io_rayclusters.yaml` of
ray-project/kuberay), both under the Apache licence 2.0; VERSIONS says which. What is left out: all
kinds that nothing here has, descriptions, and KubeRay's own copy of what a pod is.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
RAY = "ray.io/v1/RayCluster"
EMBEDDED = {
    "template": "io.k8s.api.core.v1.PodTemplateSpec",
    "headService": "io.k8s.api.core.v1.Service",
}
"""Of a RayCluster: what Kubernetes has defined already."""
LEFT_OUT = {"description", "title", "default", "format", "$schema"}


def strict(schema: Any, names: bool = False) -> Any:
    """The same without its words; what it does not name may not be there.

    Args:
        names: Whether the keys are names of properties.
    """
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if names:
        return {name: strict(each) for name, each in schema.items()}
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    kept = {
        key: strict(each, names=key in {"properties", "$defs", "definitions"})
        for key, each in schema.items()
        if key not in LEFT_OUT and not key.startswith("x-")
    }
    if "$ref" in kept:
        return {"$ref": f"#/$defs/{kept['$ref'].rpartition('/')[2]}"}
    if "properties" in kept and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept["additionalProperties"] = False
    return kept


def ray_cluster(crd: Json) -> Json:
    """The schema of a RayCluster, with references to what Kubernetes has."""
    (version,) = (each for each in crd["spec"]["versions"] if each["name"] == "v1")
    schema: Json = version["schema"]["openAPIV3Schema"]
    spec = schema["properties"]["spec"]["properties"]
    groups = [spec["headGroupSpec"], spec["workerGroupSpecs"]["items"]]
    for properties in (group["properties"] for group in groups):
        for name, definition in EMBEDDED.items():
            if name in properties:
                properties[name] = {"$ref": definition}
    metadata = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    schema["properties"]["metadata"] = {"$ref": metadata}
    return schema


def main(definitions_file: str, crd_file: str, versions: str) -> None:
    """Print them."""
    read = json.loads(Path(definitions_file).read_text())
    definitions = read.get("definitions") or read["$defs"]
    # In JSON a quantity may be a number.
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
    roots = {}
    for file in (ROOT / "deploy" / "kubernetes").glob("*.yaml"):
        for resource in yaml.safe_load_all(file.read_text()):
            group, _, version = resource["apiVersion"].rpartition("/")
            for name, schema in definitions.items():
                for kind in schema.get("x-kubernetes-group-version-kind", ()):
                    if kind == {"group": group, "version": version, "kind": resource["kind"]}:
                        roots[f"{resource['apiVersion']}/{resource['kind']}"] = {"$ref": name}
    roots[RAY] = ray_cluster(yaml.safe_load(Path(crd_file).read_text()))
    kept: Json = {name: strict(schema) for name, schema in roots.items()}
    left = set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(kept)))
    while left:
        name = left.pop()
        kept[name] = strict(definitions[name])
        left |= set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(kept[name]))) - kept.keys()
    lines = [
        f"{json.dumps(name)}:{json.dumps(kept[name], separators=(',', ':'))}"
        for name in sorted(kept)
    ]
    comment = f"{versions}; Apache 2.0; made by scripts/kubernetes_schema.py"
    print(f'{{"$comment":{json.dumps(comment)},"$defs":{{', ",\n".join(lines), "}}", sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
