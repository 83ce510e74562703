"""The story that is cut short: a photo is uploaded, processed, shown, replaced, removed."""

from __future__ import annotations

from collections.abc import Callable

from rindle_django import ImageRecipe, Profile
from tests.durability.crashpoints.client import Client

Story = Callable[[Client, Callable[[], object]], None]


class Snapshot(Profile):
    """Three variants that cost next to nothing."""

    name = "snapshot"
    content_types = ("image/png",)
    variants = {
        "dot": ImageRecipe(width=4, format="png"),
        "icon": ImageRecipe(mode="fill", width=8, height=8),
        "thumb": ImageRecipe(width=16, format="webp"),
    }


def a_photos_life(client: Client, work: Callable[[], object]) -> None:
    client.uploads("first")
    work()
    client.attaches("first")
    client.uploads("second")
    work()
    client.attaches("second")
    work()
    client.detaches()
    work()
