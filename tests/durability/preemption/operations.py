"""The operations: what each does, where it makes sense to begin, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.test import RequestFactory
from django.urls import resolve

import rindle_django
from rindle_django.errors import TransientFailure
from rindle_django.models import Asset, StoredObject, UploadSession, Variant
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.promotion import promote
from rindle_django.purge import purge_or_raise
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.durability.preemption import UNATTACHED_TTL
from tests.durability.preemption.scene import SOUND, Scene

BEGUN = ("signed", "arrived")
OPEN, LATER = ("arrived",), ("ready", "promoted", "verified", "degraded")


@dataclass(frozen=True)
class Operation:
    """``stages`` are those where it has something to do, best first; ``bond`` what it needs the
    asset to be, if anything; ``refusals`` the codes that it may answer with instead. One that is
    made of others is not interrupted: they are."""

    name: str
    act: Callable[[Scene], Any]
    stages: tuple[str, ...]
    bond: str = ""
    refusals: frozenset[str] = field(default_factory=frozenset)
    interruptible: bool = True


OPERATIONS: dict[str, Operation] = {}


def operation(
    stages: tuple[str, ...], bond: str = "", refusals: str = "", *, interruptible: bool = True
) -> Callable[[Callable[[Scene], Any]], Callable[[Scene], Any]]:
    def declare(act: Callable[[Scene], Any]) -> Callable[[Scene], Any]:
        name = act.__name__
        OPERATIONS[name] = Operation(
            name, act, stages, bond, frozenset(refusals.split()), interruptible
        )
        return act

    return declare


# --- clients -----------------------------------------------------------------------------------

GONE = "session_not_found asset_not_found"
ENDED = f"upload_expired upload_aborted upload_failed object_missing {GONE}"


@operation(OPEN, refusals=ENDED)
def verify(scene: Scene) -> Any:
    return rindle_django.verify_upload(scene.ticket).state


@operation(OPEN, refusals=ENDED, interruptible=False)
def journey(scene: Scene) -> Any:
    """Verified, and all that follows from it, before the other goes on."""
    state = rindle_django.verify_upload(scene.ticket).state
    drain_jobs()
    return state


@operation(BEGUN, refusals=f"ticket_used {GONE}")
def abort(scene: Scene) -> Any:
    return rindle_django.abort_upload(scene.ticket)


@operation(
    ("signed", "arrived"), refusals="ticket_used session_not_found object_exists object_missing"
)
def late_put(scene: Scene) -> Any:
    """A client's PUT by its signed request; held, it ends after whatever the other did."""
    found = resolve(scene.put_url)
    request = RequestFactory().put(scene.put_url, SOUND, content_type="image/png")
    return found.func(request, **found.kwargs).status_code


# --- owners ------------------------------------------------------------------------------------


@operation(LATER, refusals="asset_not_found asset_not_attachable")
def attach(scene: Scene) -> Any:
    return rindle_django.attach(_article(scene.other_article), "cover", scene.asset) and True


@operation(LATER, bond="attached")
def detach(scene: Scene) -> Any:
    return rindle_django.detach(_article(scene.article), "cover")


@operation(LATER, bond="attached", refusals="asset_not_found asset_not_attachable owner_unsaved")
def replace(scene: Scene) -> Any:
    return rindle_django.attach(_article(scene.article), "cover", scene.spare) and True


@operation(LATER, bond="attached")
def erase(scene: Scene) -> Any:
    """The owner is deleted, and with it what only it had."""
    return _article(scene.article).delete() and True


@operation((*LATER, *BEGUN), refusals="asset_not_found")
def discard(scene: Scene) -> Any:
    return rindle_django.discard(scene.asset)


def _article(key: int) -> Article:
    article = Article(pk=key)
    article._state.adding = False
    return article


# --- workers -----------------------------------------------------------------------------------


@operation(("verified",))
def promotion(scene: Scene) -> Any:
    return promote(scene.asset)


@operation(("promoted",))
def process(scene: Scene) -> Any:
    return process_variant(scene.asset, "dot")


@operation(LATER, bond="unwanted")
def purge(scene: Scene) -> Any:
    try:
        return purge_or_raise(scene.asset).dropped
    except TransientFailure:
        return False


# --- operators and schedules -------------------------------------------------------------------


@operation(BEGUN)
def expire(scene: Scene) -> Any:
    """The upload's time runs out, and the reaper comes."""
    UploadSession.objects.filter(asset_id=scene.asset).update(expires_at=Now())
    return abort_incomplete_uploads().sessions_aborted


@operation(("ended", "arrived"))
def cleanup(scene: Scene) -> Any:
    report = cleanup_orphans(dry_run=False)
    assert report.storage_errors == 0
    return report.objects_deleted


@operation(("ready", "degraded", "promoted"))
def sweep(scene: Scene) -> Any:
    """Cleanup where nothing may stay unattached, of an asset that has been so for long."""
    long_ago = Now() - timedelta(seconds=2 * UNATTACHED_TTL)
    Asset.objects.filter(pk=scene.asset).update(updated_at=long_ago)
    return cleanup_orphans(dry_run=False).objects_deleted


@operation(("degraded", "ready", "promoted"), refusals="asset_not_found not_deliverable")
def requeue(scene: Scene) -> Any:
    return rindle_django.requeue_variants(scene.asset)


@operation(("promoted", "degraded"), refusals="asset_not_found not_deliverable")
def cancel(scene: Scene) -> Any:
    return rindle_django.cancel_processing(scene.asset)


@operation((*LATER, "ended", "arrived"))
def reconciler(scene: Scene) -> Any:
    """Everything is due, and the reconciler comes round."""
    for model in (Asset, Variant, StoredObject):
        model.objects.filter(wake_at__isnull=False).update(wake_at=Now())
    return reconcile() and True
