"""Builds the image, runs it read-only and without capabilities, and uses it: `make docker-test`.

Then it does so with compose.yaml and compose.cluster.yaml, where students play while one part after
the other is lost. For any machine with a Docker engine. It needs nothing but the standard library,
prints one line for each check, and leaves no container behind.
"""

import json
import os
import subprocess
import sys
import threading
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


def seconds_until_healthy(container: str, started: float, patience: float = 60) -> float:
    """Wait for the image's own health check."""
    while time.monotonic() - started < patience:
        state = json.loads(run("docker", "inspect", "--format", "{{json .State}}", container))
        if state["Health"]["Status"] == "healthy":
            return time.monotonic() - started
        if not state["Running"]:
            break
        time.sleep(0.1)
    sys.stderr.write(run("docker", "logs", container))
    raise SystemExit("FAIL the container ended, or did not become healthy in time")


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


def compose(*options: str) -> tuple[str, ...]:
    """The command: the engine's own, or the older one where there is but that."""
    plugin = subprocess.run(("docker", "compose", "version"), capture_output=True, check=False)
    program = ("docker-compose",) if plugin.returncode else ("docker", "compose")
    return (*program, "--project-name", PROJECT, *options)


def test_compose() -> None:
    """What README promises a class: `docker compose up`."""
    command = compose()
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


def answers(base: str, path: str, seconds: float) -> bool:
    """Whether a path is answered with 200 within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            request(base, path)
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


def get_inside(container: str, path: str) -> str:
    """What a server answers to somebody in its own container."""
    code = (
        "import sys, urllib.request as http;"
        "print(http.urlopen('http://127.0.0.1:8000' + sys.argv[1], timeout=5).read().decode())"
    )
    return run("docker", "exec", container, "python", "-c", code, path)


class Students:
    """Those of docker_student.py, in a container of their own beside the proxy."""

    def __init__(self, base: str, image: str) -> None:
        room = request(base, "/rooms", {"title": "Year 12"})
        member = request(base, "/rooms/join", {"code": room["code"]})
        self._has: dict[str, int] = {}
        self._whole = True
        self._name = f"{PROJECT}-students"
        self._process = subprocess.Popen(
            (
                *("docker", "run", "--rm", "--interactive", "--name", self._name),
                *("--network", f"{PROJECT}_inside", "--entrypoint", "python", image),
                *("-", room["id"], room["key"], member["secret"]),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin
        with self._process.stdin as stdin:
            stdin.write((ROOT / "scripts" / "docker_student.py").read_bytes())
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            said = json.loads(line)
            self._has[said["who"]] = said["has"]
            self._whole &= said["whole"]

    def play(self, what: str, seconds: float) -> None:
        """Check that each of them has more than now, and nobody has lost anything."""
        started = time.monotonic()
        time.sleep(0.5)  # what was under way has come
        before = dict(self._has)
        waiting = {"alone", "member", "teacher"}
        while waiting and time.monotonic() - started < 60:
            time.sleep(0.02)
            waiting = {who for who in waiting if self._has.get(who, 0) <= before.get(who, 0)}
        took = time.monotonic() - started
        check(
            not waiting and took <= seconds,
            f"{what}: all play {took:.1f} s after (at most {seconds:g})",
        )
        check(self._whole, f"{what}: no cost is missing, or came twice")

    def end(self) -> None:
        """They leave."""
        subprocess.run(("docker", "kill", self._name), capture_output=True, check=False)
        self._process.wait()


class Cluster:
    """compose.cluster.yaml, up and ready.

    Attributes:
        base: Where the proxy is.
    """

    def __init__(self, target: str, *up: str, profiles: str = "", **environment: str) -> None:
        self._command = compose("--file", "compose.cluster.yaml")
        self._up = up
        self._environment = {
            **os.environ,
            **{"PORT": "127.0.0.1:", "NETWORK": "10.78.77", "CPUS": "1", "TARGET": target},
            **{
                "POSTGRES_PASSWORD": os.urandom(8).hex(),
                "COMPOSE_PROFILES": profiles,
                **environment,
            },
        }
        self.image = f"shallows:{target}"

    def __enter__(self) -> "Cluster":
        try:
            self("build", "web1")
            megabytes = int(run("docker", "image", "inspect", "--format", "{{.Size}}", self.image))
            print(f"     {self.image} is of {megabytes / 1e6:.0f} MB")
            started = time.monotonic()
            self("up", "--no-build", "--detach", *self._up)
            for name in ("web1", "web2"):
                seconds_until_healthy(self.container(name), started, 120)
            address = run("docker", "port", self.container("proxy"), "8080/tcp").splitlines()[0]
            self.base = f"http://{address}"
            check(answers(self.base, "/readyz", 60), f"{self.image}: ready behind the proxy")
            print(f"     {time.monotonic() - started:.0f} s after the start")
        except BaseException as error:
            self.__exit__(type(error), error)
            raise
        return self

    def __exit__(self, kind: object, error: object, *traceback: object) -> None:
        if error is not None:
            sys.stderr.write(self("logs", "--no-color"))
        self("down", "--volumes", "--timeout", "5")

    def __call__(self, *arguments: str) -> str:
        """What compose prints."""
        return run(*self._command, *arguments, env=self._environment)

    def container(self, name: str) -> str:
        """The id of a service's only container."""
        return self("ps", "--quiet", name)

    def ready(self, name: str) -> None:
        """Wait until a server is healthy, and the other ones know of it."""
        seconds_until_healthy(self.container(name), time.monotonic())
        self.until(name, "shallows_servers", 2)

    def metric(self, name: str, metric: str) -> float:
        """What a server counts."""
        lines = get_inside(self.container(name), "/metrics").splitlines()
        return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(metric)))

    def until(self, name: str, metric: str, value: float, seconds: float = 60) -> bool:
        """Whether a server comes to count that within so many seconds."""
        end = time.monotonic() + seconds
        while (now := self.metric(name, metric)) != value and time.monotonic() < end:
            time.sleep(0.2)
        return now == value


