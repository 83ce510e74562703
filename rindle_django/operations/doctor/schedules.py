"""The maintenance tasks: whether each is scheduled, by a line that can fire, and has been run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from croniter import croniter
from croniter.croniter import CroniterError
from procrastinate.contrib.django import app

from rindle_django.conf import config
from rindle_django.jobs import DEFAULT_SCHEDULES, MAINTENANCE
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.operations.reading import for_long, select

# How seldom is too seldom, in seconds.
_SELDOM: Mapping[str, float] = {"reconcile": 600.0}
_SELDOM_OTHERS = 8 * 86_400.0
NEVER = "which never fires"
GIVE = (
    "Give five fields, or six with seconds last: '0 2 * * *' is two at night, UTC. Workers stop "
    "all periodic tasks over it."
)
# Those that nothing else does: the reconciler sweeps working copies as well.
ABANDONED = ("abort_incomplete_uploads", "cleanup_orphans")
# A tick may be late by this much: workers look for what is due when they wake.
LATE = 60.0


@dataclass(frozen=True)
class Schedule:
    name: str
    cron: str
    periodic_id: str
    dry_run: bool

    @property
    def task(self) -> str:
        return MAINTENANCE[self.name].name


def declared() -> list[Schedule]:
    """The schedules of the setting, and those that the project registered by itself."""
    ours = [
        Schedule(name, cron, "rindle", name == "cleanup_orphans" and config().CLEANUP_DRY_RUN)
        for name, cron in {**DEFAULT_SCHEDULES, **config().SCHEDULES}.items()
        if cron is not None and name in MAINTENANCE
    ]
    return ours + list(_own())


def _own() -> Iterator[Schedule]:
    names = {job.name: name for name, job in MAINTENANCE.items()}
    for (task, periodic_id), entry in app.periodic_registry.periodic_tasks.items():
        if task in names and periodic_id != "rindle":
            given = entry.configure_kwargs.get("task_kwargs") or {}
            yield Schedule(names[task], entry.cron, periodic_id, bool(given.get("dry_run")))


def present() -> Iterator[Observation]:
    scheduled = {each.name for each in declared()}
    for name in MAINTENANCE:
        if name in scheduled:
            continue
        turned_off = name in config().SCHEDULES
        if name == "reconcile":
            yield error(
                "Reconcile is turned off: work whose job is lost stays where it is for ever.",
                "Remove 'reconcile' from RINDLE['SCHEDULES'], or run rindle_reconcile from cron.",
            )
        elif name in ABANDONED and not turned_off:
            yield warn(
                f"Nothing schedules {name}: what clients abandon is kept for ever.",
                f"Add it to RINDLE['SCHEDULES'], or run rindle_{name} from cron and set it to "
                "None there.",
            )


def dry_run() -> Iterator[Observation]:
    for each in declared():
        if each.dry_run:
            yield warn(
                f"The scheduled {each.name} only reports: nothing is ever deleted.",
                "Set RINDLE['CLEANUP_DRY_RUN'] = False."
                if each.periodic_id == "rindle"
                else "Give the schedule dry_run=False.",
            )


def cron() -> Iterator[Observation]:
    for each in declared():
        interval = fires_every(each.cron)
        if interval is None:
            yield error(f"The cron line of {each.name} is {each.cron!r}, {NEVER}.", GIVE)
        elif interval > _SELDOM.get(each.name, _SELDOM_OTHERS):
            yield warn(
                f"{each.name} is scheduled by {each.cron!r}, only every {for_long(interval)}.",
                "Schedule it more often; see the guide on maintenance.",
            )


def fires_every(line: str) -> float | None:
    """Seconds between the next two ticks; None for what is no cron line, or can never be."""
    try:
        ticks = croniter(line, time.time())
        first: float = ticks.get_next(float)
        return float(ticks.get_next(float)) - first
    except (CroniterError, ValueError, TypeError, AttributeError):
        return None


_TICKS = """
SELECT max(defer_timestamp), (SELECT extract(epoch FROM at) FROM rindle_transition
                              ORDER BY id LIMIT 1)
FROM procrastinate_periodic_defers WHERE task_name = %s AND periodic_id = %s
"""


def ticks() -> Iterator[Observation]:
    now, late = time.time(), False
    for each in declared():
        interval = fires_every(each.cron)
        if interval is None:
            continue  # told by the check of the lines
        ((last, first_row),) = select(_TICKS, [each.task, each.periodic_id])
        since = last if last is not None else first_row
        if since is None or now - float(since) < 2 * interval + LATE:
            continue
        late = True
        ago = for_long(now - float(since))
        seen = f"was last due {ago} ago" if last is not None else f"has not run in {ago}"
        yield error(
            f"{each.name} {seen}, though it is scheduled every {for_long(interval)}.",
            "No worker defers periodic tasks: start one that serves rindle_maintenance, with "
            "these settings.",
        )
    if not late:
        yield ok("Every schedule has ticked when it should have.")
