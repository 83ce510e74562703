"""How far an asset is: its variants together, the long ones weighing more."""

from __future__ import annotations

import pytest

from rindle_django.models import Variant
from rindle_django.views.progress import percent
from tests.rows import asset_in, variant_in

pytestmark = pytest.mark.django_db


def far(state: str, *variants: tuple[str, str, int | None]) -> int | None:
    asset = asset_in(state)
    for number, (kind, variant_state, progress) in enumerate(variants):
        variant = variant_in(variant_state, asset=asset, name=f"v{number}", kind=kind)
        Variant.objects.filter(pk=variant.pk).update(progress=progress)
    asset.refresh_from_db()
    return percent(asset)


@pytest.mark.parametrize("state", ["staged", "validating", "analyzing", "promoting"])
def test_it_is_not_known_before_the_file_is(state: str):
    assert far(state) is None


@pytest.mark.parametrize("state", ["ready", "degraded", "quarantined", "deleted"])
def test_at_rest_it_is_all_there_will_be(state: str):
    assert far(state) == 100


def test_images_count_alike():
    made, waits = ("image", "ready", None), ("image", "queued", None)
    assert far("processing", made, waits, waits, waits) == 25


def test_a_video_weighs_more_than_its_poster():
    assert far("transcoding", ("poster", "ready", None), ("video", "processing", 0)) == 4
    assert far("transcoding", ("poster", "queued", None), ("video", "processing", 50)) == 47


def test_what_cannot_be_made_is_not_waited_for():
    assert far("transcoding", ("video", "failed", 30), ("video", "processing", 50)) == 75


def test_what_was_purged_does_not_count():
    assert far("transcoding", ("hls", "purged", None), ("video", "processing", 50)) == 50


def test_it_is_100_at_rest_and_not_before():
    assert far("transcoding", ("video", "ready", None), ("video", "processing", 100)) == 99
    assert far("available") == 0
