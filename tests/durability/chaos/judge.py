"""The judgement: what the clients were told, held against what is there.

Everything is compared in Postgres, so that a long run takes no more memory than a short one. Call
it once all is at rest and nobody works any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from rindle_django.errors import RequestRefused
from rindle_django.models import StoredObject
from rindle_django.operations.invariants import Violation, violations
from rindle_django.profiles import registered
from rindle_django.storage import adapter_for
from tests.durability.chaos import journal

TABLES = {
    journal.HISTORY: ("history", ("at", "client", "act", "asset", "detail")),
    journal.EVENTS: ("told", ("at", "pid", "asset", "event", "variant", "source", "target")),
}

# What a client was told is there, and neither it nor anybody else has begun to take away.
KEPT = """
kept AS (
    SELECT asset, max(detail) AS sha256, bool_or(act = 'attached') AS attached FROM history
    WHERE act IN ('verified', 'attached') AND asset NOT IN (
        SELECT asset FROM history WHERE act = 'leaving')
    GROUP BY asset)
"""

LOST = f"""
WITH {KEPT}, wanted AS (
    SELECT * FROM unnest(%s::text[], %s::text[]) AS each(profile, name))
SELECT 'asset ' || asset || ' is ' || coalesce(state || ' ' || reason_code, 'not there')
FROM kept LEFT JOIN rindle_asset a ON a.id = asset::uuid
WHERE state IS DISTINCT FROM 'ready'
UNION ALL
SELECT 'variant ' || w.name || ' of ' || asset || ' is ' || coalesce(v.state, 'not there')
FROM kept JOIN rindle_asset a ON a.id = asset::uuid JOIN wanted w ON w.profile = a.profile
LEFT JOIN rindle_variant v ON v.asset_id = a.id AND v.name = w.name
LEFT JOIN rindle_storedobject o ON o.id = v.object_id
WHERE v.state IS DISTINCT FROM 'ready' OR o.state IS DISTINCT FROM 'present'
UNION ALL
SELECT 'attachment of ' || asset || ' is not there' FROM kept
WHERE attached AND NOT EXISTS (
    SELECT FROM rindle_attachment t WHERE t.asset_id = asset::uuid)
"""

LEFT_BEHIND = """
SELECT 'asset ' || id || ' was taken away and is ' || state FROM rindle_asset
WHERE id IN (SELECT asset::uuid FROM history WHERE act = 'left')
UNION ALL
SELECT o.purpose || ' ' || o.id || ' of an asset that was taken away is ' || o.state
FROM rindle_storedobject o
WHERE o.state <> 'gone' AND o.asset_id IN (SELECT asset::uuid FROM history WHERE act = 'left')
UNION ALL
SELECT 'asset ' || id || ' is staged for ever' FROM rindle_asset WHERE state = 'staged'
"""

STUCK = """
SELECT 'asset ' || id || ' is ' || state FROM rindle_asset
WHERE state NOT IN ('ready', 'degraded', 'quarantined', 'staged')
   OR lease_until IS NOT NULL OR wake_at <= now()
UNION ALL
SELECT 'variant ' || id || ' is ' || state FROM rindle_variant
WHERE state IN ('planned', 'queued', 'processing') OR lease_until IS NOT NULL OR wake_at <= now()
UNION ALL
SELECT purpose || ' ' || id || ' is ' || state || coalesce(', due since ' || wake_at, '')
FROM rindle_storedobject WHERE state IN ('expected', 'doomed') OR wake_at <= now()
UNION ALL
SELECT 'session ' || id || ' is ' || state FROM rindle_uploadsession
WHERE state NOT IN ('completed', 'aborted', 'expired', 'failed')
UNION ALL
SELECT task_name || ' ' || id || ' is doing' FROM procrastinate_jobs
WHERE status = 'doing' AND task_name LIKE 'rindle:%'
"""

DUPLICATES = """
SELECT 'variant object ' || o.id || ' is a second one' FROM rindle_storedobject o
WHERE o.state = 'present' AND o.purpose = 'variant'
  AND NOT EXISTS (SELECT FROM rindle_variant v WHERE v.object_id = o.id)
