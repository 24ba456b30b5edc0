"""One exception for each way to fail, and the one shape in which it is sent.

REST answers are problem details (RFC 9457); the stream says the same as an `error` message.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

PROBLEM_JSON = "application/problem+json"


class ShallowsError(Exception):
    """A failure with a status, a stable code and a sentence that a student understands."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong here"
    headers: Mapping[str, str] = {}
    retry_after: float | None = None
    """Seconds after which trying again may help."""

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        # An error is pickled as it is, whatever its class asks for when one is made.
        return (_again, (type(self), self.args, self.__dict__))

    def problem(self) -> dict[str, Any]:
        """The problem details of this error, as JSON-ready data."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field:
            body["errors"] = [{"field": self.field, "detail": self.detail}]
        return body

    def message(self) -> dict[str, Any]:
        """The stream's `error` message of this error."""
        message = {"type": "error", "code": self.code, "detail": self.detail, "field": self.field}
        return message if self.retry_after is None else {**message, "retry_after": self.retry_after}


def _again(kind: type[ShallowsError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class BrokenOff(Exception):
    """An answer has begun and can't come to its end; says why.

    It goes up to the protocol, which ends the connection, so that whoever reads sees that something
    is missing, and logs one line.
    """


class InvalidJson(ShallowsError):
    """What came is not JSON."""

    status = 400
    code = "invalid_json"
    title = "Not JSON"


class Malformed(ShallowsError):
    """What came is not HTTP."""

    status = 400
    code = "malformed"
    title = "Not HTTP"


class TooSlow(ShallowsError):
    """A request did not come to its end."""

    status = 408
    code = "too_slow"
    title = "Too slow"


class ForeignOrigin(ShallowsError):
    """The request was made by a page of another origin."""

    status = 403
    code = "foreign_origin"
    title = "Refused"


class UnknownHost(ShallowsError):
    """The request names a host that is none of this server's."""

    status = 421
    code = "unknown_host"
    title = "Misdirected"


class Unauthorized(ShallowsError):
    """The access code of the server is missing or wrong."""

    status = 401
    code = "unauthorized"
    title = "Access code needed"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Refused(ShallowsError):
    """Nobody may do that over the network."""

    status = 403
    code = "refused"
    title = "Refused"


class NotFound(ShallowsError):
    """No such path, run or dataset."""

    status = 404
    code = "not_found"
    title = "Not found"


class BodyTooLarge(ShallowsError):
    """The body of the request is over the bound."""

    status = 413
    code = "too_large"
    title = "Too large"


class AddressTooLong(ShallowsError):
    """The path and the query of the request are over the bound."""

    status = 414
    code = "address_too_long"
    title = "Address too long"


class HeadersTooLarge(ShallowsError):
    """The headers of the request are over the bound."""

    status = 431
    code = "headers_too_large"
    title = "Headers too large"


class UnsupportedType(ShallowsError):
    """The body does not say that it is of a type that is taken here."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class InvalidField(ShallowsError):
    """One or more fields are missing, misspelt or out of their range."""

    status = 422
    code = "invalid_field"
    title = "Invalid request"

    def __init__(self, detail: str, field: str, others: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(detail, field)
        self.all = [(field, detail), *others]

    def problem(self) -> dict[str, Any]:
        """The problem details, with an entry for each bad field."""
        errors = [{"field": field, "detail": detail} for field, detail in self.all]
        return {**super().problem(), "errors": errors}

    @classmethod
    def from_pydantic(cls, errors: Sequence[Any]) -> "InvalidField":
        """Say in plain words what pydantic found.

        `errors` is `ValidationError.errors()`, from this process or from FastAPI.
        """
        found = [(field_path(error["loc"]), plain_words(error)) for error in errors[:20]]
        (field, detail), *others = found
        return cls(detail, field, others)


class TooMuch(ShallowsError):
    """What is asked for would take too long, or too many numbers, for a class to share a server."""

    status = 422
    code = "too_much"
    title = "Too much"


class UnknownType(ShallowsError):
    """A stream message whose `type` is missing or unknown."""

    status = 422
    code = "unknown_type"
    title = "Unknown message"


class NotConfigured(ShallowsError):
    """A command came before the session was configured."""

    status = 409
    code = "not_configured"
    title = "Nothing to train yet"


class Held(ShallowsError):
    """The class is held: what trains or changes waits."""

    status = 409
    code = "held"
    title = "Eyes here"

    def __init__(self) -> None:
        super().__init__(
            "Eyes here. Your network is paused and kept. It goes on when your teacher lets go."
        )


class NotStarted(ShallowsError):
    """The run has nothing to show yet."""

    status = 409
    code = "not_started"
    title = "Not yet"


class UnknownSession(ShallowsError):
    """The session asked for has ended or never was."""

    status = 404
    code = "unknown_session"
    title = "No such session"


class Full(ShallowsError):
    """A queue or a table is full; trying again later may help."""

    status = 429
    code = "full"
    title = "Full"

    def __init__(self, detail: str, retry_after_seconds: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after_seconds
        # Whole seconds, says RFC 9110.
        self.headers = {"Retry-After": str(math.ceil(retry_after_seconds))}


class TooManySessions(Full):
    """Every place for an interactive session is taken."""

    code = "too_many_sessions"


class TooFast(Full):
    """This client, or this stream, asks for more than its share."""

    code = "too_fast"
    title = "Too fast"


class NotReady(ShallowsError):
    """The workers are not (yet) there."""

    status = 503
    code = "not_ready"
    title = "Not ready"
    headers: Mapping[str, str] = {"Retry-After": "1"}


class Busy(ShallowsError):
    """It took too long, or what worked on it ended; trying again may help."""

    status = 503
    code = "busy"
    title = "Too busy"
    headers: Mapping[str, str] = {"Retry-After": "2"}


class GoingAway(ShallowsError):
    """The server is about to end; another one may take its place."""

    status = 503
    code = "going_away"
    title = "The server is restarting"
    headers: Mapping[str, str] = {"Retry-After": "5"}
    retry_after = 5.0

    def __init__(self) -> None:
        super().__init__("the server is being restarted; try again in 5 seconds")


class Elsewhere(ShallowsError):
    """Another server has what is asked for, or this one does not know what it has.

    A status that nothing else here has, so that a proxy may ask the next server.
    """

    status = 502
    code = "elsewhere"
    title = "On another server"
    headers: Mapping[str, str] = {"Retry-After": "1"}
    retry_after = 1.0

    def __init__(self) -> None:
        super().__init__("this is on its way to another server; try again in a second")


class NotStored(ShallowsError):
    """The database does not answer."""

    status = 503
    code = "not_stored"
    title = "Not stored"
    headers: Mapping[str, str] = {"Retry-After": "60"}


class Occupied(NotStored):
    """The database answers, but another server has kept this one's turn for too long."""


class Lost(ShallowsError):
    """A worker died and its work could not be taken up again."""

    status = 500
    code = "lost"
    title = "Lost"


# Parts of a pydantic location that are no part of the path as the sender wrote it.
_NOT_IN_THE_PATH = {"body", "query", "path", "named", "own"}

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a field here; check its spelling",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number within its range",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be one of {expected}",
    "too_short": "must have at least {min_length} entries; it has {actual_length}",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
}


def field_path(loc: Sequence[str | int]) -> str:
    """The dotted path of a bad field, such as `training.learning_rate`."""
    return ".".join(str(part) for part in loc if part not in _NOT_IN_THE_PATH) or "the request"


def plain_words(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors as a sentence: the field, what it must be, what came."""
    path = field_path(error["loc"])
    context = error.get("ctx", {})
    template = _WORDS.get(error["type"])
    says = template.format(**context) if template else _lower_first(str(error["msg"]))
    given = error.get("input")
    short = isinstance(given, bool | int | float | str) and len(repr(given)) <= 40
    got = f"; got {given!r}" if short and error["type"] != "missing" else ""
    return f"{path} {says}{got}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
