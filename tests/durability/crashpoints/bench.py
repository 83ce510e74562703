"""The bench: one experiment is a life that is cut short, its recovery, and the judgement.

Lives and recoveries are forked from this process, which has everything loaded and no connection
open; the former are really killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connections

from rindle_django.errors import Kind, RindleError, classify
from rindle_django.media import sandbox
from tests.durability.boundaries import Boundary, watched
from tests.durability.crashpoints.client import CaughtUp, Client, Diary, Unanswered
from tests.durability.crashpoints.experiments import Experiment, Fault, Outcome
from tests.durability.crashpoints.faults import STRUCK, striking
from tests.durability.crashpoints.ground import lay_bare
from tests.durability.crashpoints.judgement import judge
from tests.durability.crashpoints.recovery import come_to_rest, takeover, work
from tests.durability.crashpoints.story import Story
from tests.durability.passing_time import let_pass

PATIENCE = 120
INTERRUPTED = 7
DEATH_THROES = 5.0
VERDICT, CROSSED = "verdict", "crossed"


class Bench:
    def __init__(self, folder: Path, story: Story) -> None:
        self._folder = folder
        self._story = story

    def conduct(self, experiment: Experiment) -> Outcome:
        """One experiment on clean ground."""
        began = time.monotonic()
        lay_bare()
        for page in ("diary", "recovery", "second"):
            self._page(page).unlink(missing_ok=True)
        outcome = Outcome()
        self._live(experiment, outcome)
        if experiment.second is not None and not outcome.violations:
            self._die_again(experiment.second, outcome)
        if not outcome.violations:
            self._recover(experiment, outcome)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _page(self, name: str) -> Path:
        return self._folder / f"{name}.jsonl"

    def _live(self, experiment: Experiment, outcome: Outcome) -> None:
        ended = self._in_child(partial(_live, self._story, self._page("diary"), experiment.fault))
        notes = Diary(self._page("diary")).notes
        outcome.struck = notes.get(STRUCK)
        outcome.crossed = notes.get(CROSSED, [])
        outcome.violations += self._misconduct(experiment.fault, ended, outcome.struck)

    def _die_again(self, fault: Fault, outcome: Outcome) -> None:
        ended = self._in_child(
            partial(_recover, self._story, self._page("diary"), self._page("second"), fault)
        )
        outcome.struck_again = Diary(self._page("second")).notes.get(STRUCK)
        outcome.violations += self._misconduct(fault, ended, outcome.struck_again)

    def _recover(self, experiment: Experiment, outcome: Outcome) -> None:
        ended = self._in_child(
            partial(_recover, self._story, self._page("diary"), self._page("recovery"), None)
        )
        notes = Diary(self._page("recovery")).notes
        if experiment.fault is not None:
            outcome.crossed = notes.get(CROSSED, [])
        outcome.violations += self._misconduct(None, ended, None)
        outcome.violations += notes.get(VERDICT, [])

    def _misconduct(
        self, fault: Fault | None, ended: tuple[int, list[int]], struck: list[str] | None
    ) -> list[str]:
        """How a child did not do what the experiment wants, or left others behind."""
        code, left = ended
        expected = (
            {0} if fault is None else {"kill": {-signal.SIGKILL}}.get(fault.mode, {0, INTERRUPTED})
        )
        wrong = []
        if code not in expected:
            wrong.append(f"experiment: the process ended with {code}: {self._last_words()}")
        elif fault is not None and struck is None:
            wrong.append("experiment: the boundary was not reached")
        return wrong + [f"litter: the decoder process {pid} outlived its worker" for pid in left]

    def _last_words(self) -> str:
        return " | ".join((self._folder / "log").read_text().splitlines()[-8:])

    def _in_child(self, act: Callable[[], None]) -> tuple[int, list[int]]:
        """How a forked process that did ``act`` ended, and which decoders outlived it."""
        connections.close_all()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _be_a_child(act, self._folder / "log")
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return code, _decoders_of(pid)


def _be_a_child(act: Callable[[], None], log: Path) -> None:
    code = 1
    try:
        signal.alarm(PATIENCE)
        page = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(page, 1)
        os.dup2(page, 2)
        act()
        sandbox.close_all()
        code = 0
    except Exception as error:
        if _is_an_interruption(error):
            code = INTERRUPTED
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _is_an_interruption(error: Exception) -> bool:
    """Whether a client that gets this error has got no answer."""
    if isinstance(error, OperationalError | InterfaceError | Unanswered):
        return True
    return isinstance(error, RindleError) and classify(error) is Kind.TRANSIENT


def _live(story: Story, diary_page: Path, fault: Fault | None) -> None:
    diary = Diary(diary_page)
    crossed: list[Boundary] = []
    with watched(striking(fault, diary) if fault else crossed.append):
        story(Client(diary), work)
    if fault is None:
        diary.note(CROSSED, [[each.name, each.when, each.where] for each in crossed])


def _recover(story: Story, diary_page: Path, page: Path, fault: Fault | None) -> None:
    """In a new process: the client retries what it has no answer to, all come to rest, and
    whoever was killed before them is judged by what they left."""
    notes = Diary(page)
    crossed: list[Boundary] = []
    with watched(striking(fault, notes) if fault else crossed.append):
        let_pass(takeover())
        diary = Diary(diary_page)
        with suppress(CaughtUp):
            story(Client(diary, retrying=True), lambda: None)
        rested = come_to_rest()
    notes.note(CROSSED, [[each.name, each.when, each.where] for each in crossed])
    verdict = judge(diary)
    notes.note(VERDICT, verdict if rested else ["unrest: it does not come to rest", *verdict])


def _decoders_of(parent: int) -> list[int]:
    """Decoders of a process that has ended, once they had the time to notice."""
    deadline = time.monotonic() + DEATH_THROES
    while (left := _find_decoders(parent)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _find_decoders(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"rindle_django.media.child" in words and str(parent).encode() in words:
            found.append(int(folder.name))
    return found


def as_line(outcome: Outcome) -> str:
    return json.dumps(asdict(outcome))


def experiment_of(line: str) -> Experiment:
    said: dict[str, Any] = json.loads(line)
    return Experiment(**{name: Fault(**fault) for name, fault in said.items() if fault})
