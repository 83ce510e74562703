"""What happens at a boundary: death, an operation that fails, an answer that is lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable

from botocore.exceptions import ReadTimeoutError
from django.db import OperationalError, connections

from rindle_django.conf import database
from rindle_django.errors import TransientFailure
from tests.durability.boundaries import Boundary
from tests.durability.crashpoints.client import Diary
from tests.durability.crashpoints.experiments import DATABASE, Fault

STRUCK = "struck"


def striking(fault: Fault, diary: Diary) -> Callable[[Boundary], None]:
    """What to call at every boundary so that ``fault`` strikes at its own."""

    def seen(boundary: Boundary) -> None:
        if boundary.number == fault.number:
            diary.note(STRUCK, [boundary.name, boundary.when, boundary.where])
            (_die if fault.mode == "kill" else _fail)(boundary)

    return seen


def _die(boundary: Boundary) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # no thread gets further than this


def _fail(boundary: Boundary) -> None:
    if boundary.name in DATABASE:
        _lose_connection()
        if boundary.when == "after":
            raise OperationalError("the connection was lost before the answer came")
    elif boundary.name.startswith("s3."):
        raise ReadTimeoutError(endpoint_url="")
    else:
        raise TransientFailure(
            "storage_unavailable", alias="default", operation=boundary.name, detail="a fault"
        )


def _lose_connection() -> None:
    """Cut the wire under this thread's connection: the server rolls back what was not committed,
    and nobody here can ask it any more."""
    wire = connections[database()].connection
    with socket.socket(fileno=os.dup(wire.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
