"""Telling it: from history, runs, repairs, sessions, attachments and the ledger, bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from rindle_django.errors import RequestRefused
from rindle_django.lifecycle import identity_of
from rindle_django.models import (
    Asset,
    Attachment,
    Claimable,
    Key,
    ProcessingRun,
    Repair,
    StoredObject,
    Transition,
    UploadSession,
    Variant,
)
from rindle_django.operations.explain import words
from rindle_django.operations.explain.verbs import RECEIPTS, Situation, next_verbs
from rindle_django.states import (
    ACTIVE_VARIANT_STATES,
    OPEN_SESSION_STATES,
    PROMOTABLE_ASSET_STATES,
)

# How much of each is told: the latest.
TOLD = 200
NAMED = 20


@dataclass(frozen=True)
class Line:
    """Something that happened. ``cause`` is who or what caused it, empty if nobody knows."""

    at: datetime
    text: str
    cause: str = ""


@dataclass(frozen=True)
class Story:
    """``headline`` says where the asset is and why, ``lines`` what happened, oldest first, ``now``
    what is going on or due, ``next_verbs`` what an operator would do."""

    asset_id: str
    headline: str
    lines: list[Line] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    next_verbs: list[str] = field(default_factory=list)


def explain(asset_id: Key) -> Story:
    """The story of one asset, also of one that was purged, as long as its history is kept.

    Reads only, and tells the latest 200 of each sort. Raises RequestRefused("asset_not_found") if
    nothing is known of it.
    """
    identity = identity_of(asset_id)
    lines = sorted(_lines(identity), key=lambda line: line.at)
    asset = Asset.objects.filter(pk=identity).annotate(moment=Now()).first()
    if asset is None:
        return _of_purged(identity, lines)
    return _of_living(asset, lines)


def _of_living(asset: Any, lines: list[Line]) -> Story:
    variants = tuple(Variant.objects.filter(asset=asset).order_by("name"))
    session = UploadSession.objects.filter(asset=asset).order_by("-created_at").first()
    objects = _objects(asset.pk)
    rows: tuple[Claimable, ...] = (asset, *(v for v in variants if _active(v)))
    situation = Situation(
        asset=asset,
        variants=variants,
        overdue=any(_overdue(row, asset.moment) for row in rows),
        upload_over=session is not None
        and (session.state not in OPEN_SESSION_STATES or session.expires_at <= asset.moment),
        objects_kept=StoredObject.objects.filter(asset=asset, state="doomed", attempts__gt=0)
        .exclude(reason_code="")
        .exists(),
    )
    return Story(
        asset_id=str(asset.pk),
        headline=_headline(asset, variants),
        lines=lines,
        now=[*_going_on(asset, rows), *_upload(session, asset.moment), *_to_be_deleted(objects)],
        next_verbs=next_verbs(situation),
    )


def _of_purged(identity: UUID, lines: list[Line]) -> Story:
    objects = _objects(identity)
    if not lines and not objects:
        raise RequestRefused("asset_not_found")
    gone = objects.get("gone", (0, None))[0]
    return Story(
        asset_id=str(identity),
        headline=f"It was purged; the storage confirmed that {gone} objects are gone.",
        lines=lines,
        now=_to_be_deleted(objects),
        next_verbs=[RECEIPTS.format(asset=identity)],
    )


# --- where it is ---------------------------------------------------------------------------------


def _headline(asset: Asset, variants: tuple[Variant, ...]) -> str:
    told = f"{asset.filename or 'An asset'} of profile {asset.profile} is {asset.state}"
    if asset.reason_code:
        told += f": {asset.reason or asset.reason_code}".rstrip(".") + words.because(
            asset.reason_code if asset.reason else ""
        )
    unready = [f"{each.name} is {each.state}" for each in variants if each.state != "ready"]
    if unready and asset.state not in ("quarantined", "deleted"):
        told += f"; of {len(variants)} variants " + ", ".join(unready)
    return told + "."


def _active(variant: Variant) -> bool:
    return variant.state in ACTIVE_VARIANT_STATES


def _overdue(row: Claimable, moment: datetime) -> bool:
    return row.wake_at is not None and row.wake_at <= moment


def _going_on(asset: Any, rows: tuple[Claimable, ...]) -> Iterator[str]:
    for row in rows:
        name = f"Variant {row.name}" if isinstance(row, Variant) else "The asset"
        tries = f"attempt {row.attempts} of {row.max_attempts}"
        if row.lease_until is not None and row.lease_until > asset.moment:
            at_it = f"a worker is at it{_how_far(row)}, {tries}"
            yield f"{name}: {at_it}, and has it until {_at(row.lease_until)}."
        elif row.wake_at is not None and _waits(row):
            when = "was due at" if _overdue(row, asset.moment) else "is looked at by"
            failed = words.because(row.reason_code) if isinstance(row, Variant) else ""
            yield f"{name}: waits after {tries}{failed}; it {when} {_at(row.wake_at)}."
    if asset.purge_requested_at is not None:
        yield f"It was given up at {_at(asset.purge_requested_at)}, unless it is attached again."


def _how_far(row: Claimable) -> str:
    progress = row.progress if isinstance(row, Variant) else None
    return "" if progress is None else f" and {progress} % through"


def _waits(row: Claimable) -> bool:
    return isinstance(row, Variant) or row.state in PROMOTABLE_ASSET_STATES


def _upload(session: UploadSession | None, moment: datetime) -> Iterator[str]:
    if session is not None and session.state in OPEN_SESSION_STATES:
        over = session.expires_at <= moment
        yield f"The upload {'ran out' if over else 'is open until'} {_at(session.expires_at)}."


def _objects(identity: UUID) -> dict[str, tuple[int, datetime | None]]:
    """How many objects of an asset are in each state, and when the last of them went."""
    rows = StoredObject.objects.filter(asset_id=identity).order_by().values_list("state")
    counted = rows.annotate(number=Count("pk"), latest=Max("gone_at"))
    return {state: (number, latest) for state, number, latest in counted}


def _to_be_deleted(objects: dict[str, tuple[int, datetime | None]]) -> list[str]:
    waiting = objects.get("doomed", (0, None))[0]
    return [f"{waiting} objects wait to be deleted."] if waiting else []


# --- what happened -------------------------------------------------------------------------------


def _lines(identity: UUID) -> Iterator[Line]:
    for entry in _latest(Transition.objects.filter(asset_id=identity)):
        yield Line(entry.at, words.step(entry), words.cause(entry.cause))
    for run in ProcessingRun.objects.filter(asset_id=identity).order_by("-started_at")[:TOLD]:
        yield Line(run.finished_at or run.started_at, words.attempt(run), run.worker)
    for repair in _latest(Repair.objects.filter(asset_id=identity)):
        yield Line(repair.at, words.repaired(repair), words.cause(repair.cause))
    attachments = Attachment.objects.filter(asset_id=identity).select_related("owner_type")
    for row in attachments.order_by("-created_at")[:NAMED]:
        yield Line(row.created_at, f"It was attached to {_owner(row)} as {row.slot}")
    gone, latest = _objects(identity).get("gone", (0, None))
    if latest is not None:
        yield Line(latest, f"The storage has confirmed that {gone} objects are gone")


def _latest(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.order_by("-id")[:TOLD])[::-1]


def _owner(row: Attachment) -> str:
    return f"{row.owner_type.app_label}.{row.owner_type.model}:{row.owner_id}"


def _at(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S")
