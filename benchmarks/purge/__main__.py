"""A mass deletion from a bucket on a real server, by one worker.

    python -m benchmarks.purge --scale smoke

On Ceph's gateway where it is installed and the scale is full, else on moto.
"""

from __future__ import annotations

import http.client
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.ground import VAR
from benchmarks.parts import Options, hand_in, parse
from tests.servers.endpoint import S3Endpoint
from tests.servers.moto import running_moto
from tests.servers.rgw import explain_missing, running_rgw

SEEDERS = 4
TOGETHER = 1000  # assets that are tombstoned in one transaction


@dataclass(frozen=True)
class Scale:
    """``each`` is the number of objects of an asset, the original included."""

    kind: str
    assets: int
    each: int

    @property
    def objects(self) -> int:
        return self.assets * self.each


SMOKE = (Scale("image", 200, 4), Scale("video", 1, 1200))
FULL = (Scale("image", 2_500, 4), Scale("video", 6, 15_000))  # films of four hours, as streams


def measured(options: Options, server: str) -> None:
    from rindle_django.models import Asset, StoredObject

    keys, calls = Counter[str](), Counter[str]()
    details: dict[str, float | str] = {"server": server}
    for scale in SMOKE if options.smoke else FULL:
        took = _seeded(scale)
        details[f"{scale.kind}: put, objects a second"] = round(scale.objects / took)
        with _calls_counted() as sent:
            began = time.monotonic()
            _tombstone()
            tombstoned = time.monotonic()
            _work()
            details[f"{scale.kind}: tombstoned, assets a second"] = round(
                scale.assets / (tombstoned - began)
            )
            details[f"{scale.kind}: purged, objects a second"] = round(
                scale.objects / (time.monotonic() - tombstoned)
            )
        gone = StoredObject.objects.filter(state="gone").count()
        assert gone == scale.objects, (gone, scale)
        assert not Asset.objects.exists()
        keys[scale.kind], calls[scale.kind] = gone, sent["DeleteObjects"]
        details[f"{scale.kind}: keys a call"] = round(gone / sent["DeleteObjects"], 1)
        details[f"{scale.kind}: delete calls"] = sent["DeleteObjects"]
        details[f"{scale.kind}: all calls"] = sent.total()
    figure = keys.total() / calls.total()
    print(f"{'purge.keys_a_call':34} {figure:>10.1f}")
    for name, value in details.items():
        print(f"{name:34} {value:>10}")
    hand_in(options, {"purge.keys_a_call": [figure]}, details, {})


def _seeded(scale: Scale) -> float:
    """The rows, and the bytes; returns the seconds that the bytes took."""
    from django.db import connection, transaction

    from benchmarks.purge import rows
    from benchmarks.seed import TABLES
    from rindle_django.models import StoredObject

    terms: dict[str, str | int] = {"kind": scale.kind, "assets": scale.assets, "each": scale.each}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        for statement in (rows.ASSETS, rows.OBJECTS, rows.VARIANTS):
            cursor.execute(statement, terms)
        cursor.execute(
            "UPDATE rindle_asset a SET original_id = o.id FROM rindle_storedobject o "
            "WHERE o.asset_id = a.id AND o.purpose = 'original'"
        )
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"VACUUM ANALYZE {table}")
    keys = list(StoredObject.objects.values_list("key", flat=True))
    began = time.monotonic()
    with ThreadPoolExecutor(SEEDERS) as pool:
        list(pool.map(_put_all, [keys[start::SEEDERS] for start in range(SEEDERS)]))
    return time.monotonic() - began


def _put_all(keys: Sequence[str]) -> None:
    """By URLs that are signed for it: boto3 would take longer than the server."""
    adapter = _adapter()
    terms: dict[str, Any] = {"signed_at": time.time(), "expires": 3600}
    address = urlsplit(adapter.bucket.storage.endpoint_url)
    server = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)
    for key in keys:
        url = urlsplit(adapter._signer.sign("PUT", adapter.bucket.object_name(key), **terms))
        server.request("PUT", f"{url.path}?{url.query}", b"x")
        answer = server.getresponse()
        answer.read()
        assert answer.status == 200, (answer.status, key)
    server.close()


def _tombstone() -> None:
    """All there is, in transactions of many, as a cleanup does."""
    from rindle_django.lifecycle import locked_all
    from rindle_django.models import Asset
    from rindle_django.purge import discard_all_locked

    ids = list(Asset.objects.values_list("pk", flat=True))
    for start in range(0, len(ids), TOGETHER):
        with locked_all(ids[start : start + TOGETHER]) as assets:
            discard_all_locked(assets)


def _work() -> None:
    from rindle_django.testing import drain_jobs

    while outcomes := drain_jobs(limit=500):
        assert not [outcome.error for outcome in outcomes if outcome.error], outcomes


@contextmanager
def _calls_counted() -> Iterator[Counter[str]]:
    """On the wire: each request of an operation, tries that were repeated included."""
    sent = Counter[str]()
    events = _adapter().bucket.client.meta.events

    def count(event_name: str, **_: object) -> None:
        sent[event_name.rsplit(".", 1)[-1]] += 1

    events.register("before-send.s3", count)
    try:
        yield sent
    finally:
        events.unregister("before-send.s3", count)


def _adapter() -> Any:
    from rindle_django.storage import adapter_for

    return adapter_for("default")


@contextmanager
def _a_server(options: Options) -> Iterator[tuple[str, S3Endpoint]]:
    real = not options.smoke and explain_missing() is None
    with running_rgw() if real else running_moto() as endpoint:
        yield "Ceph RGW" if real else "moto", endpoint


def main() -> int:
    from example_project.services.postgres import running_postgres

    options = parse("purge")
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.gallery.settings"
    with (
        _a_server(options) as (server, endpoint),
        running_postgres(VAR / "gallery", database="purge", durable=True) as url,
    ):
        os.environ["DATABASE_URL"] = url
        import django
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections
        from django.test.utils import override_settings

        django.setup()
        call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
        endpoint.client().create_bucket(Bucket="gallery")
        with override_settings(
            STORAGES={**settings.STORAGES, "default": endpoint.storage("gallery")}
        ):
            measured(options, server)
        connections.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
