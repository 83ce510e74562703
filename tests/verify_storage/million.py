"""How verification fares with a million rows and files, some of them wrong on purpose.

    python -m tests.verify_storage.million --rows 1000000

Takes a database and a folder of its own, prints what it found of what was seeded, at which rate
and in how much memory, and exits with 1 if anything falls short.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from benchmarks.memory import forget_peak, resident_mb

if TYPE_CHECKING:
    from rindle_django.operations.verify import VerifyReport

NAMES = ("original", "thumb", "medium", "large")
MAX_GROWTH_MB = 64
VAR = Path(__file__).resolve().parents[2] / "var" / "verify"

OBJECTS = """
INSERT INTO rindle_storedobject SELECT made.* FROM rindle_storedobject model
CROSS JOIN generate_series(1, %(assets)s) i
CROSS JOIN unnest(%(names)s::text[]) label
CROSS JOIN LATERAL (SELECT md5('a' || i)::uuid::text AS asset) a
CROSS JOIN LATERAL (SELECT md5(label || i)::uuid::text AS object) o
CROSS JOIN LATERAL (SELECT CASE label WHEN 'original' THEN 'original' ELSE 'variant' END AS aim) p
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', object, 'asset_id', asset, 'purpose', aim, 'state', %(state)s::text, 'byte_size', 0,
    'key', aim || 's/' || left(asset, 2) || '/' || asset || '/' || object || '.jpg',
    'created_at', now() - interval '30 days', 'updated_at', now() - interval '30 days')) made
WHERE model.id = %(model)s
"""
ASSETS = """
INSERT INTO rindle_asset SELECT made.* FROM rindle_asset model
CROSS JOIN generate_series(1, %(assets)s) i
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', md5('a' || i)::uuid, 'state', 'ready', 'original_id', md5('original' || i)::uuid)) made
WHERE model.id = %(model)s
"""
VARIANTS = """
INSERT INTO rindle_variant SELECT made.* FROM rindle_variant model
CROSS JOIN generate_series(1, %(assets)s) i
CROSS JOIN unnest(%(names)s::text[]) label
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', md5('variant' || label || i)::uuid, 'asset_id', md5('a' || i)::uuid, 'name', label,
    'object_id', md5(label || i)::uuid)) made
