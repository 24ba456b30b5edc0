"""Every knob of the service, with its unit and its default.

Each is read from the environment as `SHALLOWS_<NAME>`; `HOST`, `PORT` and `RELOAD` also without
the prefix.
"""

import os
import re
from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.errors import plain_words
from app.origins import origin_of
from app.places import data_folder

# An origin whose host may begin with `*.`; nothing that could begin another rule of the policy.
FRAME_SOURCE = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:(\d{1,5}|\*))?")

RAY_HOST = re.compile(r"[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\]")

HOST = re.compile(r"(\*\.)?[a-z0-9.-]+|\[[0-9a-f:.]+\]")

# What stands in an address as it is, in a cookie too; all else is written with %, as JupyterHub
# writes the names of its users.
SEGMENT = re.compile(r"([A-Za-z0-9._~@-]|%[0-9A-Fa-f]{2})+")


class SettingsError(Exception):
    """A setting is not right; the message names it."""


class Settings(BaseSettings):
    """The settings of one server. Read once, by whoever calls `create_app`."""

    model_config = SettingsConfigDict(
        env_prefix="SHALLOWS_", extra="ignore", frozen=True, populate_by_name=True
    )

    host: str = Field("0.0.0.0", validation_alias=AliasChoices("SHALLOWS_HOST", "HOST"))
    port: int = Field(8000, ge=0, le=65535, validation_alias=AliasChoices("SHALLOWS_PORT", "PORT"))
    open_page: bool = Field(
        False, description="whether a browser opens the page, once the server is ready"
    )

    root_path: str = Field(
        "",
        max_length=300,
        description="the path below which a proxy shows this server, such as /shallows; it begins "
        "with / and does not end with it; whether the proxy cuts it off does not matter",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        [],
        description="Origins, besides the server's own, whose pages may connect; comma-separated, "
        "such as https://school.example",
    )

    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        [],
        description="names under which this server answers, comma-separated, such as "
        "shallows.school.example or *.school.example; empty: any, since a class opens an address",
    )
    access_code: SecretStr | None = Field(
        None, description="asked of everyone before anything else; by default nothing is asked"
    )
    wrong_codes_per_second: float = Field(
        0.2,
        gt=0,
        description="wrong codes from one address, in the long run: of server, room or teacher",
    )
    wrong_codes_burst: int = Field(
        50,
        ge=1,
        description="wrong codes from one address at once, since a class makes some; of the server "
        "more are refused, of rooms and teachers they are answered slowly",
    )
    trusted_proxies: str = Field(
        "",
        description="addresses or networks, comma-separated, of proxies that are believed when "
        "they say for whom they ask (X-Forwarded-For); by default nobody is",
    )

    frame_ancestors: Annotated[list[str], NoDecode] = Field(
        ["'self'"],
        description="Pages that may show this one in a frame: 'self', 'none', or origins such as "
        "https://school.example or https://*.school.example; separated by commas or spaces",
    )

    backend: Literal["pool", "inline", "ray"] = Field(
        "pool",
        description="where training runs: worker processes, the hosts of a Ray cluster, or (for "
        "tests) this process",
    )
    ray_address: str | None = Field(
        None, description="host:port of the head of the cluster, such as 10.0.0.2:6379"
    )
    ray_token_file: Path | None = Field(
        None,
        description="a file with the token of the cluster; only on this machine or a private "
        "network may there be none",
    )
    workers: int = Field(0, ge=0, le=256, description="worker processes; 0 means one per core")

    max_sessions: int = Field(400, ge=1, description="interactive sessions, connected or kept")
    max_sessions_per_client: int = Field(
        350, ge=1, description="interactive sessions of one address: a whole school may share one"
    )
    max_session_bytes_per_client: int = Field(
        120_000_000,
        ge=1,
        description="what the points and parameters of the sessions of one address may take",
    )
    teacher_code: SecretStr | None = Field(
        None, description="asked of whoever opens a room for a class; by default nothing is asked"
    )
    max_rooms: int = Field(
        50, ge=1, description="rooms of classes; an empty one without its teacher gives way"
    )
    max_rooms_per_client: int = Field(
        30, ge=1, description="rooms opened from one address: a whole school may share one"
    )
    max_sessions_per_room: int = Field(
        500, ge=1, description="sessions of one room: 400 members, and comparison labs"
    )
    max_room_sessions: int = Field(
        1000, ge=1, description="sessions of all rooms' members, beside all others"
    )
    session_grace_seconds: float = Field(
        120.0, ge=0, description="how long a session outlives its connection"
    )
    max_queued_runs: int = Field(
        200,
        ge=1,
        description="REST runs of one address waiting (twice that in all); more get 429",
    )
    max_running_runs: int = Field(0, ge=0, description="REST runs at once; 0 means 4 per worker")
    max_watchers: int = Field(
        32, ge=1, description="readers of one REST run's stream, at one address"
    )
    max_watchers_in_all: int = Field(
        100, ge=1, description="of all runs' streams; beyond, whoever has the most gives way"
    )

    data_folder: Path = Field(
        default_factory=data_folder,
        description="where the default database lies; made if it is not there",
    )
    database_url: SecretStr | None = Field(
        None,
        description="sqlite:////path/to/a/file, or postgresql://user:password@host/name; by "
        "default a file in the data folder",
    )
    server_address: str | None = Field(
        None,
        description="for several servers on one PostgreSQL: where the others reach this one, such "
        "as http://10.0.0.2:8000; by default it is the only one",
    )
    max_finished_runs: int = Field(
        1000,
        ge=1,
        description="REST runs kept when they have ended; of whoever has the most, the oldest goes",
    )
    max_finished_bytes: int = Field(
        256_000_000, ge=1, description="bytes that all kept REST runs may take"
    )
    max_finished_days: float = Field(30.0, gt=0, description="how long REST runs are kept")
    max_saves: int = Field(
        5000, ge=1, description="saved sessions kept; of whoever has the most, the oldest goes"
    )
    max_saves_bytes: int = Field(
        1_000_000_000, ge=1, description="bytes that all saved sessions may take"
    )
    max_saves_days: float = Field(365.0, gt=0, description="how long saved sessions are kept")
    saves_safe_days: float = Field(
        7.0,
        ge=0,
        description="how long a save within the share of its address gives way to no newer one",
    )
    store_seconds: float = Field(
        2.5, gt=0, le=4, description="between two writes of what sessions have trained"
    )
    max_stored_sessions: int = Field(
        2000, ge=1, description="sessions in the store; of whoever has the most, the oldest goes"
    )
    max_stored_sessions_bytes: int = Field(
        500_000_000, ge=1, description="bytes that all sessions in the store may take"
    )
    max_stored_sessions_hours: float = Field(
        24.0, gt=0, description="how long a session that nobody returns to is kept"
    )
    max_waiting_saves: int = Field(
        300,
        ge=1,
        description="saves of one address under way (in all four times that); more get 429",
    )

    max_message_bytes: int = Field(1_000_000, ge=1, description="of a message on the stream")

    requests_per_second: float = Field(
        100.0, gt=0, description="requests from one address, in the long run; a class may share it"
    )
    requests_burst: int = Field(
        3000,
        ge=1,
        description="requests from one address at once: ten each of 300 students",
    )
    body_bytes_per_second: float = Field(
        2_000_000.0, gt=0, description="bytes of bodies from one address, in the long run"
    )
    body_bytes_burst: int = Field(
        30_000_000,
        ge=1,
        description="bytes of bodies from one address at once: five tables of 30 students",
    )
    heavy_processes: int = Field(
        2, ge=1, le=16, description="processes for tables, files, reports and long answers"
    )
    heavy_calls_per_client: int = Field(
        120, ge=1, description="calls for heavy work from one address; one more gets 429"
    )
    heavy_calls: int = Field(
        400, ge=1, description="calls for heavy work from all addresses; one more gets 429"
    )
    heavy_seconds: float = Field(
        15.0, gt=0, description="that a call may take, once it has its turn"
    )
    messages_per_second: float = Field(
        400.0, gt=0, description="messages on one stream: a drag at 120 Hz, its acknowledgements"
    )
    messages_burst: int = Field(1200, ge=1, description="messages on one stream at once")
    bytes_per_second: float = Field(
        4_000_000.0, gt=0, description="bytes on one stream, in the long run"
    )
    bytes_burst: int = Field(16_000_000, ge=1, description="bytes on one stream at once")

    heartbeat_seconds: float = Field(
        10.0, gt=0, description="between pings; after another one without answer the peer is dead"
    )
    slow_reader_seconds: float = Field(
        20.0, gt=0, description="that a message may wait for its reader; then the stream is closed"
    )

    slow_request_seconds: float = Field(
        30.0, gt=0, description="that a request's head, its body, or a message may take to come in"
    )
    max_connections_per_client: int = Field(
        1000, ge=1, description="open at once from one address, whatever they say; one more is cut"
    )

    reload: bool = Field(
        False,
        validation_alias=AliasChoices("SHALLOWS_RELOAD", "RELOAD"),
        description="for work on Shallows: what is edited is served at once",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["plain", "json"] = Field("plain", description="json: an object a line")

    lessons_folder: Path | None = Field(
        None, description="a folder of a teacher's own lessons, beside the built-in ones"
    )

    checkpoint_seconds: float = Field(1.0, ge=0, description="of training lost to a dead worker")
    round_timeout_seconds: float = Field(
        30.0, gt=0, description="after which a silent worker is replaced"
    )

    @field_validator("allowed_origins", "allowed_hosts", "frame_ancestors", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object, info: ValidationInfo) -> object:
        # compose.yaml hands on what is not set as empty, and an empty code would be asked for.
        may_be_none = cls.model_fields[str(info.field_name)].default is None
        return None if value == "" and may_be_none else value

    @field_validator("data_folder", "lessons_folder")
    @classmethod
    def _tilde_is_home(cls, folder: Path | None) -> Path | None:
        # Not every shell expands the one of --data=~/runs.
        return folder and folder.expanduser()

    @field_validator("root_path")
    @classmethod
    def _root_is_a_path(cls, root: str) -> str:
        first, *segments = root.split("/")
        if root and (first or not all(map(_is_segment, segments))):
            raise ValueError(
                f"{root!r} is not a path such as /shallows or /services/shallows: / at its "
                "beginning and not at its end, letters, digits and . _ ~ @ - between, others as %XX"
            )
        return root

    @field_validator("allowed_origins")
    @classmethod
    def _origins_are_origins(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if origin_of(origin.rstrip("/")) is None:
                raise ValueError(f"{origin!r} is not scheme://host[:port]")
        return [origin.rstrip("/") for origin in origins]

    @field_validator("server_address")
    @classmethod
    def _address_is_one(cls, address: str | None) -> str | None:
        if not address:
            return None
        origin = origin_of(address.rstrip("/"))
        if origin is None or origin[0] != "http":
            raise ValueError(f"{address!r} is not http://host:port")
        return address.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, proxies: str) -> str:
        # `*` would let everyone choose an address, and anything else would trust nobody, silently.
        named = [proxy.strip() for proxy in proxies.split(",") if proxy.strip()]
        for proxy in named:
            try:
                ip_network(proxy)
            except ValueError:
                raise ValueError(
                    f"{proxy!r} is not an address such as 10.0.0.2 or a network such as 10.0.0.0/8"
                ) from None
        return ",".join(named)

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_are_names(cls, hosts: list[str]) -> list[str]:
        hosts = [host.lower() for host in hosts]
        for host in hosts:
            if not HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a name such as school.example, without a port")
        return hosts

    @field_validator("frame_ancestors")
    @classmethod
    def _ancestors_are_sources(cls, sources: list[str]) -> list[str]:
        # A shell takes the quotes of 'self' for its own.
        sources = [f"'{word}'" if word in {"self", "none"} else word for word in sources]
        for source in sources:
            if source not in {"'self'", "'none'"} and not FRAME_SOURCE.fullmatch(source):
                raise ValueError(f"{source!r} is not 'self', 'none' or scheme://host[:port]")
        if not sources or ("'none'" in sources and len(sources) > 1):
            raise ValueError("'none' stands alone, and something must be said")
        return sources

    @model_validator(mode="after")
    def _cluster_is_reached_safely(self) -> "Settings":
        if self.backend != "ray":
            return self
        host, _, port = (self.ray_address or "").rpartition(":")
        numbered = port.isascii() and port.isdecimal() and 0 < int(port) < 65536
        if not RAY_HOST.fullmatch(host) or not numbered:
            raise ValueError("the backend ray needs SHALLOWS_RAY_ADDRESS, such as 10.0.0.2:6379")
        try:
            private = ip_address(host.strip("[]")).is_private
        except ValueError:  # who knows where a name leads
            private = host == "localhost"
        if self.ray_token_file is not None and not self.ray_token_file.is_file():
            raise ValueError(f"SHALLOWS_RAY_TOKEN_FILE: there is no file {self.ray_token_file}")
        if not private and self.ray_token_file is None:
            raise ValueError(
                f"whoever reaches {self.ray_address} runs code in the cluster: without "
                "SHALLOWS_RAY_TOKEN_FILE it has to be an address of a private network"
            )
        return self

    @cached_property
    def worker_count(self) -> int:
        """Worker processes: as set, or one for each core this process may use."""
        if self.workers:
            return self.workers
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1

    @cached_property
    def running_run_limit(self) -> int:
        """REST runs that train at the same time."""
        return self.max_running_runs or 4 * self.worker_count


def _is_segment(segment: str) -> bool:
    """Whether it is what a browser sends as it stands: it would go up at .. and never say it."""
    try:
        decoded = unquote(segment, errors="strict")
    except UnicodeError:
        return False
    plain = decoded.isprintable() and not re.search(r"[/\\?#]", decoded)
    return SEGMENT.fullmatch(segment) is not None and plain and decoded not in {".", ".."}


def variables(setting: str) -> list[str]:
    """The variables of the environment that set a field; the first counts most."""
    alias = Settings.model_fields[setting].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [f"SHALLOWS_{setting.upper()}"]


def bounds(setting: str) -> str:
    """Between what the number of a setting has to be; empty where there are no bounds."""
    words = {"ge": "from {}", "gt": "more than {}", "le": "to {}", "lt": "less than {}"}
    said = [
        text.format(getattr(bound, name))
        for bound in Settings.model_fields[setting].metadata
        for name, text in words.items()
        if hasattr(bound, name)
    ]
    return f"{said[0]} on" if len(said) == 1 and said[0].startswith("from") else " ".join(said)


def read_settings(named: Mapping[str, str] | None = None) -> Settings:
    """The settings as the environment has them.

    Args:
        named: How those fields are called that were said otherwise: as options.

    Raises:
        SettingsError: one of them is not right.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        said = "; ".join(_in_words(one, named or {}) for one in wrong)
        raise SettingsError(said) from None


def _in_words(error: Mapping[str, Any], named: Mapping[str, str]) -> str:
    """What is wrong with a setting, which is named as it was said."""
    if not error["loc"]:  # of several together
        return str(error["ctx"]["error"])
    where = str(error["loc"][0])
    setting = next(name for name in Settings.model_fields if where in (name, *variables(name)))
    there = filter(os.environ.__contains__, variables(setting))
    name = named.get(setting) or next(there, variables(setting)[0])
    if "error" in error.get("ctx", {}):  # one of those above
        return f"{name}: {error['ctx']['error']}"
    between = bounds(setting)
    return plain_words({**error, "loc": (name,)}) + (f" ({between})" if between else "")
