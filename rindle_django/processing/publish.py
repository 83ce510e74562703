"""How an attempt at a variant ends: published, superseded, tried again, or failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models.functions import Now

from rindle_django import claims, jobs, ledger, telemetry
from rindle_django.errors import Kind, RequestRefused, classify, reason_code, reason_text
from rindle_django.interruption import Interrupted
from rindle_django.lifecycle import locked, transition, transition_all
from rindle_django.media.rendering import Rendered
from rindle_django.models import Asset, Key, ProcessingRun, StoredObject, Variant
from rindle_django.moves import Condition
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.plan import ring
from rindle_django.processing.retire import retire
from rindle_django.profiles import profile_of_row
from rindle_django.purge import enqueue_purge
from rindle_django.states import ACTIVE_VARIANT_STATES, VERIFIED_ASSET_STATES


@dataclass(frozen=True)
class Written:
    """A file that the storage has taken, and the hash of its bytes."""

    stored: StoredObject
    byte_size: int
    content_type: str
    sha256: str


@dataclass(frozen=True)
class Finished:
    """An attempt of which all that was ``written``, the output and its parts, is in storage."""

    variant: Variant
    output: StoredObject
    run: ProcessingRun
    rendered: Rendered
    written: Sequence[Written]


def publish(asset_id: Key, finished: Sequence[Finished]) -> list[bool]:
    """Make outputs of one asset what is served; of each, whether it is: False if that attempt was
    overtaken (W1.8, W1.9).

    One transaction decides under the asset's lock: only the holder of the claim publishes, only for
    a live asset and an unchanged recipe, and whatever is not served afterwards is doomed in the
    same breath.
    """
    with locked(asset_id) as asset:
        keys = [each.variant.pk for each in finished]
        served = dict(Variant.objects.filter(pk__in=keys).values_list("pk", "object_id"))
        published = [_publish(asset, each, served.get(each.variant.pk)) for each in finished]
        settle_asset(asset)
    return published


def _publish(asset: Asset, finished: Finished, served: Key | None) -> bool:
    if served == finished.output.pk:
        return True  # an earlier try was committed, and only its answer was lost
    won = (
        asset.state in VERIFIED_ASSET_STATES
        and all(_confirm(each) for each in finished.written)
        and _make_ready(finished)
    )
    _close(
        asset,
        finished.run,
        "succeeded" if won else "superseded",
        cpu_seconds=finished.rendered.cpu_seconds,
        byte_size=sum(each.byte_size for each in finished.written),
    )
    if not won:
        cancel_all(asset)
        ledger.doom([finished.output], settled=True)
        enqueue_purge(asset)
        return False
    if served is not None:
        retire(profile_of_row(asset.profile), [served])
    _keep_placeholder(asset, finished.rendered)
    return True


def _make_ready(finished: Finished) -> bool:
    variant, rendered = finished.variant, finished.rendered
    return transition(
        variant,
        "ready",
        where=claims.held(variant) & Condition("recipe_digest = %s", variant.recipe_digest),
        object=finished.output,
        published_digest=variant.recipe_digest,
        content_type=rendered.content_type,
        byte_size=rendered.byte_size,
        width=rendered.width,
        height=rendered.height,
        pages=rendered.pages,
        duration_ms=rendered.duration_ms,
        details=dict(rendered.details),
        generated_at=Now(),
        reason_code="",
        reason="",
        attempts=0,
        **claims.AT_REST,
    )


def _confirm(each: Written) -> bool:
    return ledger.confirm(
        each.stored,
        byte_size=each.byte_size,
        content_type=each.content_type,
        sha256=each.sha256,
    )


def _keep_placeholder(asset: Asset, rendered: Rendered) -> None:
    """The first one stays: the original that it was made of does not change."""
    if rendered.placeholder and not asset.placeholder:
        asset.placeholder = rendered.placeholder
        Asset.objects.filter(pk=asset.pk).update(placeholder=asset.placeholder)


def retry_or_fail(
    variant: Variant, output: StoredObject, run: ProcessingRun, error: Exception
) -> bool:
    """End an attempt that raised; False if it was overtaken. What time can mend is tried again,
    within the budget; the rest fails at once (W1.19). ``failed`` therefore means: spent, or
    hopeless."""
    permanent = classify(error) in (Kind.CONTENT, Kind.CONFIGURATION, Kind.REQUEST)
    code, text = reason_code(error), reason_text(error)
    try:
        with locked(variant.asset_id) as asset:
            # After a storage error the write may still be on its way; before it, it is not.
            settled = permanent or isinstance(error, Interrupted)
            ledger.doom([output], settled=settled)
            spent = permanent or claims.exhausted(variant)
            if asset.state not in VERIFIED_ASSET_STATES:
                cancel_all(asset)  # then it is not held any more
            held = _fail(variant, code, text) if spent else _retry(variant, code, text)
            outcome = "failed" if spent else "retried"
            _close(asset, run, outcome if held else "superseded", code, text)
            enqueue_purge(asset, delay=0.0 if settled else claims.writing_time())
            settle_asset(asset)
    except RequestRefused:
        return False  # the asset was purged meanwhile, and its ledger with it
    return held


def _fail(variant: Variant, code: str, text: str) -> bool:
    return transition(
        variant,
        "failed",
        # Not from queued: a requeue does not take the row over, so the fence alone would let an
        # attempt that was given up fail the one that was asked for since.
        only_from={"processing"},
        where=claims.held(variant),
        reason_code=code,
        reason=text,
        **claims.AT_REST,
    )


def _retry(variant: Variant, code: str, text: str) -> bool:
    delay = jobs.backoff(variant.attempts)
    held = transition(
        variant,
        "queued",
        only_from={"processing"},
        where=claims.held(variant),
        reason_code=code,
        reason=text,
        **claims.due_in(delay),
    )
    if held:
        ring([variant], delay=delay)
    return held


def give_up(variant: Variant, code: str, text: str) -> None:
    """Fail a variant that cannot be attempted at all. Inside ``locked``."""
    transition(variant, "failed", reason_code=code, reason=text, **claims.AT_REST)


def _close(
    asset: Asset,
    run: ProcessingRun,
    outcome: str,
    code: str = "",
    text: str = "",
    **cost: float | None,
) -> None:
    # A run that was taken over is "lost" already, whatever its former worker says now.
    closed = ProcessingRun.objects.filter(pk=run.pk, outcome="running").update(
        outcome=outcome, reason_code=code, reason=text, finished_at=Now(), **cost
    )
    if closed and telemetry.measuring():
        _tell_how_long(asset, run, outcome)


def _tell_how_long(asset: Asset, run: ProcessingRun, outcome: str) -> None:
    run.refresh_from_db(
        fields=["started_at", "finished_at"], from_queryset=ProcessingRun.objects.all()
    )
    assert run.finished_at is not None
    seconds = (run.finished_at - run.started_at).total_seconds()
    labels = {"profile": asset.profile, "variant": run.variant_name, "outcome": outcome}
    telemetry.record_once_committed("rindle.variant.duration", seconds, labels)


def cancel_all(asset: Asset) -> None:
    """Nothing is made of an asset that was quarantined meanwhile. Inside ``locked``."""
    if asset.state != "quarantined":
        return
    waiting = list(Variant.objects.filter(asset=asset, state__in=ACTIVE_VARIANT_STATES))
    for variant in waiting:
        variant.asset = asset
    transition_all(waiting, "cancelled", reason_code="asset_quarantined", **claims.AT_REST)
