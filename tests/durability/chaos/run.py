"""One run: the storm, the calm after it, and the judgement."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.durability.chaos import judge, report, rest
from tests.durability.chaos.client import Site
from tests.durability.chaos.household import Household
from tests.durability.chaos.journal import BOARD, Board
from tests.durability.chaos.nemesis import Nemesis
from tests.durability.chaos.plan import Plan
from tests.durability.chaos.processes import decoders_of
from tests.durability.chaos.stage import Stage
from tests.durability.chaos.worker import worker

FULL = 8000  # things under way, above which clients begin no new uploads


@dataclass
class Run:
    plan: Plan
    stage: Stage
    began: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        site = Site(self.plan.rate / self.plan.clients)
        roles = {"worker": worker(concurrency=2), "client": site.run}
        self.household = Household(roles, self.stage.folder / "log")
        self.nemesis = Nemesis(
            self.household,
            self.stage.cluster,
            self.stage.url,
            lease=self.plan.lease,
            seconds=self.plan.seconds,
            seed=self.plan.seed,
        )

    def go(self) -> bool:
        """Whether nothing was lost, leaked, stuck or doubled, and enough was tried."""
        try:
            for role in ["worker"] * self.plan.workers + ["client"] * self.plan.clients:
                self.household.start(role)
            self._storm()
            left = self._calm()
        finally:
            self.household.kill_all()
        rest.a_day_passes(self.stage.temporary)
        verdict = judge.judge(*self.stage.temporary)
        verdict.stuck += left
        decoders = decoders_of(self.stage.folder, patience=2)
        verdict.leaked += [f"decoder process {pid} lives" for pid in decoders]
        return self._tell(verdict)

    def _storm(self) -> None:
        BOARD.set(Board.STORM, True)
        until, look_at = time.monotonic() + self.plan.seconds, 0.0
        while time.monotonic() < until:
            self.household.look_after()
            self.nemesis.act()
            if time.monotonic() >= look_at:
                backlog = rest.under_way(self.stage.url)
                BOARD.set(Board.HOLD, backlog is not None and backlog > FULL)
                look_at = time.monotonic() + 1
            time.sleep(0.01)

    def _calm(self) -> list[str]:
        """Stop breaking things, let the workers finish, send all home; who would not go."""
        self.nemesis.rest()
        BOARD.set(Board.STORM, False)
        BOARD.set(Board.CLOSING, True)
        self.household.restarting.discard("client")
        url, patience = self.stage.url, self.plan.patience
        print(f"Calm. {rest.under_way(url)} things are under way.", flush=True)
        rested = rest.come_to_rest(url, patience, self.household.look_after)
        left = self.household.stop(["client"], patience=20)
        # What the last client's last word has set going: a late upload is taken back by a worker.
        rested = rest.come_to_rest(url, patience, self.household.look_after) and rested
        remains = rest.left(url)
        left += self.household.stop(["worker"], patience=20)
        return left if rested else [f"nothing happened for {patience:.0f} s to {remains}", *left]

    def _tell(self, verdict: judge.Verdict) -> bool:
        story = report.Story(
            began=self.began,
            seconds=self.plan.seconds,
            killed=self.nemesis.killed,
            deeds=self.nemesis.deeds,
            ended=self.household.ended,
            restarts=self.nemesis.restarts,
        )
        missed = self.plan.missed(report.uploads(), report.faults(story))
        print("\n".join([report.tell(story, verdict), "", *missed]))
        print(report.summary(story, verdict), flush=True)
        return verdict.clean and not missed
