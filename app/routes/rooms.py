"""Rooms of classes over REST: open, join, look, take away, end. Who is in talks on a stream."""

import contextlib
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Header, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from app.classroom import views
from app.classroom.codes import read_code
from app.classroom.commands import Collect, End, Join, Redeem
from app.classroom.errors import NotATeacher, NotYours, WrongKey
from app.classroom.events import Joined, KeyMade, Role, Waiting
from app.classroom.messages import JoinRoom, OpenRoom, Redeemed
from app.classroom.names import folded
from app.classroom.room import Room
from app.errors import UnknownHost
from app.links import in_url, lan_address, server_path
from app.origins import scheme_of
from app.routes.heavy import JsonRoute, answered, given
from app.routes.pages import room_page
from app.services import AllServices, Services
from app.web.limits import client_of

router = APIRouter(prefix="/rooms", tags=["rooms"], route_class=JsonRoute)

T = TypeVar("T")

RoomKey = Annotated[
    str | None,
    Header(alias="Shallows-Room-Key", max_length=100, description="of the teacher"),
]
TeacherCode = Annotated[
    str | None,
    Header(
        alias="Shallows-Teacher-Code",
        max_length=500,
        description="if the server asks for one before it opens a room",
    ),
]
NO_STORE = {"Cache-Control": "no-store"}
HOST = re.compile(r"([\w.-]{1,253}|\[[\da-f:.]{2,45}\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)
"""What is the host of an address, and so small that it can be drawn."""
LOOPBACK = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)


class Opened(BaseModel):
    """A new room. Its keys are said here and never again."""

    id: str
    code: str
    key: str
    screen_key: str
    join: str
    teacher: str
    screen: str


class IsIn(BaseModel):
    """Somebody has a place. The secret is said here and never again."""

    room: str
    member: int
    name: str
    secret: str
    session: str
    title: str


class Waits(BaseModel):
    """The teacher is asked; send the claim again until they have decided."""

    claim: str


class Key(BaseModel):
    """A key for another device of the teacher's."""

    id: str
    key: str
    teacher: str


@router.post("", summary="Open a room", status_code=status.HTTP_201_CREATED)
async def open_room(
    request: Request,
    response: Response,
    services: Services,
    body: OpenRoom,
    code: TeacherCode = None,
) -> Opened:
    """A room for a class, with a code to join it and the keys of its teacher and its projector."""
    client = client_of(request.scope)
    if (wanted := services.settings.teacher_code) is not None:
        typed = "teacher", _header_text(code or "")
        async with services.tries.one(client, typed, request.is_disconnected):
            _check_teacher(code, wanted.get_secret_value())
    new = await services.rooms.open(body.line(), client)
    door = new.room.state.door
    response.headers.update(NO_STORE)
    return Opened(
        id=door.id,
        code=door.code,
        key=new.key,
        screen_key=new.screen_key,
        join=server_path(f"/j/{door.code}"),
        teacher=server_path(f"/rooms/{door.id}"),
        screen=server_path(f"/rooms/{door.id}/screen"),
    )


def _check_teacher(code: str | None, wanted: str) -> None:
    if code is None:
        raise NotATeacher("Only teachers open rooms here. Type the teachers' code.")
    # Digests, so that not even the length of the code shows in the time taken. A header has bytes.
    ours, theirs = (
        hashlib.sha256(text.encode("utf-8", "replace")).digest()
        for text in (wanted, _header_text(code))
    )
    if not hmac.compare_digest(ours, theirs):
        raise NotATeacher("That is not the teachers' code of this server.")


def _header_text(text: str) -> str:
    """What a browser or a script means by a header that has more than ASCII in it."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


@router.post(
    "/join",
    summary="Join a room by its code",
    status_code=status.HTTP_201_CREATED,
    response_model=IsIn,
    responses={202: {"model": Waits, "description": "A name is claimed; the teacher is asked"}},
)
async def join(request: Request, services: Services, body: JoinRoom) -> Response:
    """As somebody new; back, with a secret; or by the name that one had, if the teacher agrees."""
    rooms, client = services.rooms, client_of(request.scope)
    # Who has a secret or a claim of the room guesses nothing, and waits for nobody who does.
    known = rooms.knows(body.code, body.secret, body.claim)
    typed = "join", read_code(body.code), None if body.name is None else folded(body.name)
    one = (
        contextlib.nullcontext()
        if known
        else services.tries.one(client, typed, request.is_disconnected)
    )
    async with one:
        room = await rooms.of_code(body.code)
        said = (
            Join(body.name, body.secret) if body.claim is None else Collect(body.claim, body.secret)
        )
        events = await rooms.do(room, said)
    for event in events:
        if isinstance(event, Waiting):
            waits = Waits(claim=event.claim)
            return JSONResponse(waits.model_dump(), status.HTTP_202_ACCEPTED, NO_STORE)
        if isinstance(event, Joined):
            is_in = IsIn(
                room=room,
                member=event.member,
                name=event.name,
                secret=event.secret,
                session=event.session,
                title=event.title,
            )
            answer = JSONResponse(is_in.model_dump(), status.HTTP_201_CREATED, NO_STORE)
            services.passes.give(answer, request, room)
            return answer
    raise AssertionError("a join has an answer")


@router.post("/teacher", summary="A key for another device", status_code=status.HTTP_201_CREATED)
async def another_device(
    request: Request, response: Response, services: Services, body: Redeemed
) -> Key:
    """With the one-time code that a teacher's page shows (`pair`)."""
    rooms = services.rooms
    typed = "pairing", read_code(body.code), read_code(body.pairing)
    client = client_of(request.scope)
    async with services.tries.one(client, typed, request.is_disconnected):
        room = await rooms.of_code(body.code)
        (made,) = (e for e in await rooms.do(room, Redeem(body.pairing)) if isinstance(e, KeyMade))
    response.headers.update(NO_STORE)
    services.passes.give(response, request, room)
    return Key(id=room, key=made.key, teacher=server_path(f"/rooms/{room}"))


