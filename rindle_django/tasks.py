"""The bodies of the jobs: they parse, call the domain, and return nothing.

Arguments and results of jobs are logged in clear, so there are only ids in and nothing out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from procrastinate import JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy
from procrastinate.tasks import Task

from rindle_django import jobs, telemetry
from rindle_django.conf import config
from rindle_django.errors import Kind, classify
from rindle_django.lifecycle import caused_by
from rindle_django.operations import batches, cleanup, recipes, reconcile
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.purge import purge_or_raise

logger = logging.getLogger(__name__)


class Tries(BaseRetryStrategy):
    """Run at most ``total`` times, with exponential backoff and jitter.

    Errors that time cannot mend are not tried again; an abort by a worker's shutdown always is.
    """

    def __init__(self, total: int) -> None:
        self.total = total

    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        aborted = isinstance(exception, JobAborted)
        spent = job.attempts + 1 >= self.total
        if not aborted and (spent or classify(exception) is not Kind.TRANSIENT):
            return None
        return RetryDecision(retry_in={"seconds": max(1, round(jobs.backoff(job.attempts + 1)))})


def _task(job: jobs.Job) -> Callable[[Callable[..., None]], Task[..., None, ...]]:
    register: Callable[[Callable[..., None]], Task[..., None, ...]] = app.task(
        name=job.name,
        queue=job.queue,
        retry=False if job.singleton else Tries(job.tries),
        queueing_lock=job.name if job.singleton else None,
        pass_context=True,
    )
    return register


@contextmanager
def _because(context: JobContext) -> Iterator[None]:
    job = context.job
    with (
        telemetry.timed("rindle.job.duration", {"queue": job.queue, "task": job.task_name}),
        caused_by(task=job.task_name, job=job.id, run=job.attempts + 1),
    ):
        yield


@_task(jobs.PROMOTE)
def promote_asset(context: JobContext, *, asset_id: str, **_ignored: object) -> None:
    with _because(context):
        promote(asset_id)


@_task(jobs.PROCESS)
def process_image_variant(
    context: JobContext, *, asset_id: str, variant_name: str, **_ignored: object
) -> None:
    with _because(context):
        process_variant(asset_id, variant_name)


@_task(jobs.MEDIA)
def process_media_variant(
    context: JobContext, *, asset_id: str, variant_name: str, **_ignored: object
) -> None:
    with _because(context):
        process_variant(asset_id, variant_name)


@_task(jobs.PURGE)
def purge_storage(context: JobContext, *, asset_id: str, **_ignored: object) -> None:
    with _because(context):
        purge_or_raise(asset_id)


@_task(jobs.CLEANUP)
def cleanup_orphans(
    context: JobContext,
    *,
    dry_run: bool | None = None,
    storage: str | None = None,
    **_ignored: object,
) -> None:
    with _because(context):
        cleanup.cleanup_orphans(
            dry_run=config().CLEANUP_DRY_RUN if dry_run is None else dry_run, storage=storage
        ).raise_if_incomplete()


@_task(jobs.ABORT)
def abort_incomplete_uploads(context: JobContext, **_ignored: object) -> None:
    with _because(context):
        cleanup.abort_incomplete_uploads().raise_if_incomplete()


@_task(jobs.SWEEP)
def sweep_temp_files(context: JobContext, **_ignored: object) -> None:
    with _because(context):
        recipes.sweep_temp_files(dry_run=False).raise_if_incomplete()


@_task(jobs.RECONCILE)
def reconcile_rows(context: JobContext, **_ignored: object) -> None:
    with _because(context):
        reconcile.reconcile()


@_task(jobs.BATCH)
def go_on_with_batch(context: JobContext, *, batch_id: str, **_ignored: object) -> None:
    with _because(context):
        batches.go_on(batch_id)


SCHEDULED = {
    "abort_incomplete_uploads": abort_incomplete_uploads,
    "cleanup_orphans": cleanup_orphans,
    "sweep_temp_files": sweep_temp_files,
    "reconcile": reconcile_rows,
}


def schedule() -> None:
    """Register the maintenance tasks that the settings give a cron line."""
    for name, cron in {**jobs.DEFAULT_SCHEDULES, **config().SCHEDULES}.items():
        if cron is not None and name in SCHEDULED:
            app.periodic(cron=cron, periodic_id="rindle")(SCHEDULED[name])


schedule()
