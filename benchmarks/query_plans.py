"""The statements that a piece of work sends to its database, and which of them read a large table from end to end."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

LARGE = ("message", "conversation", "alert", "conversation_word")  # tables that grow with the log
_PLANNED = re.compile(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_SQLITE_SCAN = re.compile(r"SCAN (?P<table>\w+?)(?:_\d+)?(?: USING (?:COVERING )?INDEX (?P<index>\w+))?")


@dataclass(frozen=True)
class Statement:
    """A statement as the driver got it."""

    text: str
    parameters: Any


@dataclass(frozen=True)
class Scan:
    """A step of a plan that begins at the start of a table or of its index, wherever it may end.

    Attributes:
        table: its name.
        index: None where the table itself is read: then all of it.
    """

    table: str
    index: str | None

    def __str__(self) -> str:
        return f"{self.table} by {self.index}" if self.index else f"all of {self.table}"


@contextmanager
def statements_of(engine: Engine) -> Iterator[dict[str, Statement]]:
    """Gathers what is sent to a database meanwhile and has a plan, by its text."""
    sent: dict[str, Statement] = {}

    def gather(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        if _PLANNED.match(text) and not many and text not in sent:
            sent[text] = Statement(text, parameters)

    event.listen(engine, "before_cursor_execute", gather)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", gather)


def scans_of(connection: Connection, statement: Statement) -> list[Scan]:
    """The scans of large tables in a statement's plan, as the database would make it now."""
    steps = _sqlite_scans if connection.dialect.name == "sqlite" else _postgres_scans
    return [scan for scan in steps(connection, statement) if scan.table in LARGE]


def _sqlite_scans(connection: Connection, statement: Statement) -> Iterator[Scan]:
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", statement.parameters):
        found = _SQLITE_SCAN.fullmatch(row.detail)
        if found:
            yield Scan(found["table"], found["index"])


def _postgres_scans(connection: Connection, statement: Statement) -> Iterator[Scan]:
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement.text}", statement.parameters).scalar_one()
    return _scans_below((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def _scans_below(node: dict[str, Any]) -> Iterator[Scan]:
    if "Relation Name" in node and "Scan" in node["Node Type"]:
        if node["Node Type"] == "Seq Scan":
            yield Scan(node["Relation Name"], None)
        elif "Index Name" in node and "Index Cond" not in node:
            yield Scan(node["Relation Name"], node["Index Name"])
    for below in node.get("Plans", ()):
        yield from _scans_below(below)
