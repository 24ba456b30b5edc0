"""The files that a run can be taken away as: what makes each, by its path below the run."""

from collections.abc import Callable, Mapping
from functools import partial

from app.exports import text_tables
from app.exports.code import LANGUAGES
from app.exports.formula import formula
from app.exports.parameters import FORMATS, Format
from app.exports.report import report
from app.exports.text import Parts
from app.training.checkpoints import Record


def _parameters(form: Format, record: Record) -> Parts:
    return form.write(record.network)


FILES: Mapping[str, Callable[..., Parts]] = {
    **{f"parameters.{form.extension}": partial(_parameters, form) for form in FORMATS.values()},
    "data.csv": text_tables.data_csv,
    "costs.csv": text_tables.costs_csv,
    **{f"code/{name}": write for name, write in LANGUAGES.items()},
    "formula": formula,
    "report": report,
}
