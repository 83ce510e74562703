"""The storages of profiles and rows: tried by using them, and asked how they are set up.

What is written is written down in the ledger first and deleted through it, so that nothing is
left behind whoever is killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict
from uuid import UUID

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from rindle_django import claims, ledger
from rindle_django.delivery.issue import MANIFEST_KINDS
from rindle_django.errors import RindleError, TransientFailure, reason_text
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.doctor.database import TOLERATED, TOO_MUCH, only_read
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.operations.reading import ENOUGH, for_long, said, select
from rindle_django.profiles import registered
from rindle_django.purge import purge
from rindle_django.storage import adapter_for, refuse_inside_transaction

TRIAL = b"rindle doctor: written, read and deleted again"
TYPE = "application/octet-stream"
ACCESS = (
    "See that it runs, and that the credentials here may put, read, list and delete in it. What "
    "waits for it goes on by itself afterwards; rindle_reconcile rings for what is overdue."
)
FIRST = "See what the first of these checks says of it."
# A storage that was not compared with the ledger for so long, in seconds.
LONG_AGO = 45 * 86_400.0

# One step of the index for each alias, however many rows there are.
_ALIASES = """
WITH RECURSIVE known AS (
    (SELECT storage FROM rindle_storedobject ORDER BY storage LIMIT 1)
    UNION ALL
    SELECT (SELECT storage FROM rindle_storedobject WHERE storage > known.storage
            ORDER BY storage LIMIT 1)
    FROM known WHERE known.storage IS NOT NULL)
