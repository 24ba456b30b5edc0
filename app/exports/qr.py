"""An address as a QR code, for the cameras of a class."""

import io

import segno

MOST_CHARACTERS = 500
"""In an address. A longer one makes squares too small for a camera at the back of a room."""


def svg(address: str) -> str:
    """The code as SVG, dark on white with its quiet zone; it takes the size that it is given.

    Args:
        address: At most `MOST_CHARACTERS` long, which the schemas see to.
    """
    drawn = io.BytesIO()
    segno.make_qr(address, error="m").save(
        drawn, kind="svg", xmldecl=False, omitsize=True, dark="#14181b", light="#ffffff"
    )
    return drawn.getvalue().decode()


def in_terminal(address: str) -> None:
    """Print the code."""
    segno.make_qr(address, error="l").terminal(compact=True, border=2)