@router.get(
    "/{room}",
    summary="A room as its teacher, or its projector, sees it",
    response_model=dict[str, object],
)
async def show(request: Request, services: Services, room: str, key: RoomKey = None) -> Response:
    """The same as `room` on the stream. Without a key, a browser gets the teacher's page."""
    if key is None and "text/html" in request.headers.get("accept", ""):
        return room_page(services, "teacher")
    loop_time = services.loop_times.open(client_of(request.scope))
    await loop_time.paid()

    def written(found: Room, role: Role) -> Response:
        began = time.thread_time()
        see = views.teacher_view if role == "teacher" else views.screen_view
        answer = JSONResponse(see(found.state), headers=NO_STORE)
        loop_time.charge(time.thread_time() - began)
        return answer

    answer = await _with_key(services, room, key, written)
    services.passes.give(answer, request, room)
    return answer


async def _with_key(
    services: AllServices, room: str, key: str | None, look: Callable[[Room, Role], T]
) -> T:
    """What somebody sees who has a key.

    Raises:
        NoRoom: there is no such room.
        WrongKey: the key opens nothing there.
    """

    def check(found: Room) -> T:
        role = None if key is None else found.role_of(key)
        if role is None:
            raise WrongKey
        return look(found, role)

    return await services.rooms.look(room, check)


def _teachers(found: Room, role: Role) -> None:
    if role != "teacher":
        raise NotYours


@router.get(
    "/{room}/results.csv",
    summary="What everybody has answered and solved, as a table",
    response_class=Response,
    responses={200: {"description": "The table", "content": {"text/csv": {}}}},
)
async def results(request: Request, services: Services, room: str, key: RoomKey = None) -> Response:
    """A row for each member and task, question or prediction; answers only once they are shown."""
    await _with_key(services, room, key, _teachers)
    prepared = given(await services.rooms.rows(room))
    name = {"Content-Disposition": 'attachment; filename="results.csv"', **NO_STORE}
    return await answered(
        request, services, "results", prepared, "text/csv; charset=utf-8", lambda: name
    )


class Link(BaseModel):
    """Where a member's network can be seen, as it was; null if there was nothing to keep."""

    member: int
    name: str
    link: str | None


class Links(BaseModel):
    """Of every member."""

    links: list[Link]


@router.post("/{room}/links", summary="Keep every member's network, each with a link")
async def keep(services: Services, room: str, key: RoomKey = None) -> Links:
    """As `POST /sessions/{session}/save`, until the room ends; what was kept before goes."""
    await _with_key(services, room, key, _teachers)
    kept = await services.linking.keep(room)
    return Links(links=[Link(member=one[0], name=one[1], link=one[2]) for one in kept])


@router.get(
    "/{room}/code.svg",
    summary="The address at which one joins, as a QR code",
    response_class=Response,
    responses={200: {"description": "The code", "content": {"image/svg+xml": {}}}},
)
async def draw_code(request: Request, services: Services, room: str) -> Response:
    """Dark on white with its quiet zone. Whoever knows the room's id may see its code."""
    code = await services.rooms.look(room, lambda found: found.state.door.code)
    address = f"{_origin(request, services)}{server_path(f'/j/{code}')}"
    return await answered(
        request, services, "qr", given(address), "image/svg+xml", lambda: NO_STORE
    )


def _origin(request: Request, services: AllServices) -> str:
    """Where others find this server; who sits at it has opened an address that only it knows.

    Raises:
        UnknownHost: the request says no host that there can be.
    """
    host = request.headers.get("host", "")
    if not HOST.fullmatch(host):
        raise UnknownHost("this is not the name of a host")
    lan = lan_address(services.settings.host)
    if lan is not None and LOOPBACK.fullmatch(host):
        port = host[host.rfind(":") :] if ":" in host.rpartition("]")[2] else ""
        host = in_url(lan) + port
    return f"{scheme_of(request.url.scheme, request.headers)}://{host}"


@router.delete(
    "/{room}", summary="End a room: all of it is gone", status_code=status.HTTP_204_NO_CONTENT
)
async def end(services: Services, room: str, key: RoomKey = None) -> None:
    """Names, secrets, answers, all of it. What students have trained stays theirs."""
    await _with_key(services, room, key, _teachers)
    await services.rooms.do(room, End())
    await services.rooms.forgotten()
