"""What is logged and how: plain lines, or one JSON object a line; never a secret.

Requests are not logged: their addresses carry the names of sessions, and who knows one may look.
"""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import SecretStr

if TYPE_CHECKING:  # a worker logs too, and has no other use for what settings import
    from app.settings import Settings

PLAIN = "%(levelname)s %(name)s: %(message)s"
HIDDEN = "***"


@dataclass(frozen=True)
class Manner:
    """How a process logs, as the settings say."""

    level: str
    form: str
    secrets: list[str] = field(repr=False)


def manner_of(settings: "Settings") -> Manner:
    """What a worker is told of the settings."""
    return Manner(settings.log_level.upper(), settings.log_format, secrets_of(settings))


def configure(manner: Manner) -> None:
    """Log to stderr; in the server, and in each worker."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(manner.form, manner.secrets))
    logging.basicConfig(level=manner.level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        # At info they log the addresses of requests.
        logging.getLogger(name).setLevel(logging.WARNING)


def secrets_of(settings: "Settings") -> list[str]:
    """What no line may contain, whatever an error of some library says; the longest first.

    One that is a part of another would leave the rest of that.
    """
    known = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    secrets = {secret for secret in (*known, urlsplit(url).password) if secret}
    return sorted(secrets, key=len, reverse=True)


class Lines(logging.Formatter):
    """One record as a line of text or JSON, with secrets hidden."""

    def __init__(self, form: str, secrets: list[str]) -> None:
        super().__init__(PLAIN)
        self._json = form == "json"
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line; a traceback is a field of it, or follows it."""
        line = super().format(record)
        if not self._json:
            return self._hidden(line)
        _, _, trace = line.partition("\n") if record.exc_info else ("", "", "")
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._hidden(record.getMessage()),
            **({"traceback": self._hidden(trace)} if trace else {}),
        }
        return json.dumps(entry, ensure_ascii=False)

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text
