"""The profiles of the drill, as its settings have them."""

from __future__ import annotations

from rindle_django import ImageRecipe, Profile
from rindle_django.profiles import MB

PHOTO, ELSEWHERE = "drill-photo", "drill-elsewhere"
USUAL = {"width": 96, "max_pixels": 1_000_000}
# Rounds of tries and the ends of uploads in the drill's time.
PACE = {
    "BACKOFF_BASE": 0.5,
    "ROUND_PAUSE": 3,
    "LATE_PUT_GRACE": 0,
    "SUPERSEDED_GRACE": 0,
    "STORAGE_TIMEOUT": 5,
}


def declare(width: int, max_pixels: int, elsewhere: str = "bucket") -> list[type[Profile]]:
    """One kept in files, and one kept in a bucket."""
    common = {
        "content_types": ("image/jpeg",),
        "max_bytes": 1 * MB,
        "max_pixels": max_pixels,
        "variants": {
            "thumb": ImageRecipe(width=width),
            "small": ImageRecipe(width=32, format="webp"),
        },
    }
    return [
        type("DrillPhoto", (Profile,), {"name": PHOTO, **common}),
        type("DrillElsewhere", (Profile,), {"name": ELSEWHERE, "storage": elsewhere, **common}),
    ]
