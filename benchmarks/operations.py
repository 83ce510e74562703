"""How long an operator waits, with a lot of rows.

    python -m benchmarks.seed --assets 1000000 --variants-each 3
    python -m benchmarks.operations

Measures on the database that was seeded, prints a table, and exits with 1 if anything takes longer
than it may. The regeneration changes rows: seed again before the next run.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.ground import add_place, django_up
from benchmarks.memory import forget_peak, resident_mb

REPEATS = 5
MB = 64.0
PAGES = (
    *("asset/", "asset/?state=degraded", "asset/?profile=portrait", "asset/?p=3"),
    *("asset/?q=auth.user:7", "variant/", "variant/?state=failed", "variant/?state=stale"),
    *("failedvariant/", "uploadsession/", "uploadsession/?state=signed", "attachment/"),
    *("storedobject/", "transition/", "processingrun/"),
)


@dataclass(frozen=True)
class Measured:
    """``seconds`` is the median. ``allowed`` is what it may be; None if there is no promise."""

    what: str
    seconds: float
    allowed: float | None
    note: str = ""

    @property
    def met(self) -> bool:
        return self.allowed is None or self.seconds <= self.allowed

    def __str__(self) -> str:
        allowed = "" if self.allowed is None else f"{self.allowed * 1000:,.0f} ms"
        verdict = "" if self.allowed is None else "ok" if self.met else "TOO SLOW"
        return (
            f"{self.what:44} {self.seconds * 1000:>10,.0f} ms {allowed:>10} {verdict:8} {self.note}"
        )


def measure(what: str, allowed: float | None, action: Callable[[], object]) -> Measured:
    """The median of some runs; the first, which finds nothing in any cache, is told apart."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    first, *rest = times
    return Measured(what, sorted(rest)[len(rest) // 2], allowed, f"first {first * 1000:,.0f} ms")


def measurements(defers: int) -> Iterator[Measured]:
    from rindle_django.operations.doctor import diagnose
    from rindle_django.operations.recipes import plan_recipes
    from rindle_django.operations.status import runtime_status

    yield measure("runtime_status", 0.2, runtime_status)
    yield measure("diagnose", None, diagnose)
    yield measure("rindle_plan", 5.0, plan_recipes)
    yield from _pages()
    yield _regenerate(defers)


def _pages() -> Iterator[Measured]:
    """Each as the real admin answers a superuser."""
    from django.contrib.auth.models import User
    from django.test import Client
    from django.urls import reverse

    from rindle_django.models import Asset

    User.objects.filter(username="benchmarks").delete()
    client = Client()
    client.force_login(User.objects.create_superuser("benchmarks"))

    def opened(address: str) -> Callable[[], object]:
        def look() -> None:
            response = client.get(address)
            assert response.status_code == 200, (address, response.status_code)

        return look

    root = reverse("admin:app_list", args=["rindle"])
    for page in PAGES:
        yield measure(f"admin: {page}", 0.3, opened(root + page))
    asset = Asset.objects.filter(state="ready").values_list("pk", flat=True)[0]
    change = reverse("admin:rindle_asset_change", args=[asset])
    yield measure("admin: an asset", 0.3, opened(change))
    home = reverse("admin:rindle_overview_changelist")
    yield measure("admin: home", 0.3, opened(home))


def _regenerate(defers: int) -> Measured:
    """In one go, in a process that has done all of the above."""
    from rindle_django.operations.recipes import regenerate_variants

    before = resident_mb()
    forget_peak()
    began = time.perf_counter()
    report = regenerate_variants(only="stale", dry_run=False, limit=defers)
    seconds = time.perf_counter() - began
    growth = resident_mb("VmHWM") - before
    assert growth < MB, f"memory grew by {growth:.0f} MB"
    rate = report.queued / seconds
    note = f"{report.marked_stale:,} marked, {rate:,.0f}/s, memory +{growth:.1f} MB"
    return Measured(f"regenerate: {report.queued:,} deferred", seconds, None, note)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--defers", type=int, default=100_000, help="Variants to regenerate.")
    add_place(parser)
    options = parser.parse_args()
    with django_up(options):
        slow = 0
        for measured in measurements(options.defers):
            print(measured, flush=True)
            slow += not measured.met
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
