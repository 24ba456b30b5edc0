"""How the plane and its examples are drawn, in a report as on the page.

A class differs in shape as well as in colour. Colours are the page's own, read from its style
sheet as the light theme has them, for paper. `static/js/marks.js` has the same names; a test
compares the two.
"""

import re
from dataclasses import dataclass
from functools import cache

from app.content.assets import STATIC


@dataclass(frozen=True)
class Mark:
    """That of a class; `symbol` is Plotly's name, `token` a colour of tokens.css."""

    symbol: str
    token: str

    @property
    def colour(self) -> str:
        """#rrggbb."""
        return colour(self.token)


PLANE = (-6.6, 6.6)
"""What is seen of the plane, each way: a little more than where the data live."""
MARKS = (Mark("diamond", "zero-mark"), Mark("circle", "one-mark"))
"""Of class 0 and of class 1."""
RAMP = ("heat-0", "heat-m", "heat-1")
"""Tokens of the ramp, from the lowest value over the middle to the highest."""
TARGETS = ("zero-mark", "ghost", "one-mark")
"""Tokens of a target's colour, which has to be seen on the ramp."""


def scale(tokens: tuple[str, ...]) -> list[tuple[float, str]]:
    """A scale as Plotly has it."""
    return [(index / (len(tokens) - 1), colour(token)) for index, token in enumerate(tokens)]


def colour(token: str) -> str:
    """#rrggbb, as the light theme has it."""
    return _light()[token]


@cache
def _light() -> dict[str, str]:
    css = (STATIC / "css" / "tokens.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}),", css))
