"""Builds the image, runs it read-only and without capabilities, and uses it: `make docker-test`.

For any machine with a Docker engine. It needs nothing but the standard library, prints one line for
each check, and leaves no container behind.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGE = "shallows"
CONTAINER = f"shallows-test-{os.getpid()}"
PROJECT = f"shallowstest{os.getpid()}"
BASE_IMAGE = os.environ.get("BASE_IMAGE")
REVISION = "0123456789abcdef"
"""As a release tells which commit it is of."""

failures: list[str] = []


def check(passed: bool, text: str) -> None:
    """Print a finding; the last line tells how many failed."""
    print("ok  " if passed else "FAIL", text, flush=True)
    if not passed:
        failures.append(text)


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """Run a command, show its errors, return what it printed."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, env=env)
    return done.stdout.strip()


def request(base: str, path: str, body: object = None) -> Any:
    """GET a path, or POST a body to it; JSON comes back decoded."""
    data = None if body is None else json.dumps(body).encode()
    call = urllib.request.Request(base + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(call, timeout=40) as answer:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content


def train_and_predict(base: str) -> str:
    """Do what README's example does; the id of the run."""
    check(b"<!doctype html>" in request(base, "/").lower(), "the page is served")
    run_spec = {"network": {"layers": [{"units": 4, "activation": "relu"}]}}
    status = request(base, "/train?wait=30", run_spec)
    check(
        status["status"] == "finished" and status["cost"] < 0.15,
        f"POST /train?wait=30: {status['status']}, cost {status['cost']:.4f}",
    )
    points = [[0, 0], [5, 5]]
    answer = request(base, "/predict", {"model": status["id"], "points": points})
    check(
        len(answer["labels"]) == len(answer["probabilities"]) == 2
        and answer["labels"][0] != answer["labels"][1],
        f"POST /predict tells the circle's inside from its outside: {answer}",
    )
    return str(status["id"])


def seconds_until_healthy(container: str, started: float) -> float:
    """Wait for the image's own health check."""
    while time.monotonic() - started < 60:
        state = json.loads(run("docker", "inspect", "--format", "{{json .State}}", container))
        if state["Health"]["Status"] == "healthy":
            return time.monotonic() - started
        if not state["Running"]:
            break
        time.sleep(0.1)
    sys.stderr.write(run("docker", "logs", container))
    raise SystemExit("FAIL the container ended, or did not become healthy within 60 s")


def test_image() -> None:
    """The image builds from the files here, and is small."""
    told = {"REVISION": REVISION, **({"BASE_IMAGE": BASE_IMAGE} if BASE_IMAGE else {})}
    build_args = [word for each in told.items() for word in ("--build-arg", "=".join(each))]
    started = time.monotonic()
    run("docker", "build", *build_args, "--tag", IMAGE, ".")
    print(f"     built in {time.monotonic() - started:.0f} s")
    labels = json.loads(
        run("docker", "image", "inspect", "--format", "{{json .Config.Labels}}", IMAGE)
    )
    said = {name.rpartition(".")[2]: text for name, text in labels.items()}
    check(
        said["title"] == "Shallows" and said["licenses"] == "MIT" and said["revision"] == REVISION,
        f"labels: {said['title']} {said['version']}, {said['licenses']}, of {said['revision']}",
    )
    options = run("docker", "run", "--rm", IMAGE, "--version")
    check(options == f"Shallows {said['version']}", f"options follow its name: {options}")
    megabytes = int(run("docker", "image", "inspect", "--format", "{{.Size}}", IMAGE)) / 1e6
    check(megabytes <= 350, f"image size {megabytes:.0f} MB (at most 350)")


def test_container() -> None:
    """It works with a read-only disk and no capability, and ends when told to."""
    locked_down = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    started = time.monotonic()
    run(
        *("docker", "run", "--detach", "--name", CONTAINER, *locked_down),
        *("--publish", "127.0.0.1::8000", IMAGE),
    )
    try:
        healthy = seconds_until_healthy(CONTAINER, started)
        check(healthy <= 10, f"healthy {healthy:.1f} s after the start (at most 10)")
        user = run("docker", "exec", CONTAINER, "id", "-u")
        check(user != "0", f"runs as user {user}, not as root")
        address = run("docker", "port", CONTAINER, "8000/tcp").splitlines()[0]
        run_id = train_and_predict(f"http://{address}")
        run("docker", "kill", "--signal", "KILL", CONTAINER)
        started = time.monotonic()
        run("docker", "start", CONTAINER)
        seconds_until_healthy(CONTAINER, started)
        address = run("docker", "port", CONTAINER, "8000/tcp").splitlines()[0]
        status = request(f"http://{address}", f"/train/{run_id}")
        check(status["status"] == "finished", "the run is still there after SIGKILL and a start")

        stopping = time.monotonic()
        run("docker", "stop", "--time", "20", CONTAINER)
        stopped = time.monotonic() - stopping
        code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", CONTAINER)
        check(stopped <= 5, f"stops {stopped:.1f} s after SIGTERM (at most 5)")
        check(code == "0", f"exit code {code}")
        logs = subprocess.run(
            ["docker", "logs", CONTAINER], capture_output=True, text=True, check=True
        )
        check("Traceback" not in logs.stdout + logs.stderr, "no traceback in the log")
    finally:
        run("docker", "rm", "--force", "--volumes", CONTAINER)


def test_compose() -> None:
    """What README promises a class: `docker compose up`."""
    plugin = shutil.which("docker-compose") is None
    compose = ("docker", "compose") if plugin else ("docker-compose",)
    command = (*compose, "--project-name", PROJECT)
    # No fixed port: another Shallows may be running here.
    environment = {**os.environ, "PORT": "127.0.0.1:"}
    started = time.monotonic()
    run(*command, "up", "--detach", env=environment)
    try:
        container = run(*command, "ps", "--quiet", env=environment)
        healthy = seconds_until_healthy(container, started)
        address = run("docker", "port", container, "8000/tcp").splitlines()[0]
        page = request(f"http://{address}", "/").lower()
        check(b"<!doctype html>" in page, f"compose: up and healthy in {healthy:.1f} s")
    finally:
        stopping = time.monotonic()
        run(*command, "down", "--volumes", env=environment)
    stopped = time.monotonic() - stopping
    check(stopped <= 10, f"compose: down in {stopped:.1f} s (at most 10)")


if __name__ == "__main__":
    for test in (test_image, test_container, test_compose):
        test()
    if failures:
        raise SystemExit(f"{len(failures)} of the checks failed")