UNION ALL
SELECT event || ' of ' || asset || ' (' || variant || ' ' || source || '>' || target
       || ') was told ' || times || ' times, and happened ' || coalesce(happened, 0)
FROM (SELECT asset, event, variant, source, target, count(*) AS times FROM told
      WHERE event LIKE 'rindle.%.state_change' OR event LIKE 'rindle.upload.%'
      GROUP BY 1, 2, 3, 4, 5) AS tellings
LEFT JOIN (
    SELECT asset_id::text AS asset, coalesce(metadata->>'variant_name', '') AS variant,
           from_state AS source, to_state AS target, count(*) AS happened,
           CASE WHEN subject <> 'session' THEN 'rindle.' || subject || '.state_change'
                WHEN to_state = 'completed' THEN 'rindle.upload.stop'
                ELSE 'rindle.upload.start' END AS event
    FROM rindle_transition GROUP BY 1, 2, 3, 4, 6) AS history
USING (asset, event, variant, source, target)
WHERE times > coalesce(happened, 0)
UNION ALL
SELECT 'asset ' || asset || ' was the other answer of one upload' FROM history
WHERE act = 'other answer'
"""

ORIGINALS = f"""
WITH {KEPT}
SELECT o.id::text, kept.sha256, a.sha256 FROM kept
JOIN rindle_asset a ON a.id = asset::uuid JOIN rindle_storedobject o ON o.id = a.original_id
WHERE a.state = 'ready' AND kept.sha256 <> ''
"""


@dataclass
class Verdict:
    """What was found to be wrong, each a sentence."""

    lost: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not any(vars(self).values())


def judge(*folders: Path) -> Verdict:
    """``folders`` have to be empty by now: nothing but working copies was ever in them."""
    for name, (table, columns) in TABLES.items():
        _load(name, table, columns)
    wanted = [(each.name, name) for each in registered() for name in each.variants]
    return Verdict(
        lost=[*_select(LOST, [list(part) for part in zip(*wanted, strict=True)]), *_other_bytes()],
        leaked=[*_select(LEFT_BEHIND), *_unknown_objects(), *_temporary(folders)],
        stuck=_select(STUCK),
        duplicates=_select(DUPLICATES),
        violations=violations(at_rest=True, checksums=True),
    )


def _load(name: str, table: str, columns: tuple[str, ...]) -> None:
    with connection.cursor() as cursor:
        typed = ", ".join(f"{each} text NOT NULL DEFAULT ''" for each in columns)
        cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({typed})")
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for line in journal.lines(name):
                copy.write_row([*line, *[""] * (len(columns) - len(line))])
        cursor.execute(f"ANALYZE {table}")


def _select(query: str, parameters: Sequence[list[str]] | None = None) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [row[0] for row in cursor.fetchall()]


def _other_bytes() -> Iterator[str]:
    """Originals that are not, byte for byte, what their client had sent."""
    with connection.cursor() as cursor:
        cursor.execute(ORIGINALS)
        while page := cursor.fetchmany(500):
            for object_id, sent, recorded in page:
                if not sent == recorded == _digest(StoredObject.objects.get(pk=object_id)):
                    yield f"original {object_id} has other bytes than were sent"


def _digest(stored: StoredObject) -> str:
    try:
        content = adapter_for(stored.storage).read_range(stored.key, 0, stored.byte_size or 0)
    except RequestRefused:
        return ""
    return hashlib.sha256(content).hexdigest()


def _unknown_objects() -> Iterator[str]:
    """Objects in a full listing that no living row of the ledger speaks of."""
    for entry in adapter_for("default").list_objects():
        rows = StoredObject.objects.filter(storage="default", key=entry.key)
        if not rows.filter(state__in=("expected", "present")).exists():
            yield f"{entry.kind} {entry.key} is in no living row"


def _temporary(folders: tuple[Path, ...]) -> Iterator[str]:
    for folder in folders:
        yield from (f"{path.name} was left in {folder.name}" for path in folder.glob("*"))