WHERE model.id = %(model)s
"""
TABLES = "SELECT relname FROM pg_stat_user_tables WHERE relname LIKE 'rindle_%' ORDER BY relname"


@dataclass(frozen=True)
class Seeds:
    """How many of each class are wrong among ``rows``."""

    rows: int

    @property
    def assets(self) -> int:
        return self.rows // len(NAMES)

    @property
    def orphan(self) -> int:
        return max(10, self.rows // 500)

    @property
    def undead(self) -> int:
        return max(4, self.rows // 5000)

    @property
    def missing(self) -> int:
        return max(10, self.rows // 1000)

    @property
    def missing_original(self) -> int:
        return max(2, self.rows // 50_000)

    @property
    def foreign(self) -> int:
        return max(3, self.rows // 50_000)

    @property
    def altered(self) -> int:
        return max(2, self.rows // 50_000)


@contextmanager
def django_at(root: Path) -> Iterator[None]:
    """Django with an empty database of its own and the default storage at ``root``."""
    from example_project.services.postgres import running_postgres

    name = f"verify_{os.getpid()}"
    with running_postgres(VAR / "postgres", database=name, durable=False) as url:
        os.environ["DATABASE_URL"] = url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections

        files = "django.core.files.storage.FileSystemStorage"
        folder = {"BACKEND": files, "OPTIONS": {"location": root}}
        settings.STORAGES = {**settings.STORAGES, "default": folder}
        django.setup()
        call_command("migrate", verbosity=0, run_syncdb=True)
        yield
        connections.close_all()


# --- making it ---------------------------------------------------------------------------------


def identity(text: str) -> str:
    return str(UUID(hashlib.md5(text.encode()).hexdigest()))


def key_of(number: int, name: str) -> str:
    asset, prefix = identity(f"a{number}"), "originals" if name == "original" else "variants"
    return f"{prefix}/{asset[:2]}/{asset}/{identity(f'{name}{number}')}.jpg"


def make_rows(seeds: Seeds) -> None:
    """Rows like those of a site that has run for a month, written past the state guard."""
    from django.db import connection

    from tests.rows import variant_in

    model = variant_in("ready")
    assert model.object is not None
    rest: dict[str, Any] = {"assets": seeds.assets, "names": list(NAMES)}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(OBJECTS, {**rest, "state": "present", "model": model.object.pk})
        cursor.execute(ASSETS, {**rest, "model": model.asset.pk})
        cursor.execute(VARIANTS, {**rest, "names": list(NAMES[1:]), "model": model.pk})
        gone = [[identity(f"large{number}") for number in range(1, seeds.undead + 1)]]
        other = [[identity(f"medium{number}") for number in range(1, seeds.altered + 1)]]
        cursor.execute("UPDATE rindle_storedobject SET state = 'gone' WHERE id = ANY(%s)", gone)
        cursor.execute("DELETE FROM rindle_variant WHERE object_id = ANY(%s)", gone)
        cursor.execute("UPDATE rindle_storedobject SET byte_size = 7 WHERE id = ANY(%s)", other)
        for table, pk in (("variant", model.pk), ("storedobject", model.object.pk)):
            cursor.execute(f"DELETE FROM rindle_{table} WHERE id = %s", [pk])
        cursor.execute("DELETE FROM rindle_asset WHERE id = %s", [model.asset.pk])
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE rindle_storedobject, rindle_asset, rindle_variant")


def make_files(seeds: Seeds, root: Path) -> None:
    """An empty file for each row, but for those that shall be missing; and some that have none."""
    folders: set[str] = set()
    for key in _keys(seeds):
        folder, _, _ = key.rpartition("/")
        shelf, _, _ = folder.rpartition("/")
        if shelf not in folders:
            (root / shelf).mkdir(parents=True, exist_ok=True)
            folders.add(shelf)
        if not os.path.isdir(f"{root}/{folder}"):  # noqa: PTH112  (a million times)
            os.mkdir(f"{root}/{folder}")  # noqa: PTH102
        os.close(os.open(f"{root}/{key}", os.O_CREAT | os.O_EXCL, 0o600))


def _keys(seeds: Seeds) -> Iterator[str]:
    last = seeds.assets
    for number in range(1, last + 1):
        for name in NAMES:
            lost = name == "thumb" and number <= seeds.missing
            lost |= name == "original" and number > last - seeds.missing_original
            if not lost:
                yield key_of(number, name)
    for number in range(seeds.orphan):
        yield key_of(last + 1 + number, NAMES[number % len(NAMES)])
    for number in range(seeds.foreign):
        yield f"originals/album {number}/Photo.JPG"


# --- watching it -------------------------------------------------------------------------------


def fingerprints() -> dict[str, tuple[int, int]]:
    """How many rows each table of ours has, and a sum over all that they hold."""
    from django.db import connection

    found = {}
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*), coalesce(sum(hashtext(t::text)), 0) FROM {table} t")
            found[table] = cursor.fetchone()
    return found


@dataclass(frozen=True)
class Outcome:
    seconds: float
    growth_mb: float
    first: VerifyReport
    second: VerifyReport
    left: int
    outage_changed: list[str]


def trial(seeds: Seeds, root: Path) -> Outcome:
    """Seed, verify twice, then verify through an outage. The default storage is at ``root``."""
    from rindle_django.operations.verify import Rules, verify_storage
    from rindle_django.storage import adapter_for

    make_rows(seeds)
    make_files(seeds, root)
    at_once = Rules(min_age=0, apart=0)
    before = resident_mb()
    forget_peak()
    started = time.monotonic()
    first = verify_storage(dry_run=False, storage="default", rules=at_once)
    seconds = time.monotonic() - started
    second = verify_storage(dry_run=False, storage="default", rules=at_once)
    growth = resident_mb("VmHWM") - before
    left = sum(1 for _ in adapter_for("default").list_objects())
    return Outcome(seconds, growth, first, second, left, outage())


def outage() -> list[str]:
    """The tables that a run changed while the storage refused everything with 403."""
    from django.conf import settings
    from django.test import override_settings

    from rindle_django.operations.verify import Rules, verify_storage
    from tests.servers.endpoint import S3Endpoint
    from tests.servers.faults import FaultyServer, error

    with FaultyServer(S3Endpoint("http://127.0.0.1:9", "key", "secret")).running() as server:
        server.fail(error(403, "AccessDenied"))
        storages = {**settings.STORAGES, "default": server.endpoint.storage("bucket")}
        with override_settings(STORAGES=storages):
            before = fingerprints()
            report = verify_storage(
                dry_run=False,
                storage="default",
                rules=Rules(min_age=0, apart=0, max_share=1),
                regenerate_missing=True,
            )
            after = fingerprints()
    assert report.storages_unknown == 1, report
    assert report.failures == 1, report
    return [table for table in after if after[table] != before[table]]


def shortfalls(seeds: Seeds, outcome: Outcome) -> list[str]:
    """What is not as it has to be."""
    first, second = outcome.first, outcome.second
    removed = seeds.orphan + seeds.undead
    stays = seeds.rows - seeds.missing - seeds.missing_original - seeds.undead + seeds.foreign
    expected = {
        "rows": (first.rows_compared, seeds.rows - seeds.undead),
        "listed": (first.keys_listed, stays + removed),
        "orphans": (first.orphans_found, seeds.orphan),
        "undead": (first.undead_found, seeds.undead),
        "missing": (first.missing_found, seeds.missing),
        "missing originals": (first.missing_originals_found, seeds.missing_original),
        "altered": (first.altered_found, seeds.altered),
        "foreign": (first.foreign_found, seeds.foreign),
        "deleted in the first run": (first.objects_deleted + first.variants_marked, 0),
        "deleted in the second run": (second.objects_deleted, removed),
        "marked in the second run": (second.variants_marked, seeds.missing),
        "left in the storage": (outcome.left, stays),
        "tables changed by an outage": (len(outcome.outage_changed), 0),
    }
    for name, (found, wanted) in expected.items():
        print(f"{name}: {found}/{wanted}")
    short = [name for name, (found, wanted) in expected.items() if found != wanted]
    return short + ["memory"] * (outcome.growth_mb >= MAX_GROWTH_MB)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", help="Where the files are made (default: the system's).")
    options = parser.parse_args()
    seeds = Seeds(options.rows // len(NAMES) * len(NAMES))
    root = Path(tempfile.mkdtemp(prefix="rindle-million-", dir=options.folder))
    try:
        with django_at(root):
            outcome = trial(seeds, root)
        return told(seeds, outcome)
    finally:
        shutil.rmtree(root)


def told(seeds: Seeds, outcome: Outcome) -> int:
    """Print what was measured; returns the exit code."""
    short = shortfalls(seeds, outcome)
    first, second = outcome.first, outcome.second
    print(f"short: {', '.join(short) or 'nothing'}")
    print(
        f"rows: {first.rows_compared} listed: {first.keys_listed}"
        f" rate: {first.rows_compared / outcome.seconds:.0f}/s"
        f" rss growth: {outcome.growth_mb:.1f} MB"
        f" orphans: {second.objects_adopted}/{seeds.orphan}"
        f" missing: {second.variants_marked}/{seeds.missing}",
        flush=True,
    )
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
