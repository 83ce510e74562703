"""The table of what status looks for. Each state in which a row can stay for ever without being
done is in one of these; a test goes through them all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from rindle_django.states import (
    ACTIVE_VARIANT_STATES,
    OPEN_SESSION_STATES,
    PROMOTABLE_ASSET_STATES,
)


@dataclass(frozen=True)
class Kind:
    """``where`` selects the rows ``r``; ``since`` is the time from which their age counts.

    ``order`` lets an index give the oldest first. ``patient`` ones are a finding only when they are
    ten minutes old, unless the caller asks for another age. ``verb`` is what mends them, unless
    ``verbs`` has another for their reason.
    """

    kind: str
    subject: str
    says: str
    verb: str
    where: str
    since: str = "r.updated_at"
    order: str = "r.updated_at"
    reason: str = "''"
    patient: bool = False
    verbs: Mapping[str, str] = field(default_factory=dict)

    def verb_for(self, reason: str) -> str:
        return self.verbs.get(reason, self.verb)

    @property
    def table(self) -> str:
        return _TABLES[self.subject]

    @property
    def sample(self) -> str:
        return _SAMPLES[self.subject]

    @property
    def of_profile(self) -> str:
        return _OF_PROFILE[self.subject]


_TABLES = {
    "asset": "rindle_asset",
    "variant": "rindle_variant",
    "session": "rindle_uploadsession",
    "object": "rindle_storedobject",
    "sighting": "rindle_sighting",
}
_SAMPLES = {
    "asset": "r.id::text",
    "variant": "r.asset_id || ':' || r.name",
    "session": "r.asset_id::text",
    "object": "r.asset_id::text",
    # The asset's id is part of each key that we make.
    "sighting": "split_part(r.key, '/', 3)",
}
_OF_ASSET = (
    "EXISTS (SELECT FROM rindle_asset a WHERE a.id = r.asset_id AND a.profile = %(profile)s)"
)
_OF_PROFILE = {
    "asset": "r.profile = %(profile)s",
    "variant": _OF_ASSET,
    "session": "r.profile = %(profile)s",
    "object": _OF_ASSET,
    "sighting": "EXISTS (SELECT FROM rindle_storedobject o JOIN rindle_asset a ON a.id = o.asset_id"
    " WHERE o.storage = r.storage AND o.key = r.key AND a.profile = %(profile)s)",
}


def _names(states: Collection[str]) -> str:
    return "(" + ", ".join(f"'{state}'" for state in sorted(states)) + ")"


_FREE = "(r.lease_until IS NULL OR r.lease_until <= now())"
_OVERLOOKED = f"r.wake_at < now() - %(patience)s * interval '1 second' AND {_FREE}"
_RUNG_FOR = f"r.wake_at >= now() - %(patience)s * interval '1 second' AND {_FREE}"

_ENDED = (("expired", "expired"), ("aborted", "was aborted"), ("failed", "failed"))

# Reasons that say that it is the original which is not as it was verified.
BROKEN_SOURCES = ("checksum_mismatch", "object_missing", "source_altered", "source_missing")

RECONCILE = "rindle_reconcile"
WORKER = "procrastinate worker -q {queue}"
CLEANUP = "rindle_cleanup_orphans --no-dry-run"
REQUEUE = "rindle_repair requeue <asset> --no-dry-run"
CANCEL = "rindle_repair cancel <asset> --no-dry-run"
UNQUARANTINE = "rindle_repair unquarantine <asset> --no-dry-run"
REMAKE = "rindle_regenerate_variants --only {state} --no-dry-run"
VERIFY = "rindle_verify_storage --no-dry-run"
# What has to be known, or mended, before a variant that failed for it is asked for again.
RESTORE = f"rindle_repair reprobe <asset>, restore the original, then {REQUEUE}"

KINDS: tuple[Kind, ...] = (
    Kind(
        "stuck",
        "asset",
        "Due long ago, and nobody looked.",
        RECONCILE,
        _OVERLOOKED,
        since="r.wake_at",
        order="r.wake_at",
    ),
    Kind(
        "stuck",
        "variant",
        "Due long ago, and nobody looked.",
        RECONCILE,
        f"{_OVERLOOKED} AND r.state <> 'planned'",
        since="r.wake_at",
        order="r.wake_at",
    ),
    Kind(
        "stuck",
        "variant",
        "Planned and never queued: no job looks at it.",
        f"{CANCEL}, then {REQUEUE}",
        "r.state = 'planned'",
        patient=True,
    ),
    Kind(
        "stuck",
        "object",
        "To be deleted long ago, and nobody looked.",
        RECONCILE,
        "r.wake_at < now() - %(patience)s * interval '1 second'",
        since="r.wake_at",
        order="r.wake_at",
    ),
    Kind(
        "waiting",
        "asset",
        "Rung for, but no worker has taken the promotion.",
        WORKER.format(queue="rindle_promote"),
        f"{_RUNG_FOR} AND r.state IN {_names(PROMOTABLE_ASSET_STATES)}",
        order="r.wake_at",
        patient=True,
    ),
    *(
        Kind(
            "waiting",
            "variant",
            "Rung for, but no worker has taken it.",
            WORKER.format(queue=queue),
            f"{_RUNG_FOR} AND r.state IN {_names(ACTIVE_VARIANT_STATES - {'planned'})}"
            f" AND r.kind {which} 'image'",
            order="r.wake_at",
            patient=True,
        )
        for queue, which in (("rindle_process", "="), ("rindle_media", "<>"))
    ),
    *(
        Kind(
            "idle",
            "asset",
            f"{state.title()}, though nothing is being made of it.",
            REQUEUE,
            f"r.state = '{state}' AND NOT EXISTS (SELECT FROM rindle_variant v"
            f" WHERE v.asset_id = r.id AND v.state IN {_names(ACTIVE_VARIANT_STATES)})",
            patient=True,
        )
        for state in ("available", "processing", "transcoding")
    ),
    Kind(
        "degraded",
        "asset",
        "Some of its variants failed, are missing or were cancelled.",
        REQUEUE,
        "r.state = 'degraded'",
    ),
    Kind(
        "failed",
        "variant",
        "The tries are spent, or the error is one that no retry mends.",
        REQUEUE,
        "r.state = 'failed'",
        reason="r.reason_code",
        verbs=dict.fromkeys(BROKEN_SOURCES, RESTORE),
    ),
    Kind(
        "missing",
        "variant",
        "The storage has lost its object.",
        REMAKE.format(state="missing"),
        "r.state = 'missing'",
    ),
    Kind(
        "stale",
        "variant",
        "Its recipe has changed; the old output is served.",
        REMAKE.format(state="stale"),
        "r.state = 'stale'",
    ),
    Kind("cancelled", "variant", "Somebody cancelled it.", REQUEUE, "r.state = 'cancelled'"),
    Kind(
        "quarantined",
        "asset",
        "Its bytes were refused.",
        UNQUARANTINE,
        "r.state = 'quarantined'",
        reason="r.reason_code",
    ),
    *(
        Kind(
            "expired",
            "session",
            f"Its time is over, and it is still {state}.",
            "rindle_abort_incomplete_uploads",
            f"r.state = '{state}' AND r.expires_at < now()",
            since="r.expires_at",
            order="r.expires_at",
        )
        for state in sorted(OPEN_SESSION_STATES)
    ),
    *(
        Kind(
            "expired",
            "session",
            f"It {says}, and was not cleaned up.",
            CLEANUP,
            f"r.state = '{state}'",
            order="r.expires_at",
        )
        for state, says in (
            ("expired", "expired"),
            ("aborted", "was aborted"),
            ("failed", "failed"),
        )
    ),
    Kind(
        "stuck",
        "session",
        "Its verification was broken off.",
        "rindle_explain <asset>",
        "r.state = 'verifying'",
        order="r.expires_at",
        patient=True,
    ),
    Kind(
        "abandoned",
        "asset",
        "Nothing was ever uploaded, and no upload is open.",
        CLEANUP,
        "r.state = 'staged' AND NOT EXISTS (SELECT FROM rindle_uploadsession s"
        " WHERE s.asset_id = r.id)",
        since="r.created_at",
        order="r.created_at",
        patient=True,
    ),
    Kind(
        "doomed",
        "object",
        "The storage does not confirm its deletion.",
        "rindle_doctor --only storages",
        "r.state = 'doomed' AND r.attempts > 0",
        since="r.created_at",
        order="r.created_at",
        reason="r.reason_code",
    ),
    *(
        Kind(
            finding,
            "sighting",
            says,
            VERIFY,
            f"r.finding = '{finding}'",
            since="r.first_seen_at",
            order="r.first_seen_at",
        )
        for finding, says in (
            ("missing_original", "The storage has lost an original: restore it from a backup."),
            ("altered", "An object has another size than was stored: restore it from a backup."),
        )
    ),
)
NAMES = tuple(dict.fromkeys([*(each.kind for each in KINDS), "backlog"]))
