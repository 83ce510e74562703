"""How an attempt at a variant ends: published, superseded, tried again, or failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now

from rindle_django import claims, jobs, ledger, telemetry
from rindle_django.errors import Kind, RequestRefused, classify, reason_code, reason_text
from rindle_django.interruption import Interrupted
from rindle_django.ledger import Confirmed
from rindle_django.lifecycle import locked, transition, transition_all
from rindle_django.media.rendering import Rendered
from rindle_django.models import Asset, Key, ProcessingRun, StoredObject, Variant, execute
from rindle_django.moves import Condition
from rindle_django.processing.aggregate import settle_asset
from rindle_django.processing.plan import ring, variants_of
from rindle_django.processing.retire import retire
from rindle_django.profiles import profile_of_row
from rindle_django.purge import enqueue_purge
from rindle_django.states import ACTIVE_VARIANT_STATES, VERIFIED_ASSET_STATES


@dataclass(frozen=True)
class Finished:
    """An attempt of which all that was ``written``, the output and its parts, is in storage."""

    variant: Variant
    output: StoredObject
    run: ProcessingRun
    rendered: Rendered
    written: Sequence[Confirmed]


def publish(asset_id: Key, finished: Sequence[Finished]) -> list[bool]:
    """Make outputs of one asset what is served; of each, whether it is: False if that attempt was
    overtaken (W1.8, W1.9).

    One transaction decides under the asset's lock: only the holder of the claim publishes, only for
    a live asset and an unchanged recipe, and whatever is not served afterwards is doomed in the
    same breath.
    """
    with locked(asset_id) as asset:
        known = variants_of(asset)
        served = {variant.pk: variant.object_id for variant in known}
        # Of the others an earlier try was committed, and only its answer was lost.
        due = [each for each in finished if served.get(each.variant.pk) != each.output.pk]
        lost = _lost_of(asset, due)
        _close(asset, [_end_of(each, lost) for each in due])
        for each in due:
            if each not in lost:
                _replace(asset, each, served[each.variant.pk])
        if lost:
            _give_up(asset, lost)
            settle_asset(asset)
        else:
            ready = {each.variant.pk: each.variant for each in due}
            settle_asset(asset, [ready.get(variant.pk, variant) for variant in known])
    return [each not in lost for each in finished]


def _end_of(finished: Finished, lost: Sequence[Finished]) -> _End:
    return _End(
        finished.run,
        "superseded" if finished in lost else "succeeded",
        cpu_seconds=finished.rendered.cpu_seconds,
        byte_size=sum(each.byte_size for each in finished.written),
    )


def _lost_of(asset: Asset, finished: Sequence[Finished]) -> list[Finished]:
    """Make outputs ready; returns those that were overtaken."""
    if asset.state not in VERIFIED_ASSET_STATES:
        return list(finished)
    confirmed = ledger.confirm_all([written for each in finished for written in each.written])
    return [
        each
        for each in finished
        if not all(written.stored.pk in confirmed for written in each.written)
        or not _make_ready(each)
    ]


def _give_up(asset: Asset, lost: Sequence[Finished]) -> None:
    cancel_all(asset)
    ledger.doom([each.output for each in lost], settled=True)
    enqueue_purge(asset)


def _replace(asset: Asset, finished: Finished, served: Key | None) -> None:
    if served is not None:
        retire(profile_of_row(asset.profile), [served])
    _keep_placeholder(asset, finished.rendered)


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


def _keep_placeholder(asset: Asset, rendered: Rendered) -> None:
    """The first one stays: the original that it was made of does not change."""
    if rendered.placeholder and not asset.placeholder:
        asset.placeholder = rendered.placeholder
        execute(_PLACEHOLDER, (asset.placeholder, asset.pk))


_PLACEHOLDER = "UPDATE rindle_asset SET placeholder = %s WHERE id = %s::uuid"


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
            _close(asset, [_End(run, outcome if held else "superseded")], code, text)
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


@dataclass(frozen=True)
class _End:
    """How a run ended, and what it cost as far as that is known."""

    run: ProcessingRun
    outcome: str
    cpu_seconds: float | None = None
    byte_size: int | None = None


# A run that was taken over is "lost" already, whatever its former worker says now.
_CLOSE = """
UPDATE rindle_processingrun run
SET outcome = ended.outcome, cpu_seconds = ended.cpu_seconds, byte_size = ended.byte_size,
    reason_code = %s, reason = %s, finished_at = statement_timestamp()
FROM unnest(%s::uuid[], %s::text[], %s::float8[], %s::bigint[])
    AS ended (id, outcome, cpu_seconds, byte_size)
WHERE run.id = ended.id AND run.outcome = 'running'
RETURNING run.id, run.finished_at - run.started_at
"""


def _close(asset: Asset, ends: Sequence[_End], code: str = "", text: str = "") -> None:
    columns = (
        [each.run.pk for each in ends],
        [each.outcome for each in ends],
        [each.cpu_seconds for each in ends],
        [each.byte_size for each in ends],
    )
    took = dict(execute(_CLOSE, (code, text, *columns))) if ends else {}
    for each in ends:
        if each.run.pk in took:
            _tell_how_long(asset, each, took[each.run.pk])


def _tell_how_long(asset: Asset, end: _End, took: timedelta) -> None:
    labels = {
        "profile": asset.profile,
        "variant": end.run.variant_name,
        "outcome": end.outcome,
    }
    telemetry.record_once_committed("rindle.variant.duration", took.total_seconds(), labels)


def cancel_all(asset: Asset) -> None:
    """Nothing is made of an asset that was quarantined meanwhile. Inside ``locked``."""
    if asset.state != "quarantined":
        return
    waiting = list(Variant.objects.filter(asset=asset, state__in=ACTIVE_VARIANT_STATES))
    for variant in waiting:
        variant.asset = asset
    transition_all(waiting, "cancelled", reason_code="asset_quarantined", **claims.AT_REST)
