"""The tables. What of a run is looked at alone has a column; the rest is JSON and safetensors.

A change here needs a migration in `migrations/versions`; a test holds the two together.
"""

from sqlalchemy import BigInteger, Boolean, Double, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of the store."""


class RunRow(Base):
    """A run that has ended, or a session as it was saved.

    Attributes:
        number: Grows with every row: a larger one was stored later.
        id: Under which it is asked for.
        kind: `run` or `save`.
        client: Whose it is, as `Notes.client` names an address; empty if it was not known.
        stored_at: Seconds of the store's own time; see `notes.py`.
        size: Bytes of all its texts and arrays.
        iterations: How many were planned of its first run.
        progress: JSON: status, cost and accuracies of its first run.
        plan: JSON: data, networks, training; null if it never came to that.
        state: JSON: the changes, and of each trainer all but its arrays.
        arrays: safetensors: parameters, the optimizer's memory and costs of each run.
        page: The address of the page that it was saved from, from its hash on.
    """

    __tablename__ = "runs"
    # Retention reads nothing but this.
    __table_args__ = (Index("runs_by_client", "kind", "client", "number", "size", "stored_at"),)

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(8))
    client: Mapped[str] = mapped_column(String(8), server_default=text("''"))
    stored_at: Mapped[float] = mapped_column(Double)
    size: Mapped[int] = mapped_column(BigInteger)
    iterations: Mapped[int] = mapped_column(Integer)
    progress: Mapped[str] = mapped_column(Text)
    plan: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str | None] = mapped_column(Text)
    arrays: Mapped[bytes | None] = mapped_column(LargeBinary)
    page: Mapped[str | None] = mapped_column(Text)


class SessionRow(Base):
    """An interactive session as it was kept last. Its costs are in `CostsRow`.

    Attributes:
        number: Grows with every writing.
        id: The session's.
        mark: Of this writing. Whoever knows it may add to the costs that are there.
        client: Whose it is, as `Notes.client` names an address; empty if it was not known.
        stored_at: Seconds of the store's own time; see `notes.py`.
        size: Bytes of all its texts, arrays and costs.
        settled: Whether nothing came after it: it was given up, or the server ended in order.
        playing: Whether it trains on when it is taken up.
        stepping: How many iterations of a step are left.
        plan: JSON: data, networks, training.
        state: JSON: the changes, and of each trainer all but its arrays.
        arrays: safetensors: parameters and the optimizer's memory of each run.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_by_client", "client", "number", "size", "stored_at"),)

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(64), unique=True)
    mark: Mapped[str] = mapped_column(String(16))
    client: Mapped[str] = mapped_column(String(8), server_default=text("''"))
    stored_at: Mapped[float] = mapped_column(Double)
    size: Mapped[int] = mapped_column(BigInteger)
    settled: Mapped[bool] = mapped_column(Boolean)
    playing: Mapped[bool] = mapped_column(Boolean)
    stepping: Mapped[int] = mapped_column(Integer)
    plan: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    arrays: Mapped[bytes] = mapped_column(LargeBinary)


class CostsRow(Base):
    """Costs of a session that follow those of its rows with smaller numbers.

    Attributes:
        session: Whose they are.
        costs: safetensors: those of each run.
    """

    __tablename__ = "session_costs"
    __table_args__ = (Index("session_costs_by_session", "session", "number"),)

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    session: Mapped[str] = mapped_column(String(64))
    costs: Mapped[bytes] = mapped_column(LargeBinary)


class RoomRow(Base):
    """A part of a class's room; see `app.classroom`, which reads and writes what is in it."""

    __tablename__ = "rooms"
    __table_args__ = ({"sqlite_with_rowid": False},)

    room: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class NoteRow(Base):
    """What the store has to know about itself; see `notes.py`."""

    __tablename__ = "notes"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class ServerRow(Base):
    """A server that shares the database with others; see `owned.py`.

    Attributes:
        id: Of one start of a server; the next start is another.
        address: At which the other servers reach it.
        seen: When it was here last, in seconds of the database's clock.
        spent: JSON: what addresses have spent there lately.
    """

    __tablename__ = "servers"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    address: Mapped[str] = mapped_column(Text)
    seen: Mapped[float] = mapped_column(Double)
    spent: Mapped[str] = mapped_column(Text)


class OwnedRow(Base):
    """Which server has a session, a REST run that has not ended, or a room; see `owned.py`.

    Attributes:
        kind: `session`, `job` or `room`.
        name: Its id.
        server: Whose it is; empty if it is nobody's just now.
        epoch: Grows with each taking. What says an older one is not written.
        since: When it was taken, in seconds of the database's clock.
        before: The server that lived and had it before, if it was taken from there: its next beat
            says so.
        client: Whose it is, as `Notes.client` names an address.
        code: Of a room.
        iterations: How many were planned of a REST run.
    """

    __tablename__ = "owned"
    __table_args__ = (Index("owned_by_server", "server"), Index("owned_before", "before"))

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    server: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[int] = mapped_column(Integer)
    since: Mapped[float] = mapped_column(Double)
    before: Mapped[str | None] = mapped_column(String(16))
    client: Mapped[str] = mapped_column(String(8))
    code: Mapped[str | None] = mapped_column(String(8), unique=True)
    iterations: Mapped[int] = mapped_column(Integer)
