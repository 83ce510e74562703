"""What a run of experiments is told as: each violation at once, and a table at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from tests.durability.crashpoints.experiments import Experiment, Outcome


class Report:
    """``crossed`` are the boundaries of the life without faults."""

    def __init__(self, crossed: Sequence[Sequence[str]]) -> None:
        self._crossed = crossed
        self._began = time.monotonic()
        self._conducted: Counter[tuple[str, str]] = Counter()
        self._broken: Counter[tuple[str, str]] = Counter()

    @property
    def violations(self) -> int:
        return self._broken.total()

    def add(self, experiment: Experiment, outcome: Outcome) -> None:
        assert experiment.fault is not None
        name, when, where = self._crossed[experiment.fault.number - 1]
        wrong = [*outcome.violations, *_missed(outcome, name, when)]
        mode = experiment.fault.mode if experiment.second is None else "kill twice"
        self._conducted[mode, name] += 1
        if wrong:
            self._broken[mode, name] += 1
            self._tell(experiment, f"{when} {name} in {where}", wrong, outcome)
        if self._conducted.total() % 50 == 0:
            print(f"... {self._conducted.total()} in {self.seconds:.0f} s", flush=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def _tell(self, experiment: Experiment, place: str, wrong: list[str], outcome: Outcome) -> None:
        print(f"VIOLATION {experiment}: {place}")
        if outcome.struck_again:
            print(f"    its recovery: {outcome.struck_again}")
        for each in wrong:
            print(f"    {each}", flush=True)

    def print_table(self) -> None:
        modes = sorted({mode for mode, _ in self._conducted})
        names = sorted({name for _, name in self._conducted})
        wide = max(map(len, names), default=10)
        print(f"\n{'boundary':{wide}}" + "".join(f"{mode:>16}" for mode in modes))
        for name in names:
            print(f"{name:{wide}}" + "".join(f"{self._cell(mode, name):>16}" for mode in modes))
        print(f"{len(self._crossed)} boundaries, {self.seconds:.0f} s")

    def _cell(self, mode: str, name: str) -> str:
        done, broken = self._conducted[mode, name], self._broken[mode, name]
        return "" if not done else f"{done} ({broken} broken)" if broken else str(done)

    def last_line(self) -> str:
        return f"crash points: {self._conducted.total()} violations: {self.violations}"


def _missed(outcome: Outcome, name: str, when: str) -> list[str]:
    """A run that took another way did not test the point that it should have."""
    if outcome.struck is None or outcome.struck[:2] == [name, when]:
        return []
    return [f"experiment: struck {outcome.struck[1]} {outcome.struck[0]} instead"]
