"""Commands as an operator runs them: in this process, or in one of their own on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

from tests.jobs.worker import PATIENCE, ROOT, environment


@dataclass
class Said:
    code: int
    out: str
    err: str = ""

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


def run(command: str, *args: str) -> Said:
    """What a command says and exits with. What it refuses is said on its standard error."""
    out, err = StringIO(), StringIO()
    try:
        call_command(command, *args, stdout=out, stderr=err)
    except SystemExit as ended:
        return Said(int(ended.code or 0), out.getvalue(), err.getvalue())
    except CommandError as refusal:
        return Said(refusal.returncode, out.getvalue(), err.getvalue() + str(refusal))
    return Said(0, out.getvalue(), err.getvalue())


def json_of(command: str, *args: str) -> dict[str, Any]:
    return run(command, *args, "--format=json").document


@contextmanager
def on_a_terminal(*command: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process of its own whose standard error is a terminal, and that terminal's other side."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "django", *command],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
        os.close(ours)


def all_that_is_shown(terminal: int) -> str:
    """Everything up to the end of the process at the other side."""
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:  # Linux says the end of a terminal like this
        pass
    return seen.decode()
