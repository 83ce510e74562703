"""From ``validating`` to ``available``: freeze, inspect, publish; or quarantine, or later."""

from __future__ import annotations

from typing import cast

from rindle_django import claims, jobs, ledger, telemetry
from rindle_django.conf import config
from rindle_django.errors import (
    ContentRefused,
    Kind,
    Misconfigured,
    RequestRefused,
    classify,
    reason_code,
    reason_text,
)
from rindle_django.interruption import checkpoint
from rindle_django.lifecycle import locked, persistently, transition
from rindle_django.media.types import extension_for, may_be
from rindle_django.models import Asset, StoredObject, UploadSession, read
from rindle_django.processing.plan import plan_variants
from rindle_django.profiles import Profile, profile_of_row
from rindle_django.promotion.inspect import Findings, inspect, look_before, prepare
from rindle_django.purge import delete_left_over, enqueue_purge, take_back
from rindle_django.states import ABSORBING_ASSET_STATES, PROMOTABLE_ASSET_STATES
from rindle_django.storage import adapter_for
from rindle_django.workspace import workspace


def promote(asset_id: str) -> None:
    """Do what is due to promote one asset; nothing if it is promoted, held by another, or gone.

    Verdicts on the bytes quarantine; anything else is tried again, in rounds of three tries, for
    as long as it takes: an outage never costs a file. What was staged is deleted afterwards.
    """
    asset = _claim(asset_id)
    if asset is None:
        return
    _promote_or_settle(asset)
    delete_left_over(asset)


def _promote_or_settle(asset: Asset) -> None:
    with telemetry.span(
        "rindle.promote",
        parent=asset.traceparent,
        attributes={
            "rindle.asset_id": str(asset.pk),
            "rindle.profile": asset.profile,
            "rindle.attempt": asset.attempts,
        },
    ) as span:
        try:
            with claims.kept_alive([asset]) as holding:
                _promote(asset, holding)
        except Exception as error:
            span.failed(error)
            _settle(asset, error)


def _claim(asset_id: str) -> Asset | None:
    try:
        with locked(asset_id) as asset:
            if asset.state not in PROMOTABLE_ASSET_STATES:
                return None
            if claims.abandoned(asset) and not _begin_new_round_locked(asset):
                _quarantine_locked(asset, "worker_lost", "Its workers died over it.")
                return None
            return asset if claims.take(asset, "analyzing") else None
    except RequestRefused:
        return None


def _begin_new_round_locked(asset: Asset) -> bool:
    """Whether some of the spent tries came back with an error that is no verdict.

    A worker that dies during an outage says nothing about the file (U19, W1.5): it gets a round in
    which every try has to die before that is held against it.
    """
    if not asset.reason_code:
        return False
    asset.attempts, asset.reason_code, asset.reason = 0, "", ""
    asset.save(update_fields=["attempts", "reason_code", "reason"])
    return True


def _promote(asset: Asset, holding: claims.Holding) -> None:
    profile = profile_of_row(asset.profile)
    session = _completed_session_of(asset)
    _tell_wait(asset, session)
    mime = look_before(profile, session, source_of(asset, session))
    prepare(profile, mime)
    for _ in range(2):
        try:
            return _promote_as(mime, asset, holding, profile, session)
        except _OtherType as found:
            mime = found.mime
    # It is another one whenever it is looked at.
    raise ContentRefused("mime_not_allowed", mime=mime)


_COMPLETED = """
rindle_uploadsession session JOIN rindle_storedobject staging ON staging.id = session.staging_id
WHERE session.asset_id = %s::uuid AND session.state = 'completed'
"""


def _completed_session_of(asset: Asset) -> UploadSession:
    wanted = {"session": UploadSession, "staging": StoredObject}
    [[session, staging]] = read(wanted, _COMPLETED, [asset.pk])
    session.staging = staging
    return cast("UploadSession", session)


class _OtherType(Exception):
    """The streams tell what the head could not: sound only, or pictures too. It has to be frozen
    anew, as a key and what is stored with it carry the type."""

    def __init__(self, mime: str) -> None:
        super().__init__(mime)
        self.mime = mime


def _promote_as(
    mime: str,
    asset: Asset,
    holding: claims.Holding,
    profile: type[Profile],
    session: UploadSession,
) -> None:
    frozen = _expect(asset, mime)
    holding.writing.append(frozen)
    published = False
    try:
        findings = _freeze_and_inspect(profile, session, source_of(asset, session), frozen, mime)
        if asset.sha256 not in ("", findings.sha256):
            # It was promoted before, and its frozen bytes are others than they were then.
            raise ContentRefused("checksum_mismatch")
        checkpoint()
        published = persistently(lambda: _publish(asset, frozen, findings, profile))
    finally:
        if not published:
            persistently(lambda: take_back(frozen))