def check_containers(containers: list[str]) -> None:
    """Each may do nothing but its work, and the proxy alone is reached from outside."""
    published = []
    for container in json.loads(run("docker", "inspect", *containers)):
        host, name = (
            container["HostConfig"],
            container["Config"]["Labels"]["com.docker.compose.service"],
        )
        locked = (
            host["ReadonlyRootfs"]
            and host["CapDrop"] == ["ALL"]
            and host["SecurityOpt"] == ["no-new-privileges:true"]
            and host["Memory"] > 0
            and host["PidsLimit"] > 0
        )
        check(locked, f"{name}: read-only, no capabilities, limits of memory and processes")
        published += [name] if host["PortBindings"] else []
    check(published == ["proxy"], f"ports are published by {published}")
    inside = json.loads(run("docker", "network", "inspect", f"{PROJECT}_inside"))[0]
    check(inside["Internal"], "what is inside has no way out")


def test_cluster() -> None:
    """What docs/cluster.md promises of two servers on one database."""
    with Cluster("servers") as cluster:
        check_containers(cluster("ps", "--quiet").splitlines())
        run_id = train_and_predict(cluster.base)
        students = Students(cluster.base, cluster.image)
        try:
            students.play("two servers", 15)
            time.sleep(1)  # all is written
            cluster("kill", "web1")
            students.play("web1 killed", 5)
            well = all(answers(cluster.base, path, 5) for path in ("/", f"/train/{run_id}"))
            check(well, "web1 killed: the other one answers")
            owned = cluster.metric("web2", 'shallows_owned{kind="session"}')
            check(owned == 2, f"web1 killed: web2 has {owned:g} sessions")
            cluster("start", "web1")
            cluster.ready("web1")
            # As docs/cluster.md has an upgrade.
            cluster("up", "--detach", "--no-deps", "--no-build", "--force-recreate", "web2")
            students.play("web2 made anew", 5)
            cluster.ready("web2")
            cluster("restart", "database")
            students.play("PostgreSQL restarted", 5)
        finally:
            students.end()


def test_ray() -> None:
    """What docs/cluster.md promises of nodes that train."""
    ray = {"BACKEND": "ray", "RAY_AUTH_TOKEN": os.urandom(16).hex()}
    with Cluster("cluster", "--scale", "node=2", profiles="ray", **ray) as cluster:
        check_containers(cluster("ps", "--quiet").splitlines())
        for name in ("web1", "web2"):
            hosts = cluster.until(name, "shallows_hosts", 2)
            said = get_inside(cluster.container(name), "/readyz")
            check(hosts and "note" not in said, f"{name}: hosts on both nodes, {said}")
        train_and_predict(cluster.base)
        students = Students(cluster.base, cluster.image)
        try:
            students.play("two nodes", 15)
            node, other = cluster("ps", "--quiet", "node").splitlines()
            run("docker", "kill", node)
            students.play("a node killed", 5)
            run("docker", "start", node)
            well = all(cluster.until(name, "shallows_hosts", 2) for name in ("web1", "web2"))
            check(well, "the node is back, and each server uses it")
            said = run(
                *("docker", "exec", cluster.container("web1"), "python", "-m", "app"),
                *("drain", other[:12]),  # its name, as Ray has it
            )
            check("it may go" in said, f"drained: {said.splitlines()[-1]}")
            run("docker", "stop", other)
            students.play("a node drained and stopped", 5)
            alone = [cluster.metric(name, "shallows_alone") for name in ("web1", "web2")]
            check(alone == [0, 0], "no server trains on its own")
        finally:
            students.end()


if __name__ == "__main__":
    for test in (test_image, test_container, test_compose, test_cluster, test_ray):
        test()
    if failures:
        raise SystemExit(f"{len(failures)} of the checks failed")
