"""What was verified is what is served, whatever is done to the staging key and whenever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rindle_django import url
from rindle_django.models import Asset, StoredObject
from rindle_django.operations.reconcile import reconcile
from rindle_django.promotion import promote
from rindle_django.testing import drain_jobs
from tests.av import clips
from tests.kit import arrive, declared, fresh, ledger_keys, picture, queued_jobs, variant_states
from tests.storms import Sky

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = picture(120, 90)
# As long as the good one, so that nothing but the content tells them apart.
OTHER = picture(90, 120).ljust(len(GOOD), b"\x00")[: len(GOOD)]
PAGE = b"<!doctype html><script>".ljust(len(GOOD), b" ")


class Attacker:
    """Writes the staging key again, as a client with a live S3 signature could."""

    def __init__(self, folder: Path, asset: Asset) -> None:
        self.path = folder / StoredObject.objects.get(asset=asset, purpose="staging").key

    def writes(self, content: bytes) -> None:
        self.path.unlink(missing_ok=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(content)


def served(folder: Path, asset: Asset) -> bytes:
    original = fresh(asset).original
    assert original is not None
    return (folder / original.key).read_bytes()


@pytest.mark.parametrize("operation", ["download", "put_file"])
@pytest.mark.parametrize("content", [OTHER, PAGE], ids=["other", "page"])
def test_bytes_changed_after_the_freeze_never_reach_what_is_served__U4_S13(
    sky: Sky, media_folder: Path, operation: str, content: bytes
):
    asset = arrive(GOOD)
    attacker = Attacker(media_folder, asset)
    sky.before(operation, lambda: attacker.writes(content))
    drain_jobs()
    asset = fresh(asset)
    assert asset.state == "ready"
    assert asset.sha256 == hashlib.sha256(GOOD).hexdigest()
    assert served(media_folder, asset) == GOOD
    assert set(variant_states(asset).values()) == {"ready"}


def test_bytes_changed_after_promotion_change_nothing__U4_S13(media_folder: Path, client: Any):
    asset = arrive(GOOD)
    attacker = Attacker(media_folder, asset)
    drain_jobs()
    attacker.writes(PAGE)
    response = client.get(url(fresh(asset)))
    assert b"".join(response.streaming_content) == GOOD
    response.close()


@pytest.mark.parametrize("operation", ["read_range", "copy"])
def test_a_page_put_there_before_the_freeze_is_found_out__U4(
    sky: Sky, media_folder: Path, operation: str
):
    """Between verify and the look, or between the look and the copy: the copy is what counts."""
    asset = arrive(GOOD)
    attacker = Attacker(media_folder, asset)
    sky.before(operation, lambda: attacker.writes(PAGE))
    drain_jobs()
    asset = fresh(asset)
    assert (asset.state, asset.reason_code) == ("quarantined", "mime_not_allowed")
    assert asset.original is None


def test_the_declared_checksum_pins_the_bytes_from_the_first_moment__U4(media_folder: Path):
    asset = arrive(GOOD, sha256=hashlib.sha256(GOOD).hexdigest())
    Attacker(media_folder, asset).writes(OTHER)
    drain_jobs()
    assert (fresh(asset).state, fresh(asset).reason_code) == ("quarantined", "checksum_mismatch")


def test_another_length_is_found_out_before_anything_is_copied__U4_U13(
    media_folder: Path, sky: Sky
):
    asset = arrive(GOOD)
    Attacker(media_folder, asset).writes(GOOD + b"more")
    drain_jobs()
    assert fresh(asset).reason_code == "content_length_mismatch"
    assert sky.calls["copy"] == 0


def as_long_as(content: bytes, other: bytes) -> bytes:
    """An MP4 with room at its end, in a box that players skip."""
    room = len(other) - len(content)
    return content + room.to_bytes(4, "big") + b"free" + bytes(room - 8) if room > 0 else content


@pytest.mark.parametrize(
    ("clip", "outcome"),
    [
        (clips.sound_in_mp4, ("ready", "", "audio/mp4")),
        (clips.mov, ("quarantined", "mime_not_allowed", "")),
    ],
    ids=["sound", "another container"],
)
def test_a_copy_is_not_served_under_the_type_of_what_was_there_before__U4_X9(
    sky: Sky, media_folder: Path, clip: Callable[[], Path], outcome: tuple[str, str, str]
):
    """The look saw an MP4 with pictures, the copy holds something else that the profile takes."""
    types = ("video/mp4", "audio/mp4", "video/quicktime")
    moving, other = clips.video().read_bytes(), clip().read_bytes()
    moving, other = as_long_as(moving, other), as_long_as(other, moving)
    with declared("tape", content_types=types):
        asset = arrive(moving, profile="tape", filename="a.mp4", content_type="video/mp4")
        attacker = Attacker(media_folder, asset)
        sky.before("copy", lambda: attacker.writes(other))
        drain_jobs()
        asset = fresh(asset)
        assert (asset.state, asset.reason_code, asset.content_type) == outcome
        if asset.original is not None:
            assert asset.original.content_type == "audio/mp4"
            assert asset.original.key.endswith(".m4a")
            assert served(media_folder, asset) == other


def test_the_original_lies_under_a_key_that_no_client_was_ever_given__U4():
    asset = arrive(GOOD)
    drain_jobs()
    staging = StoredObject.objects.get(asset=asset, purpose="staging")
    original = fresh(asset).original
    assert original is not None
    assert original.key.startswith("originals/")
    assert str(original.pk) in original.key
    assert str(original.pk) not in staging.key


def test_the_staging_key_is_given_up_in_the_same_breath__U4(sky: Sky, media_folder: Path):
    asset, seen = arrive(GOOD), []
    staging = StoredObject.objects.get(asset=asset, purpose="staging")

    def look() -> None:
        staging.refresh_from_db()
        seen.append((fresh(asset).state, staging.state))

    sky.before("delete", look)
    drain_jobs(queues=["rindle_promote"])
    assert seen == [("processing", "doomed")]
    assert staging.key not in ledger_keys("present", "doomed")
    assert not (media_folder / staging.key).exists()


def test_what_was_staged_is_kept_and_asked_for_again_if_the_storage_balks__W1_2(
    sky: Sky, media_folder: Path
):
    asset = arrive(GOOD)
    sky.break_down("delete")
    drain_jobs(queues=["rindle_promote"])
    staging = StoredObject.objects.get(asset=asset, purpose="staging")
    assert (staging.state, staging.attempts) == ("doomed", 1)
    assert staging.reason_code == "storage_unavailable"
    assert len(queued_jobs("rindle:purge_storage")) == 1
    assert fresh(asset).state == "processing"
    sky.clear_up()
    drain_jobs(early=True)
    assert not (media_folder / staging.key).exists()


def test_who_dies_before_it_deletes_what_was_staged_leaves_it_to_the_reconciler__W1_2(
    sky: Sky, media_folder: Path
):
    asset = arrive(GOOD)

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    sky.before("delete", die)
    with pytest.raises(Killed):
        promote(str(asset.pk))
    sky.clear_up()
    staging = StoredObject.objects.get(asset=asset, purpose="staging")
    assert staging.state == "doomed"
    assert reconcile().objects == 1
    drain_jobs()
    assert fresh(asset).state == "ready"
    assert not (media_folder / staging.key).exists()


def test_a_copy_that_breaks_off_is_not_taken_for_the_original__S4(sky: Sky, media_folder: Path):
    asset = arrive(GOOD)
    half = []

    def tear() -> None:
        (args, _), *_ = sky.arguments_of("copy")[-1:]
        torn = media_folder / args[1]
        torn.parent.mkdir(parents=True, exist_ok=True)
        torn.write_bytes(GOOD[:100])
        half.append(torn)
        sky.clear_up()
        raise OSError("the server was switched off")

    sky.before("copy", tear)
    drain_jobs(early=True)
    assert fresh(asset).state == "ready"
    assert served(media_folder, asset) == GOOD
    original = fresh(asset).original
    assert original is not None
    assert half != [media_folder / original.key]


def test_an_original_that_rotted_without_changing_its_length_is_found_out__S13(
    media_folder: Path,
):
    asset = arrive(GOOD)
    drain_jobs(queues=["rindle_promote"])
    original = fresh(asset).original
    assert original is not None
    path = media_folder / original.key
    path.unlink()
    path.write_bytes(OTHER)
    drain_jobs(early=True)
    ends = set(asset.variants.values_list("state", "reason_code"))
    assert ends == {("failed", "checksum_mismatch")}
