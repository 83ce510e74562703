"""The workers of a run: real processes, counted when they die, and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0
# As a site would have it: transcodes take a worker of their own.
QUEUES = (
    ("rindle_promote,rindle_process,rindle_purge,rindle_maintenance", 2),
    ("rindle_media", 2),
)


@dataclass
class Crew:
    log: Path
    deaths: int = 0
    members: dict[tuple[str, int], subprocess.Popen[bytes]] = field(default_factory=dict)

    def look_after(self) -> None:
        """Start who is missing. Nobody asked them to end, so each that did has died."""
        for post in QUEUES:
            member = self.members.get(post)
            if member is not None and member.poll() is None:
                continue
            self.deaths += member is not None
            self.members[post] = self._start(*post)

    def _start(self, queues: str, concurrency: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "django", "procrastinate", "worker"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--queues", queues, "--concurrency", str(concurrency)],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def dismiss(self) -> None:
        for member in self.members.values():
            member.terminate()
        for member in self.members.values():
            try:
                member.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()


@contextmanager
def crew(log: Path) -> Iterator[Crew]:
    members = Crew(log)
    try:
        members.look_after()
        yield members
    finally:
        members.dismiss()
