"""How long a photo of 12 megapixels waits for its first variant, with a worker at rest.

From the call of ``verify_upload`` until that variant can be seen in the database, over one bare
call of libvips that makes the same variant of the same photo. They take turns.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.images import photos
from benchmarks.images.outputs import NAMES, QUALITY, THUMB, WIDTHS
from benchmarks.parts import hand_in, parse
from benchmarks.site import Ear, arrived, make_variants, running_site, verify, workers

SIDES = dict(zip(NAMES, (THUMB, *WIDTHS), strict=True))
WARM_UP = 2
# Until the worker has put everything away after the photo before.
REST = 0.5


@dataclass(frozen=True)
class First:
    """Milliseconds until the variant ``name`` was there, and until each step on the way."""

    ms: float
    name: str
    steps: dict[str, float]


def main() -> None:
    options = parse("latency")
    rounds = 4 if options.smoke else 25
    with running_site() as folder:
        import pyvips

        pyvips.cache_set_max(0)
        taken = photos.make(folder / "photos", "12mp", rounds + WARM_UP)
        with workers(1, folder) as crew:
            make_variants(taken[:WARM_UP], crew)
            _bare(taken[0], "thumb", folder)
            pairs = []
            for photo in taken[WARM_UP:]:
                time.sleep(REST)
                first = _first(photo)
                pairs.append((first, {name: _bare(photo, name, folder) for name in NAMES}))
    steps: dict[str, list[float]] = defaultdict(list)
    for first, _ in pairs:
        for step, ms in first.steps.items():
            steps[step].append(ms)
    hand_in(
        options,
        {"latency.first_variant": [first.ms / bare[first.name] for first, bare in pairs]},
        {
            "first variant": statistics.mode(first.name for first, _ in pairs),
            "first variant, ms": statistics.median(first.ms for first, _ in pairs),
            **{
                f"libvips alone, {name}, ms": statistics.median(bare[name] for _, bare in pairs)
                for name in NAMES
            },
            **{
                f"ms until the transaction of: {step}": statistics.median(each)
                for step, each in steps.items()
            },
        },
    )


def _first(photo: Path) -> First:
    ticket = arrived(photo)
    with Ear() as ear:
        began, began_at = time.perf_counter(), time.time()
        identity = verify(ticket)
        verified = time.perf_counter()
        seen, name = ear.first_variant(identity)
        ear.all_ready([identity])
    steps = {"verify_upload returned": (verified - began) * 1000} | _steps(identity, began_at)
    return First((seen - began) * 1000, name, steps)


def _steps(identity: Any, began_at: float) -> dict[str, float]:
    """When the transaction of each change began, first things first."""
    from rindle_django.models import Transition

    found: dict[str, float] = {}
    rows = Transition.objects.filter(asset_id=identity).order_by("id")
    for subject, state, at in rows.values_list("subject", "to_state", "at"):
        if (ms := (at.timestamp() - began_at) * 1000) >= 0:
            found.setdefault(f"{subject} {state}", ms)
    return found


def _bare(photo: Path, name: str, folder: Path) -> float:
    """Milliseconds of one call that loads, shrinks and saves."""
    import pyvips

    side = SIDES[name]
    shape = {"crop": "centre"} if name == "thumb" else {"size": "down"}
    began = time.perf_counter()
    made = pyvips.Image.thumbnail(str(photo), side, height=side, **shape)
    made.jpegsave(str(folder / "bare.jpg"), Q=QUALITY, keep="none")
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
