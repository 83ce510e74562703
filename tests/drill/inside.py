"""The drill within one process: jobs are run in turn, and a worker is its heartbeat."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, connections
from pytest_django import Settings

from rindle_django import Profile
from rindle_django.profiles import unregister
from rindle_django.testing import drain_jobs
from tests.doctor import signs
from tests.doctor.full_disk import on_a_full_disk
from tests.drill import people
from tests.drill.bucket import Bucket
from tests.drill.declared import PACE, USUAL, declare
from tests.drill.project import Done, Project, leftover

QUICK = {**PACE, "BACKOFF_BASE": 0.01, "ROUND_PAUSE": 1}


@dataclass
class Inside(Project):
    """``bucket`` is None where the fault is not about it; a folder takes its place."""

    folder: Path
    settings: Settings
    bucket: Bucket | None
    usual: Mapping[str, Any]
    profiles: tuple[type[Profile], ...] = ()
    alive: bool = False
    narrow = True

    def run(self, *argv: str) -> Done:
        if argv[:2] == ("procrastinate", "worker"):
            self.start_worker()
            return Done(0, "")
        if self.left.exists() and argv[0] == "rindle_doctor":
            return on_a_full_disk(self._run_apart, *argv)  # type: ignore[no-any-return]
        return Done(*signs.run(*argv))

    def _run_apart(self, *argv: str) -> Done:
        try:
            return Done(*signs.run(*argv))
        finally:
            connections.close_all()

    def people(self, act: str, *argv: str) -> Any:
        return people.ACTS[act](*argv)

    def configure(self, **changed: Mapping[str, Any]) -> None:
        if "RINDLE" in changed or not self.profiles:
            self.settings.RINDLE = {**self.usual, **QUICK, **changed.get("RINDLE", {})}
        if "DRILL" in changed or not self.profiles:
            self.forget()
            self.profiles = tuple(declare(**{**USUAL, **changed.get("DRILL", {})}))

    def forget(self) -> None:
        for profile in self.profiles:
            unregister(profile)

    def start_worker(self, *options: str) -> None:
        self._heartbeat(0)
        self.alive = True
        self.wait()

    def kill_worker(self) -> None:
        self._heartbeat(3600)
        self.alive = False

    def stop_worker(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_workers")
        self.alive = False

    def _heartbeat(self, seconds: float) -> None:
        self.stop_worker()
        signs.worker(silent_for=seconds)

    def wait(self) -> None:
        if self.alive and not self.left.exists():
            drain_jobs()
        time.sleep(0.05)

    def promote_only(self) -> None:
        drain_jobs(queues=["rindle_promote"])

    def allow_uploads(self, allowed: bool) -> None:
        assert self.bucket is not None
        self.bucket.allow_uploads(allowed)

    def close_storage(self) -> None:
        assert self.bucket is not None
        self.bucket.close()

    def open_storage(self) -> None:
        assert self.bucket is not None
        self.bucket.open()

    @property
    def left(self) -> Path:
        return self.folder / "work" / "rindle-work-left"

    def fill_temp(self) -> None:
        """As long as it is there, nothing can be written."""
        leftover(self.folder / "work")