SELECT storage FROM known WHERE storage IS NOT NULL LIMIT 100
"""


def aliases() -> list[str]:
    """Those that profiles use, and those that hold something."""
    held = {alias for (alias,) in select(_ALIASES)}
    return sorted(held | {profile.storage for profile in registered()})


_silent: ContextVar[set[str]] = ContextVar("rindle_silent_storages")


@contextmanager
def waiting_once() -> Iterator[None]:
    """Inside, a storage that did not answer one check is not waited for by the others."""
    token = _silent.set(set())
    try:
        yield
    finally:
        _silent.reset(token)


def _each(look: Callable[[str], Iterator[Observation]]) -> Iterator[Observation]:
    """One storage that fails does not hide what is to be said of the others."""
    refuse_inside_transaction("doctor")
    silent = _silent.get()
    for alias in aliases():
        if alias in silent:
            yield warn(f"Storage {alias!r}: not looked at, it does not answer.", FIRST)
            continue
        try:
            yield from look(alias)
        except RindleError as fault:
            if isinstance(fault, TransientFailure):
                silent.add(alias)
            yield error(f"Storage {alias!r}: {reason_text(fault)}", ACCESS)


def round_trip() -> Iterator[Observation]:
    if only_read():
        yield warn(
            "Not tried: the database can only be read, and nothing is written to a storage that is "
            "not written down before.",
            "Ask where the database can be written.",
        )
        return
    yield from _each(_try)


def _try(alias: str) -> Iterator[Observation]:
    adapter_for(alias)  # a storage that cannot be had is never written down
    nobody = Asset(storage=alias)
    stored = ledger.expect(nobody, "variant", settles_in=claims.writing_time(), content_type=TYPE)
    began, written = time.perf_counter(), False
    try:
        _write(stored)
        written = True
        yield from _read(stored)
    finally:
        # A write that failed may still be on its way: the reconciler waits for it, then deletes.
        ledger.doom([stored], settled=written)
        report = purge(nobody.pk) if written else None
    if report is not None and report.kept:
        yield error(
            f"Storage {alias!r} does not confirm a deletion.",
            f"{ACCESS} The trial's object stays in the ledger and is tried again.",
        )
    elif report is not None:
        ledger.forget(stored)
        yield ok(f"{alias}: written, read and deleted in {time.perf_counter() - began:.2f} s.")


def _write(stored: StoredObject) -> None:
    adapter_for(stored.storage).put_stream(
        stored.key, [TRIAL], length=len(TRIAL), content_type=TYPE, limit=len(TRIAL)
    )


def _read(stored: StoredObject) -> Iterator[Observation]:
    adapter = adapter_for(stored.storage)
    found = adapter.stat(stored.key)
    if found is None or adapter.read_range(stored.key, 0, found.size) != TRIAL:
        yield error(
            f"Storage {stored.storage!r} does not give back what was written to it.",
            "Nothing can be kept there. See what stands between: a cache, a proxy, a replica.",
        )


# --- what it promises --------------------------------------------------------------------------

_KEEPS = "Nothing that is served can change: bytes are frozen under another key and verified there."
WEAKER: Mapping[str, tuple[str, str]] = {
    "create_only_put": (
        "a second PUT with the same signed URL replaces what was staged",
        f"{_KEEPS} A server that knows If-None-Match refuses it.",
    ),
    "binds_length": (
        "a client can stage more bytes than it declared",
        f"{_KEEPS} Limit the size of requests in front of the storage.",
    ),
    "binds_type": ("a client can stage another type than it declared", _KEEPS),
    "binds_checksum": ("a client can stage other bytes than it declared", _KEEPS),
    "signed_get": (
        "signed links are not verified, or do not work: private media is not private",
        "Do not use it for private delivery. See that it verifies signatures.",
    ),
}


def capabilities() -> Iterator[Observation]:
    yield from _each(_compare)


def _compare(alias: str) -> Iterator[Observation]:
    adapter = adapter_for(alias)
    promised, kept = asdict(adapter.capabilities), asdict(adapter.probe_capabilities())
    if promised["signed_put"] and not kept["signed_put"]:
        yield error(
            f"Storage {alias!r} refuses signed uploads.",
            "See the clock (storages.clock), the credentials, and RINDLE['S3_PUBLIC_ENDPOINT'].",
        )
        return
    weaker = [name for name in WEAKER if promised[name] and not kept[name]]
    for name in weaker:
        what, fix = WEAKER[name]
        yield warn(f"Storage {alias!r} does not keep {name}: {what}.", fix)
    if not weaker:
        versions = ", and keeps versions, which deletions remove" if kept["versioned"] else ""
        yield ok(f"{alias} ({adapter.name}) keeps what it promises{versions}.")


def examined(about: str) -> Callable[[], Iterator[Observation]]:
    """A look at one of ``storage.EXAMINED`` in every storage."""

    def look_at(alias: str) -> Iterator[Observation]:
        if about == "playback" and not _has_streams(alias):
            return
        for remark in adapter_for(alias).examine(about, origins()):
            level = remark.level
            if about == "cors" and level == "error" and not _takes_uploads(alias):
                level = "warn"
            yield Observation(level, f"Storage {alias!r}: {remark.finding}", remark.fix)

    return lambda: _each(look_at)


def origins() -> list[str]:
    """Where the pages come from that upload, as far as Django knows."""
    trusted = list(settings.CSRF_TRUSTED_ORIGINS)
    hosts = [f"https://{host}" for host in settings.ALLOWED_HOSTS if host[:1] not in ("*", ".")]
    return trusted or hosts


def _takes_uploads(alias: str) -> bool:
    """Whether browsers are given signed uploads to this storage by our views."""
    try:
        reverse("rindle:uploads")
    except NoReverseMatch:
        return False
    return any(profile.storage == alias for profile in registered())


def _has_streams(alias: str) -> bool:
    """Whether scripts of pages read from this storage what is made for players."""
    return any(
        recipe.kind in MANIFEST_KINDS
        for profile in registered()
        if profile.storage == alias
        for recipe in profile.variants.values()
    )


def clock() -> Iterator[Observation]:
    yield from _each(_skew)


def _skew(alias: str) -> Iterator[Observation]:
    theirs = adapter_for(alias).clock()
    if theirs is None:
        return
    ((ours,),) = select("SELECT extract(epoch FROM clock_timestamp())")
    skew = theirs + 0.5 - float(ours)  # it tells whole seconds
    if abs(skew) > TOLERATED:
        say = error if abs(skew) > TOO_MUCH else warn
        yield say(
            f"The clock of storage {alias!r} is {skew:+.0f} seconds off the database's.",
            "Have all machines keep time by NTP. S3 refuses what was signed 15 minutes off.",
        )


# --- what comparing it with the ledger has shown -----------------------------------------------

_SCANS = "SELECT storage, extract(epoch FROM now() - finished_at) FROM rindle_storagescan"


def verified() -> Iterator[Observation]:
    ages = dict(select(_SCANS))
    for alias in [alias for (alias,) in select(_ALIASES)]:
        age = ages.get(alias)
        if age is None:
            yield warn(
                f"Storage {alias!r} was never compared with the ledger to its end.",
                f"Run rindle_verify_storage --storage {alias} --no-dry-run, and schedule it.",
            )
        elif age > LONG_AGO:
            yield warn(
                f"Storage {alias!r} was last compared with the ledger {for_long(float(age))} ago.",
                f"Run rindle_verify_storage --storage {alias} --no-dry-run, and schedule it.",
            )


_SIGHTINGS = """
SELECT count(*), min(sample::text) FROM (
    SELECT split_part(key, '/', 3) AS sample FROM rindle_sighting WHERE finding = %s
    LIMIT %s + 1) found
"""
_ALARMING = {
    "missing_original": ("original", "that the storage no longer has"),
    "altered": ("object", "with another size than was stored"),
}


def sightings() -> Iterator[Observation]:
    for finding, (thing, what) in _ALARMING.items():
        ((count, sample),) = select(_SIGHTINGS, [finding, ENOUGH])
        if count:
            yield error(
                f"{said(count, thing)} {what}, by rindle_verify_storage; asset {_known(sample)}.",
                "Restore them from a backup under the same keys, then run rindle_verify_storage "
                "--no-dry-run; or discard the assets.",
            )


def _known(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:  # a key that is not of our making
        return "unknown"
