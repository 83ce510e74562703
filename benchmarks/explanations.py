"""Why a target is missed, where it is: by the figure's key, a sentence or two for the reader.

Their figures are those of the run. A field names a part and one of its details, or one of FACTS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.images.contenders import PEERS
from benchmarks.images.photos import SETS
from benchmarks.profile import PIXELS

OURS = "rindle-django"
PROCESSES = 2
MOST = 5

Details = Mapping[str, Mapping[str, Any]]

_OVER_LIBVIPS = (
    "Decoding and encoding take {images[large.cpu_ms.rindle-django, decoders]:.0f} ms of the "
    "processors a photo, libvips by itself {images[large.cpu_ms.vips-each]:.0f} once a variant and "
    "{images[large.cpu_ms.vips-chained]:.0f} with one decode. Durability takes {beside_large:.0f} "
    "ms more: {images[large.cpu_ms.rindle-django, workers]:.0f} in the workers' Python, "
    "{images[large.cpu_ms.rindle-django, Postgres]:.0f} in Postgres, "
    "{images[large.cpu_ms.rindle-django, callers]:.0f} in the caller, for "
    "{profile[large.all.jobs]:.0f} jobs and {profile[large.all.statements]:.0f} statements. Most "
    "of it, by the profile: {layers_large}. For the target, all that is not pixels would "
    "have to fit into what two processors have left, "
)

# Shares by EXPLAIN ANALYZE of 20,000 rows on a busy machine; processor time is that of the results.
_OVER_ROWS = (
    "What is used up is the processors, of which two connections use up to two. {parts} "
    "Bare SQL changes all rows by one statement a table and locks nobody out, and takes {bare} µs "
    "of the database's time a row. Ours takes {ours} and {python} in Python: it goes by batches, "
    "so that it can be stopped and holds nobody up, and decides about each row under its lock."
)

WHY_MISSED: dict[str, str] = {
    "images.large.over_each": _OVER_LIBVIPS + "{room_each:.0f} ms.",
    "images.large.over_chained": _OVER_LIBVIPS + "{room_chained:.0f} ms.",
    "images.small.over_chained": (
        "Of the {all_small:.0f} ms of the processors that a small photo takes, "
        "{images[small.cpu_ms.rindle-django, decoders]:.0f} are the decoder's. The rest is the "
        "same durability as for a large photo, and the target leaves {room_small:.0f} ms for it: "
        "{profile[small.all.jobs]:.0f} jobs of Procrastinate that do nothing take "
        "{noops_small:.0f}. Most of it, by the profile: {layers_small}."
    ),
    "images.small.over_best_peer": (
        "A function that is called straight away has no upload to verify, no rows and no jobs, "
        "which take {beside_small:.0f} ms of the processors. A decoding that is shared by all "
        "variants makes up for them: by the line through both sets of photos, from "
        "{even:.1f} megapixels on."
    ),
    "latency.first_variant": (
        "It is divided by one call for the same small variant, for which libvips reads the photo "
        "at an eighth, in {latency[libvips alone, thumb, ms]:.0f} ms. Ours reads it once for all "
        "three, at the size that the largest needs: libvips alone takes "
        "{latency[libvips alone, large, ms]:.0f} ms for that one. By the timeline "
        "{until_render:.0f} ms pass until rendering begins, which are the verification, jobs being "
        "fetched, a frozen copy, its hash and its look inside. To read the photo once more, at an "
        "eighth, would bring the first variant some 25 ms nearer and take 18 ms of the processors "
        "from every photo."
    ),
    "memory.peak": (
        "The decoder alone takes {memory[decoder alone over bare libvips]:.2f} of what bare "
        "libvips does. The rest is the worker, {memory[worker alone, RSS, MB]:.0f} MB, modules for "
        "the most part: {modules}. Runs differ by several hundredths."
    ),
    "verify.time": (
        "Of its {verify[verify_upload, ms]:.1f} ms, where the bare transaction takes "
        "{verify[insert and defer, ms]:.1f}, most is, by the profile: {layers_verify}. The "
        "bare transaction sends two constant texts; a verification reads and locks three rows, "
        "changes them only if they are still as they were read, and writes their history."
    ),
    "rows.cleanup": _OVER_ROWS.format(
        parts="Of the database's work for an asset, some 28 % is the asset's own row with its nine "
        "indexes and two triggers, 27 % its purge job with the queue's triggers, 23 % the row of "
        "its object, 10 % history, and the rest reading, locking and counting.",
        bare=81,
        ours=122,
        python=29,
    ),
    "rows.abort": _OVER_ROWS.format(
        parts="Of the database's work for an upload, some 70 % is its row, whose seven indexes all "
        "get a new entry, 23 % history, 4 % the lock of its asset and 3 % reading.",
        bare=27,
        ours=47,
        python=14,
    ),
    "rows.reconcile": _OVER_ROWS.format(
        parts="Of the database's work a row, about 53 % is its job with the queue's triggers and "
        "47 % to put off when it is due again.",
        bare=44,
        ours=54,
        python=10,
    ),
}

FACTS: dict[str, Callable[[Details], object]] = {
    "beside_large": lambda found: _beside(found, "large"),
    "beside_small": lambda found: _beside(found, "small"),
    "all_small": lambda found: _beside(found, "small") + _decoders(found, "small"),
    "room_each": lambda found: _room(found, "large", "vips-each", 1.5),
    "room_chained": lambda found: _room(found, "large", "vips-chained", 0.9),
    "room_small": lambda found: _room(found, "small", "vips-chained", 0.6),
    "noops_small": lambda found: (
        (found["profile"]["small.all.jobs"] * 1000 / found["jobs"]["Procrastinate's, jobs/s"])
        * PROCESSES
    ),
    "even": lambda found: _even(found["images"]),
    "layers_large": lambda found: _most(found["profile"], "large.layer.", "ms"),
    "layers_small": lambda found: _most(found["profile"], "small.layer.", "ms"),
    "layers_verify": lambda found: _most(found["profile"], "verify.verify_upload.", "ms"),
    "modules": lambda found: _most(found["profile"], "memory.worker.", "MB"),
    "until_render": lambda found: min(
        ms
        for name, ms in found["profile"].items()
        if name.startswith("timeline.begins.decode (render)")
    ),
}


class _Facts(dict[str, Any]):
    """The details of each part, and what follows from them once it is asked for."""

    def __missing__(self, name: str) -> object:
        return FACTS[name](self)


def why(key: str, details: Details) -> str:
    """The explanation, with the figures of a run."""
    try:
        return WHY_MISSED[key].format_map(_Facts(details)) if key in WHY_MISSED else "not yet told."
    except KeyError as missing:
        return f"told once there is {missing}."


def _beside(found: Details, which: str) -> float:
    """Milliseconds of processors a photo that are not the decoder's."""
    prefix = f"{which}.cpu_ms.{OURS}, "
    images = found["images"]
    return sum(float(images[prefix + who]) for who in ("callers", "workers", "Postgres"))


