"""What the queue's own tables say: who is alive, what waits and for how long, what gets done.

Procrastinate keeps no list of the queues that a worker serves. It shows by what a worker has taken,
and by what has waited although somebody could have taken it.
"""

from __future__ import annotations

from dataclasses import dataclass

from procrastinate.contrib.django import app

from rindle_django.jobs import QUEUES
from rindle_django.operations.reading import ENOUGH, select

# Procrastinate's own default; projects change it by PROCRASTINATE_WORKER_DEFAULTS.
HEARTBEAT_TIMEOUT = 30.0
# How many of the latest events of the queue are looked at, and how far back, in seconds.
TAIL, WINDOW = 5_000, 300.0


@dataclass(frozen=True)
class QueueStatus:
    """One queue. ``waiting`` counts jobs that are due, up to a bound; ``oldest_seconds`` is how
    long the oldest of them has been; ``workers`` are living ones that were seen to serve it."""

    queue: str
    waiting: int
    doing: int
    oldest_seconds: float | None
    per_minute: float
    workers: int


_WORKERS = """
SELECT count(*) FILTER (WHERE last_heartbeat > now() - %s * interval '1 second'), count(*)
FROM procrastinate_workers
"""

# The order of fetching is by priority and id, so that the head of that order waits the longest.
_WAITING = """
SELECT (SELECT count(*) FROM (
            SELECT FROM procrastinate_jobs
            WHERE status = 'todo' AND queue_name = q.name
              AND (scheduled_at IS NULL OR scheduled_at <= now())
            LIMIT %(enough)s + 1) due),
       extract(epoch FROM now() - coalesce(head.scheduled_at, (
            SELECT min(at) FROM procrastinate_events
            WHERE job_id = head.id AND type = 'deferred')))
FROM (SELECT %(queue)s::text AS name) q LEFT JOIN LATERAL (
    SELECT id, scheduled_at FROM procrastinate_jobs
    WHERE status = 'todo' AND queue_name = q.name
      AND (scheduled_at IS NULL OR scheduled_at <= now())
    ORDER BY priority DESC, id LIMIT 1) head ON true
"""

_DOING = """
SELECT job.queue_name, count(*), array_remove(array_agg(DISTINCT worker.id), NULL)
FROM procrastinate_jobs job
LEFT JOIN procrastinate_workers worker
       ON worker.id = job.worker_id AND worker.last_heartbeat > now() - %s * interval '1 second'
WHERE job.status = 'doing' AND job.queue_name = ANY(%s)
GROUP BY job.queue_name
"""

# Rows of jobs that were deleted when they were done are missing here; our own history has them.
_LATELY = """
SELECT job.queue_name,
       count(*) FILTER (WHERE event.type IN ('succeeded', 'failed')),
       array_remove(array_agg(DISTINCT worker.id), NULL)
FROM (SELECT job_id, type, at FROM procrastinate_events ORDER BY id DESC LIMIT %(tail)s) event
JOIN procrastinate_jobs job ON job.id = event.job_id
LEFT JOIN procrastinate_workers worker
       ON worker.id = job.worker_id
      AND worker.last_heartbeat > now() - %(timeout)s * interval '1 second'
WHERE event.at > now() - %(window)s * interval '1 second'
GROUP BY job.queue_name
"""

_HISTORY = """
SELECT CASE WHEN step.subject = 'asset' THEN 'rindle_promote'
            WHEN variant.kind <> 'image' THEN 'rindle_media' ELSE 'rindle_process' END,
       count(*)
FROM (SELECT subject, subject_id, from_state, to_state, at FROM rindle_transition
      ORDER BY id DESC LIMIT %(tail)s) step
LEFT JOIN rindle_variant variant ON step.subject = 'variant' AND variant.id = step.subject_id
WHERE step.at > now() - %(window)s * interval '1 second'
  AND (step.subject = 'variant' AND step.from_state = 'processing'
       OR step.subject = 'asset' AND step.from_state = 'promoting')
GROUP BY 1
"""


def heartbeat_timeout() -> float:
    """After how many seconds without a heartbeat a worker is taken for dead."""
    return float(app.worker_defaults.get("stalled_worker_timeout", HEARTBEAT_TIMEOUT))


def workers() -> tuple[int, int]:
    """How many workers are alive, and how many are known at all."""
    ((alive, known),) = select(_WORKERS, [heartbeat_timeout()])
    return alive, known


def queue_statuses() -> list[QueueStatus]:
    """One for each of the library's queues."""
    terms = {"tail": TAIL, "window": WINDOW, "timeout": heartbeat_timeout()}
    doing = {queue: rest for queue, *rest in select(_DOING, [terms["timeout"], list(QUEUES)])}
    lately = {queue: rest for queue, *rest in select(_LATELY, terms)}
    history = dict(select(_HISTORY, terms))
    found = []
    for queue in QUEUES:
        ((waiting, oldest),) = select(_WAITING, {"queue": queue, "enough": ENOUGH})
        running, at_work = doing.get(queue, (0, []))
        ended, seen = lately.get(queue, (0, []))
        done = max(ended, history.get(queue, 0))
        found.append(
            QueueStatus(
                queue=queue,
                waiting=waiting,
                doing=running,
                oldest_seconds=None if oldest is None else max(0.0, float(oldest)),
                per_minute=round(done * 60 / WINDOW, 2),
                workers=len({*at_work, *seen}),
            )
        )
    return found
