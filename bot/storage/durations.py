"""How long it was between two moments, worked out by the database: reading many moments takes longer than the query."""

from typing import Any

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class SecondsBetween(FunctionElement):
    """The seconds from one column of moments to another; null where either is."""

    name = "seconds_between"
    type = Float()
    inherit_cache = True


@compiles(SecondsBetween, "sqlite")
def _on_sqlite(element: SecondsBetween, compiler: Any, **options: Any) -> str:
    begins, ends = (compiler.process(column, **options) for column in element.clauses)
    return f"((julianday({ends}) - julianday({begins})) * 86400.0)"


@compiles(SecondsBetween, "postgresql")
def _on_postgresql(element: SecondsBetween, compiler: Any, **options: Any) -> str:
    begins, ends = (compiler.process(column, **options) for column in element.clauses)
    return f"extract(epoch FROM {ends} - {begins})"