def _decoders(found: Details, which: str) -> float:
    return float(found["images"][f"{which}.cpu_ms.{OURS}, decoders"])


def _room(found: Details, which: str, other: str, limit: float) -> float:
    """What the target leaves of the processors for all that is not pixels."""
    return float(PROCESSES * found["images"][f"{which}.ms.{other}"] / limit) - _decoders(
        found, which
    )


def _even(images: Mapping[str, Any]) -> float:
    """Megapixels from which on ours is faster than the best of the Django libraries."""
    behind, small = _behind(images, "small"), _megapixels("small")
    ahead, large = -_behind(images, "large"), _megapixels("large")
    return small + (large - small) * behind / (behind + ahead)


def _behind(images: Mapping[str, Any], which: str) -> float:
    best = min(float(images[f"{which}.ms.{name}"]) for name in PEERS)
    return float(images[f"{which}.ms.{OURS}"]) - best


def _megapixels(which: str) -> float:
    sizes = SETS[which]
    return sum(width * height for width, height in sizes) / len(sizes) / 1e6


def _most(profile: Mapping[str, float], prefix: str, unit: str) -> str:
    """The greatest of some amounts, in words; pixels aside."""
    amounts = sorted(
        (
            (amount, name.removeprefix(prefix))
            for name, amount in profile.items()
            if name.startswith(prefix) and PIXELS not in name
        ),
        reverse=True,
    )
    if not amounts:
        raise KeyError(prefix)
    return "; ".join(f"{name} {amount:.3g} {unit}" for amount, name in amounts[:MOST])
