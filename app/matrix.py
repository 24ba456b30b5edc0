"""Many rows of numbers that came as JSON, in one block of memory.

Ten thousand points of 31 numbers take 2.5 MB this way, and 12 MB as Python's lists of floats; and
each process on their way has a copy. They are checked as lists are, and written as lists.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import GetCoreSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, eq=False)
class Matrix:
    """Rows of one length.

    Attributes:
        rows: m × n, one row per example; not to be written to.
    """

    rows: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and np.array_equal(self.rows, other.rows)

    __hash__ = None  # type: ignore[assignment]

    @property
    def width(self) -> int:
        """How many numbers each row has."""
        return int(self.rows.shape[1])


@dataclass(frozen=True)
class OfLists:
    """Says of a `Matrix` what its lists must be, as pydantic has it."""

    lists: Any

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            _matrix,
            handler.generate_schema(self.lists),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda matrix: matrix.rows.tolist()
            ),
        )


def _matrix(value: object, check: ValidatorFunctionWrapHandler) -> Matrix:
    if isinstance(value, Matrix):
        return value
    rows = check(value)
    width = len(rows[0])
    for index, row in enumerate(rows):
        if len(row) != width:
            words = "has {here} numbers, the first has {first}; all need the same"
            ragged = PydanticCustomError("ragged", words, {"here": len(row), "first": width})
            raise ValidationError.from_exception_data(
                "rows", [{"type": ragged, "loc": (index,), "input": None}]
            )
    matrix = np.array(rows, dtype=np.float64)
    matrix.flags.writeable = False
    return Matrix(matrix)
