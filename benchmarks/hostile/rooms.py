"""Hostile cases at a class's room: guesses, joins, rooms, looks, and teachers who never rest."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence

import httpx2 as httpx

from app.classroom.codes import LENGTH, SIGNS
from benchmarks.hostile.aim import REFUSED_SECONDS, Aim, Message, browser, case, stream
from benchmarks.hostile.streams import DEFAULT, configure

GUESSERS, AT_ONCE = 80, 8
PAUSE = 0.005
PAUSED = configure({}, DEFAULT, playing=False)
LOOKS = ("", "/results.csv", "/code.svg")

Answer = Awaitable[httpx.Response]


async def room(aim: Aim) -> dict[str, str]:
    """A room to aim at, with one who is in."""
    async with browser(aim.url, aim.source) as client:
        opened: dict[str, str] = (await client.post("rooms", json={})).json()
        joined = (await client.post("rooms/join", json={"code": opened["code"]})).json()
    return {**opened, "secret": joined["secret"]}


async def ask(aim: Aim, ask: Callable[[httpx.AsyncClient, int], Answer], at_once: int) -> None:
    """Requests over and over, so many at a time, each with a number of its own."""
    numbers = itertools.count()

    async def one(client: httpx.AsyncClient) -> None:
        while aim.on:
            status = 0
            with aim.noting():
                status = (await ask(client, next(numbers))).status_code
                aim.got[str(status)] += 1
            await asyncio.sleep(PAUSE if 200 <= status < 500 and status != 429 else REFUSED_SECONDS)

    async with browser(aim.url, aim.source) as client:
        await asyncio.gather(*(one(client) for _ in range(at_once)))


async def say(
    aim: Aim, path: str, first: Sequence[Message], repeated: Sequence[Message], per_second: float
) -> None:
    """A stream that says `first`, then the others in turn so often a second; it hears all."""
    while aim.on:
        with aim.noting():
            async with stream(aim, path) as line:
                hearing = asyncio.create_task(line.hear_on())
                try:
                    await line.say(*first)
                    for message in itertools.cycle(repeated):
                        await line.say(message)
                        aim.got["messages"] += 1
                        await asyncio.sleep(1 / per_second)
                        if not aim.on:
                            break
                finally:
                    hearing.cancel()
                    await asyncio.gather(hearing, return_exceptions=True)
        await asyncio.sleep(REFUSED_SECONDS)


async def guess(aim: Aim, at_once: int = AT_ONCE) -> None:
    """Codes, each another one."""

    def guessed(client: httpx.AsyncClient, number: int) -> Answer:
        code = "".join(random.Random(number).choices(SIGNS, k=LENGTH))
        return client.post("rooms/join", json={"code": code})

    await ask(aim, guessed, at_once)


async def join(aim: Aim, at_once: int = AT_ONCE) -> None:
    """The same code, as somebody new each time."""
    body = {"code": aim.prepared["code"]}
    await ask(aim, lambda client, _: client.post("rooms/join", json=body), at_once)


async def open_rooms(aim: Aim, at_once: int = AT_ONCE) -> None:
    """Rooms, with the longest title."""
    await ask(aim, lambda client, _: client.post("rooms", json={"title": "y" * 80}), at_once)


async def look(aim: Aim, at_once: int = AT_ONCE) -> None:
    """The state of a room, its table and its QR code, in turn."""
    id, key = aim.prepared["id"], {"Shallows-Room-Key": aim.prepared["key"]}

    def looked(client: httpx.AsyncClient, number: int) -> Answer:
        return client.get(f"rooms/{id}{LOOKS[number % len(LOOKS)]}", headers=key)

    await ask(aim, looked, at_once)


async def teach(aim: Aim, pages: int = 2) -> None:
    """Pages of teachers, with a fine wall, that lock and hold 300 times a second."""
    opens = {"type": "open", "key": aim.prepared["key"], "wall": {"resolution": 64}}
    switched = [
        {"type": type, field: on}
        for on in (True, False)
        for type, field in (("lock", "locked"), ("hold", "held"))
    ]
    path = f"rooms/{aim.prepared['id']}/stream"
    await asyncio.gather(*(say(aim, path, [opens], switched, 300) for _ in range(pages)))


async def attend(aim: Aim, labs: int = 8) -> None:
    """A page of a member who raises a hand 100 times a second, and its labs."""
    id, secret = aim.prepared["id"], aim.prepared["secret"]
    enter: Message = {"type": "enter", "room": id, "secret": secret}
    said: list[Message] = [
        {"type": "hand", "up": True},
        {"type": "view"},
        {"type": "hand", "up": False},
    ]
    pages: list[list[Message]] = [
        [enter, PAUSED],
        *([{**enter, "lab": True}, PAUSED] for _ in range(labs)),
    ]
    path = f"ws?room={id}"
    await asyncio.gather(*(say(aim, path, page, said, 300) for page in pages))


@case(row=12)
async def wrong_codes(aim: Aim) -> None:
    """80 connections that guess codes of rooms, each time another one."""
    await guess(aim, GUESSERS)


@case(row=12, prepare=room)
async def joins(aim: Aim) -> None:
    """A room is joined over and over, and over again when it is full."""
    await join(aim)


@case(row=12)
async def rooms_opened(aim: Aim) -> None:
    """Rooms are opened, as many as may be, and then still."""
    await open_rooms(aim)


@case(row=12, prepare=room)
async def looks_at_a_room(aim: Aim) -> None:
    """A room's state, table and QR code."""
    await look(aim)


@case(row=12, prepare=room)
async def restless_teachers(aim: Aim) -> None:
    """Two teachers' pages that lock and hold 300 times a second, while somebody is in."""
    await asyncio.gather(teach(aim), attend(aim, labs=0))


@case(row=12, prepare=room)
async def labs_in_a_room(aim: Aim) -> None:
    """A member's page and eight labs, which take each other's place all the time."""
    await attend(aim)


@case(row=12, prepare=room)
async def all_at_a_room(aim: Aim) -> None:
    """All of these at once."""
    asking = (each(aim) for each in (guess, join, open_rooms, look))
    await asyncio.gather(*asking, teach(aim), attend(aim, labs=2))
