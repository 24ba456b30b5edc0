"""The files that a run can be taken away as, by their path below the run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from app.exports import text_tables
from app.exports.code import LANGUAGES
from app.exports.formula import formula
from app.exports.notebook import notebook
from app.exports.parameters import FORMATS
from app.exports.report import headers, report
from app.exports.text import Parts
from app.schemas import Range

TEXT = "text/plain; charset=utf-8"
CSV = "text/csv; charset=utf-8"


def _no_options() -> dict[str, Any]:
    return {}


def _digits(
    digits: Annotated[
        Annotated[int, Range(1, 17)], Field(description="significant digits of the numbers")
    ] = 5,
) -> dict[str, Any]:
    return {"digits": digits}


@dataclass(frozen=True)
class File:
    """What makes a file, and how it is sent.

    Attributes:
        make: Its text, in pieces; of a run, and of what `options` gives.
        name: The end of its file name.
        media_type: Its Content-Type.
        shown: Whether a browser may show it instead of saving it.
        headers: What else it is sent with.
        options: What can be said in its address, as the parameters of this function.
    """

    make: Callable[..., Parts]
    name: str
    media_type: str
    shown: bool = False
    headers: Callable[[], Mapping[str, str]] = dict
    options: Callable[..., dict[str, Any]] = _no_options


FILES: Mapping[str, File] = {
    **{
        (name := f"parameters.{form.extension}"): File(form.of, name, form.media_types[0])
        for form in FORMATS.values()
    },
    "data.csv": File(text_tables.data_csv, "data.csv", CSV),
    "costs.csv": File(text_tables.costs_csv, "costs.csv", CSV),
    **{
        f"code/{name}": File(write, f"{name.replace('-', '_')}.py", TEXT, shown=True)
        for name, write in LANGUAGES.items()
    },
    "notebook.ipynb": File(notebook, "notebook.ipynb", "application/x-ipynb+json"),
    "formula": File(formula, "formula.txt", TEXT, shown=True, options=_digits),
    "report": File(report, "report.html", "text/html; charset=utf-8", shown=True, headers=headers),
}
