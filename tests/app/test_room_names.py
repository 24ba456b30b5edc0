"""Codes, keys, and names that are given or chosen."""

import itertools
import re
from collections import Counter

import pytest

from app.classroom.bounds import MOST_MEMBERS
from app.classroom.codes import Mint, read_code, same
from app.classroom.names import (
    ANIMALS,
    LONGEST_NAME,
    WORDS,
    check_name,
    folded,
    given_name,
    given_names,
)
from app.errors import InvalidField
from tests.app.classroom import SeededRandom

MINT = Mint(b"key", SeededRandom(3))


def test_a_code_has_six_signs_none_of_which_looks_like_another() -> None:
    codes = [MINT.code() for _ in range(2000)]
    signs = Counter("".join(codes))
    assert all(len(code) == 6 for code in codes)
    for alike in ("0OQD", "1IL", "2Z", "5S", "6G", "8B", "UV"):
        # Q and D remain of the round ones: there is no O and no 0.
        assert len(signs.keys() & set(alike)) <= (2 if "0" in alike else 1), alike
    assert not signs.keys() & set("AEIOU01L")
    assert not any(one == other for code in codes for one, other in itertools.pairwise(code))
    assert len(set(codes)) > 1990


def test_a_code_is_new() -> None:
    first = Mint(b"", SeededRandom(1)).code()
    assert Mint(b"", SeededRandom(1)).code() == first
    assert Mint(b"", SeededRandom(1)).code({first}) != first


@pytest.mark.parametrize(
    "typed", ["K7M4QX", "k7m4qx", " k7m 4qx ", "K7M-4QX", "k 7 m 4 q x", "K7M\u00a04QX\n"]
)
def test_a_code_is_read_as_it_is_typed(typed: str) -> None:
    assert read_code(typed) == "K7M4QX"


def test_what_looks_like_a_sign_is_read_as_it() -> None:
    assert read_code("sbgzK7") == "5862K7"
    assert len(read_code("K" * 1_000_000)) <= 40


def test_a_digest_is_of_one_purpose_and_one_key() -> None:
    digest = MINT.digest("member", "secret")
    assert same(digest, MINT.digest("member", "secret"))
    assert "secret" not in digest
    others = [
        MINT.digest("key", "secret"),
        MINT.digest("member", "secret "),
        Mint(b"other").digest("member", "secret"),
        MINT.digest("member", "\ud800"),
    ]
    assert not any(same(digest, other) for other in others)
    assert len({Mint(b"").secret() for _ in range(100)}) == 100
    assert len(Mint(b"").secret()) >= 32


# -- names ----------------------------------------------------------------------------------

_RUDE = (
    "ass anal anus arse cum cunt coc dic die fag fat fuc fuk gay god hoe jew kkk nig pee piss poo "
    "puk rape sex shit slut tit wan wet xxx"
)
RUDE = _RUDE.split()
"""Parts of what must not be read, neither in a word nor where two meet."""


def test_no_pair_is_rude_and_each_is_short() -> None:
    for word, animal in itertools.product(WORDS, ANIMALS):
        assert len(f"{word} {animal}") <= LONGEST_NAME
        assert not [rude for rude in RUDE if rude in word + animal], (word, animal)
    assert all(re.fullmatch("[a-z]+", word) for word in (*WORDS, *ANIMALS))


def test_there_are_names_for_a_full_room_and_the_first_are_easy_to_tell_apart() -> None:
    names = list(given_names(7))
    assert len(set(map(folded, names))) == len(names) == len(WORDS) * len(ANIMALS)
    assert len(names) > 2 * MOST_MEMBERS
    first = [name.split() for name in names[:40]]
    assert len({word for word, _ in first}) == len({animal for _, animal in first}) == 40


def test_names_follow_from_the_seed() -> None:
    assert list(given_names(7)) == list(given_names(7)) != list(given_names(8))
    names = iter(given_names(7))
    first, second = next(names), next(names)
    assert given_name(7, set()) == first
    assert given_name(7, {folded(first)}) == second


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada", "Ada"),
        ("  Ada \t  Lovelace ", "Ada Lovelace"),
        ("Zoë", "Zoë"),
        ("Zoe\u0308", "Zoë"),
        ("李小龙", "李小龙"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("🦦", "🦦"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
    ],
)
def test_a_name_is_shown(name: str, shown: str) -> None:
    assert check_name(name) == shown


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("\u0301\u0301", "empty"),
        ("\u3164", "empty"),
        ("\u200d", "empty"),
        ("x" * (LONGEST_NAME + 1), "at most 24 characters; it has 25"),
        ("a\x00b", r"U\+0000"),
        ("a\x1b[31m", r"U\+001B"),
        ("abc\u202edef", r"U\+202E"),
        ("a\u2066b", r"U\+2066"),
        ("a\u200bb", r"U\+200B"),
        ("a\ufeffb", r"U\+FEFF"),
        ("a\u3164b", r"U\+3164"),
        ("a\ud800b", r"U\+D800"),
        ("a\ue000b", r"U\+E000"),
        ("z\u0300\u0301\u0302\u0303", "too many marks"),
    ],
)
def test_a_name_is_refused(name: str, why: str) -> None:
    with pytest.raises(InvalidField, match=why) as error:
        check_name(name)
    assert error.value.field == "name"


@pytest.mark.parametrize(
    "other",
    [
        "CALM OTTER",
        "calmotter",
        "Cálm Ottér",
        "ｃａｌｍ ｏｔｔｅｒ",
        "calm\u00a0otter",
        "calm o\u200dtter",
    ],
)
def test_names_that_look_alike_are_one(other: str) -> None:
    assert folded(other) == folded("calm otter")
