"""Putting the report together, in one transaction that can change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rindle_django.operations.doctor.rows import patience
from rindle_django.operations.queues import QueueStatus, queue_statuses
from rindle_django.operations.reading import ENOUGH, reading, select
from rindle_django.operations.status.counts import counts
from rindle_django.operations.status.filters import Filters, checked
from rindle_django.operations.status.kinds import KINDS, WORKER, Kind
from rindle_django.operations.status.report import Finding, RuntimeStatus

# Seconds for which a due job, or a row that was rung for, may wait for its turn.
BACKLOG, WAITING = 60.0, 600.0


def runtime_status(
    *,
    profile: str | None = None,
    older_than: float | None = None,
    limit: int = 5,
    mode: str = "python",
) -> RuntimeStatus:
    """What needs somebody's attention, of one profile or of all.

    ``older_than`` leaves out what is younger, in seconds; ``limit`` is the number of samples of
    each finding. Queues are those of all profiles. ``mode`` only tells telemetry who asks. Raises
    RequestRefused("unknown_profile" | "filter_invalid").
    """
    filters = checked(profile, older_than, limit, mode)
    with reading():
        queues = queue_statuses()
        return RuntimeStatus(
            generated_at=_now(),
            profile=filters.profile,
            older_than=filters.older_than,
            limit=filters.limit,
            counts=counts(filters.profile),
            findings=[*_of_rows(filters), *_backlog(queues, filters)],
            queues=queues,
        )


def _now() -> datetime:
    ((now,),) = select("SELECT now()")
    moment: datetime = now
    return moment


_FOUND = """
SELECT reason, count(*), extract(epoch FROM now() - min(since)),
       (array_agg(sample ORDER BY since))[1:%(limit)s]
FROM (SELECT {reason} AS reason, {sample} AS sample, {since} AS since FROM {table} r
      WHERE {where} AND {since} <= now() - %(older)s * interval '1 second'{narrowed}
      ORDER BY {order} LIMIT %(enough)s + 1) found
GROUP BY reason ORDER BY 2 DESC
"""


def _of_rows(filters: Filters) -> Iterator[Finding]:
    for kind in KINDS:
        query = _FOUND.format(
            reason=kind.reason,
            sample=kind.sample,
            since=kind.since,
            table=kind.table,
            where=kind.where,
            order=kind.order,
            narrowed=f" AND {kind.of_profile}" if filters.profile is not None else "",
        )
        for reason, count, age, samples in select(query, _terms(kind, filters)):
            verb = kind.verb_for(reason)
            yield Finding(kind.kind, kind.subject, count, float(age), samples, verb, reason)


def _terms(kind: Kind, filters: Filters) -> dict[str, object]:
    usual = WAITING if kind.patient else 0.0
    return {
        "older": usual if filters.older_than is None else filters.older_than,
        "patience": patience(),
        "profile": filters.profile,
        "limit": filters.limit,
        "enough": ENOUGH,
    }


_HEAD = """
SELECT id::text FROM procrastinate_jobs
WHERE status = 'todo' AND queue_name = %(queue)s
  AND (scheduled_at IS NULL OR scheduled_at <= now())
ORDER BY priority DESC, id LIMIT %(limit)s
"""


def _backlog(queues: list[QueueStatus], filters: Filters) -> Iterator[Finding]:
    least = BACKLOG if filters.older_than is None else filters.older_than
    for each in queues:
        if each.oldest_seconds is not None and each.oldest_seconds >= least:
            jobs = select(_HEAD, {"queue": each.queue, "limit": filters.limit})
            yield Finding(
                kind="backlog",
                subject=each.queue,
                count=each.waiting,
                oldest_seconds=each.oldest_seconds,
                samples=[job for (job,) in jobs],
                verb=WORKER.format(queue=each.queue),
            )
