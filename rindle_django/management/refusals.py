"""What goes wrong with a command, said in a sentence with an exit code instead of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, OperationalError

from rindle_django.errors import Kind, RindleError

UNDONE, REFUSED = 1, 2
INTERRUPTED = 130

# What time can mend could not be done this time; the rest has to be asked or set up differently.
_BY_KIND = {
    Kind.REQUEST: REFUSED,
    Kind.CONFIGURATION: REFUSED,
    Kind.CONTENT: UNDONE,
    Kind.TRANSIENT: UNDONE,
}
# By Postgres' own codes: what an operator can do about it.
_BY_SQLSTATE = {
    "25006": "The database is read-only; is it a replica? Run this against the primary.",
    "42501": "The database role may not do this: {detail}.",
    "42P01": "The tables are not as this version needs them: {detail}. Run 'manage.py migrate'.",
    "42703": "The tables are not as this version needs them: {detail}. Run 'manage.py migrate'.",
}


class Refused(CommandError):
    """A CommandError that remembers the stable ``code`` of what went wrong."""

    def __init__(self, text: str, *, returncode: int, code: str) -> None:
        super().__init__(text, returncode=returncode)
        self.code = code


@contextmanager
def told_plainly() -> Iterator[None]:
    """Inside, our own errors and what the database refuses become CommandErrors."""
    try:
        yield
    except RindleError as error:
        raise Refused(str(error), returncode=_BY_KIND[error.kind], code=error.code) from error
    except (DatabaseError, InterfaceError) as error:
        refusal = _of_database(error)
        if refusal is None:
            raise
        raise refusal from error


def _of_database(error: Exception) -> Refused | None:
    detail = str(error).strip().split("\n")[0].rstrip(".")
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if (text := _BY_SQLSTATE.get(state)) is not None:
        return Refused(text.format(detail=detail), returncode=REFUSED, code="database_refused")
    if isinstance(error, OperationalError | InterfaceError):
        text = f"The database did not answer: {detail}. Run it again."
        return Refused(text, returncode=UNDONE, code="database_unavailable")
    return None
