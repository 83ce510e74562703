"""The running project as an operator has it: commands with what they print, workers, and settings.

``Project`` is what a fault needs of it; ``Running`` has real processes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str

    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Fell(Exception):
    """Something did not come as it should have; the text says what."""


class Project(ABC):
    """``folder`` holds media, working copies and settings; ``endpoint`` is the bucket's server."""

    folder: Path
    # Whether a command is asked for one check alone, which is quicker.
    narrow = False

    @abstractmethod
    def run(self, *argv: str) -> Done:
        """One of the project's commands."""

    @abstractmethod
    def people(self, act: str, *argv: str) -> Any:
        """What one of ``people.ACTS`` gives."""

    @abstractmethod
    def configure(self, **changed: Mapping[str, Any]) -> None:
        """Change settings, ``RINDLE`` or ``DRILL``, for what starts from now on."""

    @abstractmethod
    def start_worker(self, *options: str) -> None: ...

    @abstractmethod
    def kill_worker(self) -> None: ...

    @abstractmethod
    def stop_worker(self) -> None: ...

    @abstractmethod
    def promote_only(self) -> None:
        """Have what was uploaded verified, and leave its variants queued."""

    @abstractmethod
    def allow_uploads(self, allowed: bool) -> None:
        """Give the bucket its CORS rule, or take it away."""

    @abstractmethod
    def close_storage(self) -> None: ...

    @abstractmethod
    def open_storage(self) -> None: ...

    @abstractmethod
    def fill_temp(self) -> None:
        """Leave what killed work leaves: a working copy, hours old, that takes all the room."""

    def wait(self) -> None:
        """Let a moment pass."""
        time.sleep(0.3)

    def restart_worker(self) -> None:
        self.stop_worker()
        self.start_worker()

    def file(self, key: str) -> Path:
        return self.folder / "media" / key

    def mended(self, *argv: str, code: int = 0) -> Done:
        """A command that has to end with ``code``."""
        done = self.run(*argv)
        if done.code != code:
            raise Fell(f"{' '.join(argv)} ended with {done.code}: {done.out[-300:]}")
        return done

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := holds()):
            if time.monotonic() > deadline:
                raise Fell(f"in vain: {what}")
            self.wait()
        return found

    def until_ready(self, asset: str) -> None:
        """Until the asset is ready, and each of its variants is served."""

        def whole() -> bool:
            seen = self.people("look", asset)
            return seen["state"] == "ready" and all(seen["served"].values())

        self.until(f"asset {asset} is ready and served", whole)

    def ready(self, profile: str) -> str:
        asset: str = self.people("upload", profile)
        self.until_ready(asset)
        return asset


@dataclass
class Running(Project):
    """Real processes on a Postgres of their own."""

    folder: Path
    url: str
    bucket: Any
    worker: subprocess.Popen[bytes] | None = None
    changed: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "tests.drill.settings",
            "DRILL_FOLDER": str(self.folder),
            "EXAMPLE_VAR": str(self.folder / "example"),
            "NO_COLOR": "1",
        }

    def run(self, *argv: str) -> Done:
        done = self._process("example_project/manage.py", *argv)
        return Done(done.returncode, done.stdout or done.stderr)

    def people(self, act: str, *argv: str) -> Any:
        done = self._process("-m", "tests.drill.people", act, *argv)
        if done.returncode:
            raise Fell(f"{act} failed: {done.stderr[-600:]}")
        return json.loads(done.stdout)

    def _process(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *argv],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def configure(self, **changed: Mapping[str, Any]) -> None:
        self.changed.update(changed)
        (self.folder / "settings.json").write_text(json.dumps(self.changed))

    def start_worker(self, *options: str) -> None:
        with (self.folder / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [
                    *(sys.executable, "example_project/manage.py", "procrastinate", "worker"),
                    *options,
                ],
                cwd=ROOT,
                env=self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_worker(self) -> None:
        self._end(signal.SIGKILL)

    def stop_worker(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.worker is not None:
            self.worker.send_signal(number)
            self.worker.wait(PATIENCE)
            self.worker = None

    def promote_only(self) -> None:
        self.mended("procrastinate", "worker", "--one-shot", "-q", "rindle_promote")

    def allow_uploads(self, allowed: bool) -> None:
        self.bucket.allow_uploads(allowed)

    def close_storage(self) -> None:
        self.bucket.close()

    def open_storage(self) -> None:
        self.bucket.open()

    def fill_temp(self) -> None:
        fill(self.folder / "work")


def leftover(folder: Path) -> Path:
    """What killed work left five hours ago."""
    left = folder / "rindle-work-left"
    left.mkdir()
    (left / "source").touch()
    age(left)
    return left


def age(folder: Path) -> None:
    long_ago = time.time() - 5 * 3600
    os.utime(folder, (long_ago, long_ago))


def fill(folder: Path) -> None:
    left = leftover(folder)
    try:
        with (left / "source").open("wb") as file:
            while file.write(bytes(1 << 20)):
                pass
    except OSError:  # that was the last of it
        age(left)
