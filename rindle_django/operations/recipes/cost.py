"""What making variants will cost, by what it cost the last time."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Avg, Count, QuerySet, Sum

from rindle_django.models import ProcessingRun

# As many of the latest runs are asked: after a change of recipe a few hundred tell the new price.
SAMPLE = 500


@dataclass(frozen=True)
class Estimate:
    """For a number of outputs. ``basis`` is "past runs" of the same variant, "megapixels" (those of
    the profile's other variants, by the size of their sources) or "no past runs": then nothing is
    known, and both figures are None. Of a variant that was never made, the bytes never are."""

    cpu_seconds: float | None
    output_bytes: int | None
    basis: str
    runs: int = 0


def estimate(profile: str, variant: str, count: int, mean_pixels: float | None) -> Estimate:
    """For ``count`` outputs, made of sources that have ``mean_pixels`` on average."""
    runs = ProcessingRun.objects.filter(profile=profile)
    past = _latest(runs.filter(variant_name=variant)).aggregate(
        runs=Count("pk"), cpu=Avg("cpu_seconds"), size=Avg("byte_size")
    )
    if past["runs"]:
        size = None if past["size"] is None else round(past["size"] * count)
        return Estimate(past["cpu"] * count, size, "past runs", past["runs"])
    others = _latest(runs.filter(pixels__gt=0)).aggregate(
        runs=Count("pk"), cpu=Sum("cpu_seconds"), pixels=Sum("pixels")
    )
    if others["runs"] and mean_pixels:
        per_pixel = others["cpu"] / float(others["pixels"])
        return Estimate(per_pixel * mean_pixels * count, None, "megapixels", others["runs"])
    return Estimate(None, None, "no past runs")


def _latest(runs: QuerySet[ProcessingRun]) -> QuerySet[ProcessingRun]:
    return runs.filter(cpu_seconds__isnull=False).order_by("-started_at")[:SAMPLE]
