"""What helps to hand out an address: where this server is for others, and QR codes."""

import ipaddress
import re
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel

from app.exports.qr import MOST_CHARACTERS
from app.links import in_url, lan_address
from app.routes.heavy import answered, given
from app.services import Services
from app.web.limits import client_of

router = APIRouter(tags=["share"])

NETWORK_OF_LOOPBACK = client_of({"client": ("::1", 0)})
"""Who asks from the machine itself, by IPv6."""


def _an_address(text: str) -> str:
    if not re.fullmatch(r"https?://[!-~]+", text):
        raise ValueError("must begin with http:// or https://, and have no spaces")
    return text


Address = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="what the code opens: it begins with http:// or https://, and has no spaces",
    ),
    AfterValidator(_an_address),
]


class Reached(BaseModel):
    """Where other machines find this server: a host, or null where that is not known."""

    lan: str | None


@router.get("/address", summary="Where other machines find this server")
async def tell_address(request: Request, services: Services) -> Reached:
    """For who sits at the server itself, and only for them: the machine's address in its network.

    A page opened at `localhost` makes its links with it. It is null for everybody else, in a
    container, and where the server listens on this machine alone.
    """
    client = client_of(request.scope)
    try:
        here = client == NETWORK_OF_LOOPBACK or ipaddress.ip_address(client).is_loopback
    except ValueError:
        here = False
    lan = lan_address(services.settings.host) if here else None
    return Reached(lan=in_url(lan) if lan else None)


@router.get(
    "/qr.svg",
    summary="An address as a QR code",
    response_class=Response,
    responses={200: {"description": "The code", "content": {"image/svg+xml": {}}}},
)
async def draw_qr(request: Request, services: Services, address: Address) -> Response:
    """The code, dark on white with its quiet zone."""
    return await answered(request, services, "qr", given(address), "image/svg+xml")
