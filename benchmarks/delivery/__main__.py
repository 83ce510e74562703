"""Queries, calls to the storage, the time of a link, and what a browser has to fetch again.

python -m benchmarks.delivery --scale smoke
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.ground import VAR
from benchmarks.parts import Options, hand_in, parse

if TYPE_CHECKING:
    from benchmarks.gallery.models import Painter, Picture
    from rindle_django.models import Asset

    Owner = Picture | Painter

GAPS = (5, 15, 30, 60, 120, 240, 450, 900)


def measured(options: Options) -> None:
    from benchmarks.delivery import page
    from benchmarks.delivery.calls import Calls

    page.hang()
    owners = page.of_pictures()
    page.html(owners)  # templates, content types and clients are there from here on
    calls = Calls()
    with calls.counting() as seen:
        queries = page.queries_of(page.of_pictures, own=1)
        generic = page.queries_of(page.of_two_kinds, own=2)
        links = page.urls(owners)
    assert len(set(links)) == page.OBJECTS * len(page.NAMES)

    ours, theirs, pure = list[float](), list[float](), list[float]()
    signer = _Bare([owner.photo.asset for owner in owners if owner.photo])
    for _ in range(5 if options.smoke else 30):
        ours.append(_microseconds(lambda: len(page.urls(owners))))
        theirs.append(_microseconds(signer.by_boto3))
        pure.append(_microseconds(signer.by_us))
    hits, curve = _replay(options, page.urls, owners)
    samples: dict[str, list[float]] = {
        "delivery.queries": [queries],
        "delivery.queries_generic": [generic],
        "delivery.storage_calls": [sum(seen.values())],
        "delivery.signing": ours,
        "delivery.signing_boto3": theirs,
        "delivery.cache_hits": hits,
    }
    details: dict[str, float | str] = {
        "links on the page": len(links),
        "bare signature, µs": round(median(pure), 1),
        **{f"hits {gap:.0f} s after a first visit, %": round(found, 1) for gap, found in curve},
    }
    for name, values in samples.items():
        print(f"{name:28} {median(values):>10.1f}")
    for name, value in details.items():
        print(f"{name:44} {value}")
    hand_in(options, samples, details, {"delivery.hits_by_gap": curve})


class _Bare:
    """The same keys signed without anything around it."""

    def __init__(self, assets: Sequence[Asset]) -> None:
        from rindle_django.storage import adapter_for
        from rindle_django.storage.s3 import S3Adapter

        adapter = adapter_for("default")
        assert isinstance(adapter, S3Adapter)
        self._adapter = adapter
        self._client = self._adapter.bucket.client
        outputs = [each.object for asset in assets for each in asset.variants.all()]
        self._keys = [output.key for output in outputs if output is not None]

    def by_boto3(self) -> int:
        bucket = self._adapter.bucket
        for key in self._keys:
            self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": bucket.name,
                    "Key": bucket.object_name(key),
                    "ResponseContentType": "image/webp",
                    "ResponseContentDisposition": 'inline; filename="photo.webp"',
                },
                ExpiresIn=1350,
            )
        return len(self._keys)

    def by_us(self) -> int:
        params = {
            "response-content-type": "image/webp",
            "response-content-disposition": 'inline; filename="photo.webp"',
        }
        sign = self._adapter._signer.sign
        for key in self._keys:
            sign("GET", key, signed_at=1_700_000_000, expires=1350, params=params)
        return len(self._keys)


def _microseconds(act: Callable[[], int]) -> float:
    """Of the processor, which is all that a link costs: nobody is waited for."""
    began = time.thread_time()
    count = act()
    return (time.thread_time() - began) / count * 1e6


def _replay(
    options: Options, urls: Callable[[Sequence[Owner]], list[str]], owners: Sequence[Owner]
) -> tuple[list[float], list[tuple[float, float]]]:
    from benchmarks.delivery.replay import after, an_hour_of_browsing, freshness
    from benchmarks.gallery.media import Wall

    few = owners[:: 20 if options.smoke else 5]
    fresh = freshness(Wall.delivery.cache_control)
    hits = [an_hour_of_browsing(lambda: urls(few), fresh, seed) for seed in range(9)]
    times = 100 if options.smoke else 1000
    curve = [(float(gap), after(gap, lambda: urls(owners[:1]), fresh, times)) for gap in GAPS]
    return hits, curve


def main() -> int:
    from example_project.services.postgres import running_postgres

    options = parse("delivery")
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.gallery.settings"
    with running_postgres(VAR / "gallery", database="gallery", durable=True) as url:
        os.environ["DATABASE_URL"] = url
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)
        call_command("flush", verbosity=0, interactive=False)
        measured(options)
        connections.close_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
