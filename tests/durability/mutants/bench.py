"""Copies of the tree with a database each, in which one fault at a time is put back and tried."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FAILED_TEST = re.compile(r"^FAILED (\S+)", re.MULTILINE)
PATIENCE = 900


@dataclass(frozen=True)
class Mutant:
    """A fault: the text of ``file`` that keeps it out, and what stands there with the fault in.

    ``puts_back`` is the id of the fault or the rule that it breaks; ``tests`` are to turn red.
    """

    name: str
    puts_back: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]

    def applied_to(self, source: str) -> str:
        """Raises Inapplicable unless the text is found exactly once."""
        if (found := source.count(self.text)) != 1:
            raise Inapplicable(f"{self.name}: its text is found {found} times in {self.file}")
        return source.replace(self.text, self.instead)


def tests(file: str, *functions: str) -> tuple[str, ...]:
    """Node ids of some tests of a file under ``tests``, or the whole file."""
    path = f"tests/{file}.py"
    return tuple(f"{path}::{function}" for function in functions) or (path,)


class Inapplicable(Exception):
    """The source has moved on; the mutant has to follow."""


@dataclass(frozen=True)
class Verdict:
    """``caught_by`` is the first test that failed; empty if the fault went unnoticed."""

    caught_by: str
    seconds: float
    output: str


class Copy:
    """A copy of the tree, and a database for it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
            "DATABASE_URL": database_url,
        }
        for name in _files():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)

    def try_out(self, mutant: Mutant) -> Verdict:
        """Raises Inconclusive if no test could be run to its end."""
        began = time.monotonic()
        with self._changed(mutant):
            try:
                done = self.run(mutant.tests, "-x", "--reuse-db")
            except subprocess.TimeoutExpired as late:
                raise Inconclusive(f"{mutant.name}: pytest did not end") from late
        if done.returncode not in (0, 1):
            raise Inconclusive(f"{mutant.name}: pytest ended with {done.returncode}", done.stdout)
        failed = FAILED_TEST.search(done.stdout) if done.returncode else None
        return Verdict(failed[1] if failed else "", time.monotonic() - began, done.stdout)

    def run(self, node_ids: Sequence[str], *options: str) -> subprocess.CompletedProcess[str]:
        """pytest in this copy, which sees to it that the copy's own package is tested."""
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             "-p", "tests.durability.mutants.origin", *options, *node_ids],
            cwd=self.folder, env=self._environment, check=False, timeout=PATIENCE,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        path = self.folder / mutant.file
        source = path.read_text(encoding="utf-8")
        try:
            _write(path, mutant.applied_to(source))
            yield
        finally:
            _write(path, source)


class Inconclusive(Exception):
    """Neither caught nor survived: the tests did not run."""


def _files() -> list[str]:
    """What belongs to the tree, committed or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _write(path: Path, source: str) -> None:
    """Compiled code goes too: within one second Python could take the old one for the new."""
    path.write_text(source, encoding="utf-8")
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
