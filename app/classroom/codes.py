"""Codes that are read from a wall and typed, keys that nobody types, and how both are kept.

A code has six signs, none of which looks like another. There are no vowels, so no words, and no
sign stands twice in a row, so that it can be read out. Keys and secrets have 192 random bits. The
room keeps none of them, only their HMACs: whoever reads the store can't enter with what is there.
What was handed out is compared in constant time.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from typing import Literal, Protocol

SIGNS = "23456789CDHJKMNPQRTWXY"
"""No 0, O, 1, I, L; of B and 8, G and 6, S and 5, U and V, Z and 2 at most one; no vowels."""
LENGTH = 6
LOOKALIKES = str.maketrans({"B": "8", "G": "6", "S": "5", "Z": "2"})
"""What is typed in place of a sign that is there."""
MOST_TYPED = 40
"""Characters of what is typed; more are not looked at."""
PAIRING_LENGTH = 8
SECRET_BYTES = 24

Purpose = Literal["key", "screen", "member", "claim", "pairing"]


class Random(Protocol):
    """Where chance comes from; in tests it is known."""

    def choice(self, signs: str) -> str:
        """One of some signs."""

    def token(self, size: int) -> str:
        """A text of so many random bytes."""


class SystemRandom:
    """Chance as the system has it."""

    def choice(self, signs: str) -> str:
        """One of some signs."""
        return secrets.choice(signs)

    def token(self, size: int) -> str:
        """A text of so many random bytes."""
        return secrets.token_urlsafe(size)


class Mint:
    """Makes codes, keys and secrets, and the digests that are kept of them.

    Args:
        key: Of the store; with another one nothing that was handed out is known any more.
    """

    def __init__(self, key: bytes, chance: Random | None = None) -> None:
        self._key = key
        self._chance = chance or SystemRandom()

    def code(self, taken: Collection[str] = ()) -> str:
        """A code that no other room has."""
        while True:
            code = self._signs(LENGTH)
            if code not in taken:
                return code

    def pairing(self) -> str:
        """A code that is good for once, for a teacher's other device."""
        return self._signs(PAIRING_LENGTH)

    def secret(self) -> str:
        """A key or secret that nobody guesses."""
        return self._chance.token(SECRET_BYTES)

    def session(self) -> str:
        """The id of a session."""
        return self._chance.token(16)

    def seed(self) -> int:
        """Of the order in which names are given."""
        return int.from_bytes(hashlib.sha256(self._chance.token(8).encode()).digest()[:8])

    def digest(self, purpose: Purpose, secret: str) -> str:
        """What is kept of a secret. One that was made for another purpose is not the same."""
        text = f"{purpose}:{secret}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def _signs(self, length: int) -> str:
        signs = ""
        while len(signs) < length:
            signs += self._chance.choice("".join(sign for sign in SIGNS if sign != signs[-1:]))
        return signs


def read_code(typed: str) -> str:
    """The code that somebody has typed: in either case, with spaces or hyphens or without."""
    signs = "".join(sign for sign in typed[:MOST_TYPED] if not sign.isspace() and sign not in "-‐–")
    return signs.upper().translate(LOOKALIKES)


def same(one: str, other: str) -> bool:
    """Whether two digests are the same, in a time that does not tell how far."""
    return hmac.compare_digest(one.encode(), other.encode())
