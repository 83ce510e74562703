"""After a death: time passes, and a worker and the maintenance tasks go on until nothing moves."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from rindle_django import claims, workspace
from rindle_django.conf import config
from rindle_django.models import Asset, Attachment, StoredObject, UploadSession, Variant
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from tests.durability.crashpoints.ground import storage_options
from tests.durability.passing_time import let_pass

DAY = 90_000.0
ROUNDS = 14
DUE = """
SELECT count(*) FROM procrastinate_jobs
WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
"""


def work() -> None:
    """A real worker, from its start until no job is due."""
    call_command("procrastinate", "worker", "--one-shot", "--no-listen-notify", "--concurrency=1")


def takeover() -> float:
    """The seconds after which nobody believes any more that a dead worker lives."""
    return claims.writing_time() + config().RECONCILE_GRACE + 1


def one_round(pause: float) -> None:
    """Let ``pause`` seconds pass, and do once what schedules and workers do."""
    let_pass(pause, *_folders())
    reconcile()
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=False)
    if _due():
        work()


def come_to_rest() -> bool:
    """Let it go on until nothing moves; False if it does for too long.

    First by steps in which workers are taken over, then by days, in which uploads run out and
    whatever was put off comes due.
    """
    life = config().UPLOAD_TTL + config().LATE_PUT_GRACE + config().SIGN_TTL
    before = None
    for number, pause in zip(
        range(ROUNDS), chain([takeover()] * 2, [life], repeat(DAY)), strict=False
    ):
        one_round(pause)
        after = _appearance()
        if number > 3 and after == before:
            return True
        before = after
    return False


def _appearance() -> object:
    """All that may still move, without the times."""
    return [
        sorted(Asset.objects.values_list("pk", "state", "fence")),
        sorted(Variant.objects.values_list("pk", "state", "fence")),
        sorted(UploadSession.objects.values_list("pk", "state")),
        sorted(StoredObject.objects.values_list("pk", "state")),
        sorted(Attachment.objects.values_list("pk")),
        _due(),
    ]


def _due() -> int:
    with connection.cursor() as cursor:
        cursor.execute(DUE)
        return int(cursor.fetchone()[0])


def _folders() -> list[Path]:
    folders = [workspace.root()]
    folders += [
        Path(options["location"]) / ".rindle-tmp"
        for options in storage_options()
        if "location" in options
    ]
    return [folder for folder in folders if folder.is_dir()]
