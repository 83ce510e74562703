"""Experiments and what came of them: data that travels between the processes. Knows no Django."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MODES = ("kill", "error", "lost")
STORAGE = ("storage.", "s3.")
DATABASE = ("commit", "write")

Crossing = tuple[str, str, str]
"""Name, time and place of a boundary."""


@dataclass(frozen=True)
class Fault:
    """``mode`` is "kill", "error" (fails before it is done) or "lost" (done, but nobody hears)."""

    mode: str
    number: int

    def __str__(self) -> str:
        return f"{self.mode} at {self.number}"


@dataclass(frozen=True)
class Experiment:
    """Where the life is struck and, if it is, where its recovery. None records the boundaries."""

    fault: Fault | None = None
    second: Fault | None = None

    def __str__(self) -> str:
        again = f", then {self.second} of the recovery" if self.second else ""
        return f"{self.fault}{again}"


@dataclass
class Outcome:
    """``struck`` is the boundary at which the fault came, ``crossed`` are those of the last run
    that was recorded: the life itself, or the recovery."""

    struck: list[str] | None = None
    struck_again: list[str] | None = None
    violations: list[str] = field(default_factory=list)
    crossed: list[list[str]] = field(default_factory=list)
    seconds: float = 0.0


def befalls(mode: str, name: str, when: str) -> bool:
    """Whether a fault of this mode can strike at such a boundary."""
    if mode == "kill":
        return True
    exposed = name.startswith(STORAGE) or name in DATABASE
    return exposed and when == ("before" if mode == "error" else "after")


def enumerated(
    crossed: Sequence[Sequence[str]], modes: Sequence[str], only: range, every: int = 1
) -> Iterator[Experiment]:
    """One experiment for each mode and boundary that it can strike at."""
    for mode in modes:
        numbers = [
            number
            for number, (name, when, _) in enumerate(crossed, 1)
            if number in only and befalls(mode, name, when)
        ]
        for number in numbers[:: max(1, every)]:
            yield Experiment(Fault(mode, number))


def second_order(first: Experiment, recovery: int, times: int) -> Iterator[Experiment]:
    """``first`` again, its recovery killed at up to ``times`` of its boundaries, evenly spread."""
    times = min(times, recovery)
    for number in sorted({1 + each * recovery // times for each in range(times)}):
        yield Experiment(first.fault, Fault("kill", number))
