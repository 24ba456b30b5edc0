"""Names: those that are given, and the rules for those that a teacher gives.

A given name is a kind word and an animal, "calm otter". The words are chosen so that none is rude
beside any other. Two lists whose lengths have no common factor are walked at the same time, each in
an order that the room's seed decides: so all pairs come before one comes again, and among the first
thirty no word comes twice. There are 2,021 pairs, five times as many as a room has places.
"""

import random
import re
import unicodedata
from collections.abc import Collection, Iterator

from app.errors import InvalidField

LONGEST_NAME = 24
MOST_MARKS = 2
"""Marks on one letter. More would leave the line."""

_WORDS = (
    "able agile amiable brave bright brisk calm candid careful cheery clever cosy curious daring "
    "eager early friendly gentle glad graceful happy helpful honest humble jolly keen kind lively "
    "loyal lucky mellow merry mindful modest neat noble patient peaceful plucky polite rapid "
    "serene steady sturdy sunny tidy wise"
)
_ANIMALS = (
    "badger bison crane dolphin dove eagle egret falcon finch gecko hare hawk heron ibis impala "
    "kestrel kiwi koala koi lark lemur linnet llama lynx marten moose newt ocelot okapi osprey "
    "otter owl parrot pelican penguin petrel plover puffin quail quokka raven robin salmon"
)
WORDS, ANIMALS = _WORDS.split(), _ANIMALS.split()

_SPACES = re.compile(r"\s+")
_REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""Of all that is not seen these are part of how some languages and signs are written."""
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that nobody sees."""


def given_names(seed: int) -> Iterator[str]:
    """All names in the order of a seed, each once."""
    chance = random.Random(seed)
    words = chance.sample(WORDS, len(WORDS))
    animals = chance.sample(ANIMALS, len(ANIMALS))
    for number in range(len(WORDS) * len(ANIMALS)):
        yield f"{words[number % len(words)]} {animals[number % len(animals)]}"


def given_name(seed: int, taken: Collection[str]) -> str:
    """The next name that nobody has.

    Args:
        taken: The names there are, as `folded`. There are more names than a room has places.
    """
    return next(name for name in given_names(seed) if folded(name) not in taken)


def folded(name: str) -> str:
    """What two names share if one could be taken for the other: no case, width, marks or spaces."""
    if name.isascii() and name.isprintable():  # as nearly all are; a join looks at 400
        return "".join(name.lower().split())
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(
        sign
        for sign in plain
        if not (sign.isspace() or sign in _BLANK or unicodedata.category(sign)[0] in "MC")
    )


def plain_line(text: str, most: int, field: str, what: str) -> str:
    """A line of text as it is shown: with nothing unseen in it, and single spaces.

    Args:
        most: Characters.
        field: Of the message, for the error.
        what: What it is, for the sentence: "the name".

    Raises:
        InvalidField: It is empty, too long, or has signs that would change what is around it.
    """
    line = _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if not folded(line):
        raise InvalidField(f"{what} is empty; write at least one letter or digit", field)
    if len(line) > most:
        raise InvalidField(f"{what} must have at most {most} characters; it has {len(line)}", field)
    marks = 0
    for sign in line:
        kind = unicodedata.category(sign)
        if sign in _BLANK or (kind in _REFUSED and sign not in _JOINERS):
            raise InvalidField(
                f"{what} has a sign that is not seen or turns others round (U+{ord(sign):04X}); "
                "leave it out",
                field,
            )
        marks = marks + 1 if kind[0] == "M" else 0
        if marks > MOST_MARKS:
            raise InvalidField(f"{what} has too many marks on one letter", field)
    return line


def check_name(name: str) -> str:
    """A name that a teacher gives, as it is shown.

    Raises:
        InvalidField: It can't be shown.
    """
    return plain_line(name, LONGEST_NAME, "name", "the name")
