"""All pairs, all points: which schedules there are, and the running of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch

from tests.durability.preemption.judge import judged
from tests.durability.preemption.operations import OPERATIONS, Operation
from tests.durability.preemption.scene import BONDABLE, Stage, warm_up
from tests.durability.preemption.schedule import Gate, Person, meet, points_of

Pair = tuple[Operation, Operation]


@dataclass(frozen=True)
class Verdict:
    """One schedule's result. ``str`` of it is the command that repeats the schedule."""

    pair: str
    at: int
    point: str
    violations: tuple[str, ...]

    def __str__(self) -> str:
        return f"--pairs {self.pair} --at {self.at}  ({self.point})"


def all_pairs(patterns: list[str] | None = None) -> list[Pair]:
    """Ordered pairs whose names fit one of ``first:second``; an operation meets itself too."""
    return [
        (first, second)
        for first in OPERATIONS.values()
        for second in OPERATIONS.values()
        if first.interruptible
        and any(fnmatch(f"{first.name}:{second.name}", each) for each in patterns or ["*:*"])
    ]


def beginning_of(pair: Pair) -> tuple[str, str]:
    """The stage at which both have something to do, or else the first; and the asset's bond."""
    first, second = pair
    common = [stage for stage in first.stages if stage in second.stages]
    stage = (common or list(first.stages))[0]
    bond = first.bond or second.bond or "free"
    return stage, bond if stage in BONDABLE else "free"


class Theatre:
    """Two people, and the stages that were built so far."""

    def __init__(self, *, every_statement: bool = False) -> None:
        warm_up()
        self._every = every_statement
        self._people = Person(), Person()
        self._stages: dict[tuple[str, str], Stage] = {}
        self._points: dict[tuple[str, str, str], int] = {}

    def close(self) -> None:
        for person in self._people:
            person.leave()

    def count_of(self, pair: Pair) -> int:
        """How many points the first of the pair passes, undisturbed."""
        beginning = beginning_of(pair)
        known = pair[0].name, *beginning
        if known not in self._points:
            scene = self._stage(*beginning).set()
            points = points_of(self._people[0], pair[0], scene, every_statement=self._every)
            self._points[known] = len(points)
        return self._points[known]

    def play(self, pair: Pair, at: int) -> Verdict:
        stage, bond = beginning_of(pair)
        scene = self._stage(stage, bond).set()
        names = pair[0].name, pair[1].name
        meeting = meet(self._people, pair, scene, Gate(at, every_statement=self._every))
        violations = tuple(judged(scene, meeting, names, stage, bond))
        return Verdict(":".join(names), at, meeting.point, violations)

    def _stage(self, name: str, bond: str) -> Stage:
        if (name, bond) not in self._stages:
            self._stages[name, bond] = Stage(name, bond)
        return self._stages[name, bond]


@contextmanager
def open_theatre(*, every_statement: bool = False) -> Iterator[Theatre]:
    theatre = Theatre(every_statement=every_statement)
    try:
        yield theatre
    finally:
        theatre.close()