def source_of(asset: Asset, session: UploadSession) -> StoredObject:
    """Where an asset's bytes are: staged; or frozen, if it was promoted before its quarantine."""
    return session.staging if asset.original is None else asset.original


def _tell_wait(asset: Asset, session: UploadSession) -> None:
    if asset.fence == 1 and session.verified_at:  # a later round is no longer waiting
        waited = claims.claimed_at(asset) - session.verified_at
        telemetry.record("rindle.job.wait", waited.total_seconds(), {"queue": jobs.PROMOTE.queue})


def _freeze_and_inspect(
    profile: type[Profile],
    session: UploadSession,
    source: StoredObject,
    frozen: StoredObject,
    mime: str,
) -> Findings:
    _freeze(source, frozen, profile, mime)
    with workspace() as folder:
        findings = inspect(profile, session, frozen, folder)
    if findings.content_type == mime:
        return findings
    if findings.content_type in may_be(mime):
        persistently(lambda: ledger.doom([frozen], settled=True))
        raise _OtherType(findings.content_type)
    # The bytes changed between the look and the copy: the frozen ones carry a wrong type.
    raise ContentRefused("mime_not_allowed", mime=findings.content_type)


def _expect(asset: Asset, mime: str) -> StoredObject:
    """Each attempt freezes anew, under a key of its own: what an earlier one left may be half
    written."""
    with locked(asset.pk) as current:
        return ledger.expect(
            current,
            "original",
            settles_in=claims.writing_time(),
            extension=extension_for(mime),
            content_type=mime,
        )


def _freeze(source: StoredObject, frozen: StoredObject, profile: type[Profile], mime: str) -> None:
    """Copy the staged bytes, within the storage, to a key that no client can write (U4, X9)."""
    adapter_for(frozen.storage).copy(
        source.key,
        frozen.key,
        content_type=mime,
        cache_control=profile.delivery.cache_control,
    )


def _publish(
    asset: Asset,
    frozen: StoredObject,
    findings: Findings,
    profile: type[Profile],
) -> bool:
    """One transaction: the asset available, its variants and their jobs, the staging key doomed.

    Whoever has lost the claim, or finds the asset quarantined or deleted, publishes nothing.
    """
    with locked(asset.pk) as current:
        if current.original_id == frozen.pk:
            return True  # an earlier try was committed, and only its answer was lost
        again = current.original_id is not None
        confirmed = ledger.confirm(
            frozen,
            byte_size=findings.byte_size,
            content_type=findings.content_type,
            sha256=findings.sha256,
        )
        published = confirmed and transition(
            current,
            "promoting",
            only_from={"analyzing"},
            where=claims.held(asset),
            original=frozen,
            content_type=findings.content_type,
            byte_size=findings.byte_size,
            sha256=findings.sha256,
            **findings.measured,
        )
        if published:
            # A purge that was asked for meanwhile stays watched: its job may be lost.
            watched = claims.due_in(0) if current.purge_requested_at else claims.AT_REST
            transition(current, "available", reason_code="", reason="", attempts=0, **watched)
            plan_variants(current, profile, again=again)
            ledger.doom_superseded(current, by=frozen)
        else:
            ledger.doom([frozen], settled=True)
            enqueue_purge(current)
    return published


def _settle(asset: Asset, error: Exception) -> None:
    """Decide what a failed attempt means. Configuration faults wait like outages, but say so."""
    persistently(lambda: _settle_locked(asset, error))
    if isinstance(error, Misconfigured):
        raise error


def _settle_locked(asset: Asset, error: Exception) -> None:
    try:
        with locked(asset.pk) as current:
            if classify(error) is not Kind.CONTENT:
                _retry_locked(current, asset, error)
            elif current.fence == asset.fence:
                _quarantine_locked(current, reason_code(error), reason_text(error))
    except RequestRefused:
        return  # the asset was purged meanwhile


def _quarantine_locked(asset: Asset, code: str, text: str) -> None:
    """The bytes stay in the ledger, unreachable, until cleanup's time for quarantined ones."""
    transition(asset, "quarantined", reason_code=code, reason=text, **claims.AT_REST)


def _retry_locked(current: Asset, claimed: Asset, error: Exception) -> None:
    if current.state in ABSORBING_ASSET_STATES or current.fence != claimed.fence:
        return
    round_over = current.attempts >= current.max_attempts
    delay = config().ROUND_PAUSE if round_over else jobs.backoff(current.attempts)
    Asset.objects.filter(pk=current.pk).update(
        reason_code=reason_code(error),
        reason=reason_text(error),
        attempts=0 if round_over else current.attempts,
        **claims.due_in(delay),
    )
    jobs.enqueue(jobs.PROMOTE, asset_id=str(current.pk), delay=delay)
