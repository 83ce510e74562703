"""A picture's whole life, by a patient client and workers that are rung for: upload, verify,
promote, variants, attach, detach, purge. It is judged twice: when it is ready, and when it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import TypeVar

from PIL import Image

from rindle_django import attach, detach, upload
from rindle_django.errors import Kind, classify
from rindle_django.models import Asset, StoredObject, Transition
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.operations.invariants import violations
from rindle_django.operations.reconcile import reconcile
from rindle_django.storage import adapter_for
from rindle_django.testing import drain_jobs
from tests.app.models import Article
from tests.durability.passing_time import let_pass
from tests.kit import fresh, ledger_keys, named, variant_states

T = TypeVar("T")
HOUR, DAY = 3600.0, 90_000.0
PATIENCE = 6
# What only a verdict on the bytes, or spent tries, may lead to.
VERDICTS = ("quarantined", "degraded", "failed", "cancelled", "missing")


@cache
def content() -> bytes:
    """Noise, which takes more bytes than a fault lets through at once."""
    buffer = BytesIO()
    noise = Image.effect_noise((90, 90), 120).convert("RGB")
    noise.save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def whole_life(clear_up: Callable[[], object]) -> None:
    """Raises AssertionError for whatever the weather cost. ``clear_up`` ends the weather."""
    asset = become_ready()
    article = Article.objects.create()
    attach(article, "cover", asset)
    assert detach(article, "cover") == 1
    work_on(lambda: not Asset.objects.filter(pk=asset.pk).exists())
    clear_up()
    come_to_rest()
    assert left_behind() == []


def become_ready() -> Asset:
    asset = patiently(lambda: upload("photo", named(content(), "photo.png")))
    work_on(lambda: fresh(asset).state == "ready")
    assert variant_states(asset) == {"thumb": "ready"}
    return fresh(asset)


def patiently(request: Callable[[], T]) -> T:
    """What a client does: ask again, as long as it is only weather."""
    for _ in range(PATIENCE):
        try:
            return request()
        except Exception as error:
            if classify(error) is not Kind.TRANSIENT:
                raise
    raise AssertionError("the client lost its patience")


def work_on(done: Callable[[], bool]) -> None:
    """Workers come, and the reconciler, until it is done; hours pass between them."""
    for _ in range(PATIENCE):
        drain_jobs(early=True, limit=50)
        if done():
            return
        let_pass(HOUR)
        reconcile()
    raise AssertionError(f"it never gets there: {sorted(map(str, violations(at_rest=True)))}")


def come_to_rest() -> None:
    """Days pass: uploads that nobody completed run out, and what was deleted is deleted again."""
    for _ in range(3):
        let_pass(DAY)
        reconcile()
        abort_incomplete_uploads()
        cleanup_orphans(dry_run=False)
        drain_jobs(early=True, limit=50)


def left_behind() -> list[str]:
    """Whatever is wrong at the end of a life of which nothing may be left but receipts."""
    wrong = [str(violation) for violation in violations(at_rest=True, checksums=True)]
    wrong += [f"listed: {found}" for found in adapter_for("default").list_objects()]
    wrong += [f"in the ledger: {key}" for key in ledger_keys("expected", "present", "doomed")]
    wrong += [f"a row: {asset.pk} is {asset.state}" for asset in Asset.objects.all()]
    wrong += [
        f"a verdict by weather: {step.subject} {step.from_state}>{step.to_state} {step.reason_code}"
        for step in Transition.objects.filter(to_state__in=VERDICTS)
        if step.subject != "session"
    ]
    return wrong


def receipts() -> set[str]:
    """How the absence of all that was deleted is known."""
    return set(StoredObject.objects.values_list("confirmation", flat=True))
