"""What one can bring: parameters as a file, points as a table. Read, checked, and given back."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import Field

from app.errors import InvalidField, UnsupportedType
from app.exports import dialects, text_tables
from app.exports.parameters import FORMATS, ParametersFile
from app.numbers import Decimal
from app.routes.heavy import answered, as_it_is, given
from app.schemas import FromUrl, OneOf, Range, Task
from app.services import Services

router = APIRouter(tags=["uploads"])

FormatName = Annotated[str, OneOf(tuple(FORMATS))]


def _raw_body(*media_types: str) -> dict[str, Any]:
    """For OpenAPI, which can't see that the body is read as it comes.

    Bytes without a name are what every generator of clients knows how to send.
    """
    schema = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys((*media_types, "application/octet-stream"), schema)
    return {"requestBody": {"required": True, "content": content}}


async def no_form(request: Request) -> None:
    """Refuse a form before it is read, and say how to send what is in it.

    What curl's -d sends says that it is a form, and has no ends of lines; with --data-binary it
    says so, too, and has them.

    Raises:
        UnsupportedType: the body is one, or is packed.
    """
    as_it_is(request)
    kind = request.headers.get("content-type", "").strip().lower()
    form = kind.startswith("multipart/")
    if kind.startswith("application/x-www-form-urlencoded"):
        body = await request.body()
        form = b"\n" not in body and b"\r" not in body
    if form:
        raise UnsupportedType(
            "send the file itself as the body, and no form around it: "
            f"curl --data-binary @FILE -H 'Content-Type: text/csv' '{request.url!s:.300}'"
        )


NoForm = Depends(no_form)


@router.post(
    "/parameters",
    dependencies=[NoForm],
    summary="Read a file of parameters",
    response_model=ParametersFile,
    openapi_extra=_raw_body(*(t for form in FORMATS.values() for t in form.media_types)),
)
async def parameters(
    request: Request, services: Services, format: FormatName | None = None
) -> Response:
    """Weights and biases as a plan's `network.parameters` takes them. Nothing is kept."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    named = next((name for name, form in FORMATS.items() if sent in form.media_types), None)
    if (chosen := format or named) is None:
        known = ", ".join(form.media_types[0] for form in FORMATS.values())
        raise UnsupportedType(f"say the format as ?format= or with a Content-Type of {known}")
    body = await request.body()
    return await answered(request, services, "parameters", given(body, chosen))


Column = Annotated[int, Range(0, dialects.MOST_COLUMNS - 1)]
ClassName = Annotated[str, Field(min_length=1, max_length=text_tables.LONGEST_SHOWN)]


class ChosenColumns(FromUrl):
    """Which columns are what."""

    x1: Column | None = Field(None, description="the column of x1, counted from 0")
    x2: Column | None = None
    label: Column | None = None
    task: Task = "classification"
    fit: bool = Field(False, description="give the points as moved into the plane, too")
    header: bool | None = Field(
        None, description="whether the first row tells the names; found out if left out"
    )
    decimal: Decimal | None = Field(
        None, description="the sign of decimals; found out, column by column, if left out"
    )
    zero: ClassName | None = Field(
        None, description="the value of the label that is y = 0; all others than one if left out"
    )
    one: ClassName | None = Field(
        None, description="the value of the label that is y = 1; all others than zero if left out"
    )


@router.post(
    "/datasets/table",
    dependencies=[NoForm],
    summary="Read a table of points",
    response_model=text_tables.Preview | text_tables.Points,
    openapi_extra=_raw_body("text/csv"),
)
async def table(
    request: Request, services: Services, choice: Annotated[ChosenColumns, Query()]
) -> Response:
    """What is in the table; with all three columns chosen, its points. Nothing is kept."""
    chosen = {"x1": choice.x1, "x2": choice.x2, "label": choice.label}
    missing = [name for name, column in chosen.items() if column is None]
    if missing and len(missing) < 3:
        raise InvalidField(
            f"{missing[0]} is required: choose all three columns, or none for a preview", missing[0]
        )
    columns = None if missing else tuple(chosen.values())
    body = await request.body()
    how = choice.task, choice.fit, choice.header, choice.decimal, (choice.zero, choice.one)
    return await answered(request, services, "table", given(body, columns, *how))


@router.get("/datasets/table", include_in_schema=False)
def only_post() -> None:
    """Without this route, `table` would be looked for among the datasets."""
    raise HTTPException(405)
