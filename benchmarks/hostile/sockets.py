"""Hostile cases below messages: control frames, fragments, single bytes, and many connections."""

from __future__ import annotations

import asyncio
import contextlib

from benchmarks.hostile.aim import Aim, bare, case, flood, storm
from benchmarks.hostile.streams import PAGE_VIEW, START

MASK = bytes(4)  # which changes nothing
TEXT, CONTINUED, PING, PONG = 0x01, 0x00, 0x89, 0x8A
FINAL = 0x80


def frame(opcode: int, size: int = 0) -> bytes:
    """A frame of so many zeros (up to 125), masked."""
    return bytes([opcode, 0x80 | size]) + MASK + bytes(size)


@case(row=7)
async def empty_pings(aim: Aim) -> None:
    """Empty pings as fast as they are taken; their answers are read."""
    await flood(aim, b"", frame(PING) * 10_000)


@case(row=7)
async def unread_pings(aim: Aim) -> None:
    """Pings of 125 bytes whose answers are never read."""
    await flood(aim, b"", frame(PING, 125) * 500, reads=False)


@case(row=7)
async def empty_pongs(aim: Aim) -> None:
    """Answers to pings that nobody sent."""
    await flood(aim, b"", frame(PONG) * 10_000)


@case(row=7)
async def empty_fragments(aim: Aim) -> None:
    """A message that goes on and on, an empty piece at a time."""
    await flood(aim, frame(TEXT), frame(CONTINUED) * 10_000)


@case(row=7)
async def small_fragments(aim: Aim) -> None:
    """A message of 900,000 bytes, one byte to a piece, and another."""
    message = frame(TEXT, 1) + frame(CONTINUED, 1) * 900_000 + frame(CONTINUED | FINAL, 1)
    await flood(aim, b"", message)


@case(row=7)
async def empty_messages(aim: Aim) -> None:
    """Messages without a letter."""
    await flood(aim, b"", frame(TEXT | FINAL) * 10_000)


@case(row=7)
async def single_bytes(aim: Aim) -> None:
    """Messages of 125 bytes, each byte in a segment of its own, on four connections."""
    message = frame(TEXT | FINAL, 125)
    await asyncio.gather(*(flood(aim, b"", message, piece=1) for _ in range(4)))


@case(row=7)
async def many_sockets(aim: Aim) -> None:
    """400 connections that say nothing at all."""
    async with contextlib.AsyncExitStack() as open_ones:
        for _ in range(400):
            with aim.noting():
                await open_ones.enter_async_context(bare(aim, None))
                aim.got["open"] += 1
            if not aim.on:
                return
        await aim.ended()


@case(row=7)
async def many_idle_streams(aim: Aim) -> None:
    """200 streams that begin a session and play nothing."""
    await storm(aim, [PAGE_VIEW, {**START, "playing": False}], streams=200)
