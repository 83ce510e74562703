"""Child processes of the demo: started, watched, and ended with it however it ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "example_project" / "manage.py")
PATIENCE = 8.0  # seconds that a worker has to finish its job
PR_SET_PDEATHSIG = 1


class ChildDied(RuntimeError):
    """A process that should run does not; the message ends with its log."""


@dataclass
class Children:
    """Programs in Python that run beside us. Leaving the context ends them all."""

    logs: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> None:
        """Start Python with these arguments."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Not in our group: at Ctrl-C it is for us to say in which order things end.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def check(self) -> None:
        """Raises ChildDied if one of them is no longer running."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise ChildDied(
                    f"{name} ended with status {process.returncode}; {self._log(name)} says:\n"
                    + self._log(name).read_text(errors="replace")[-2000:]
                )

    def stop(self) -> None:
        for process in self.running.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in self.running.values():
            _signal(process, signal.SIGKILL)  # to the group: what it has started itself goes too
            process.wait()
        self.running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _end_with_parent() -> None:
    """In the child: be told to end when the parent is killed and cannot say so."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
