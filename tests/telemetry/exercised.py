"""Which real flow tells of each event."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.core.files.storage import storages
from django.test import Client

from rindle_django import (
    diagnose,
    discard,
    initiate_upload,
    reprobe,
    runtime_status,
    streaming_url,
    url,
    variant_url,
)
from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.testing import drain_jobs
from tests.delivery.films import cinema, film
from tests.kit import arrive, declared, fresh, picture, ready
from tests.transcoding.clips import PLAY, REEL, clip, filmed

Flow = Callable[[], object]


def _begin() -> None:
    initiate_upload("photo", filename="a.jpg", content_type="image/jpeg", byte_size=10)


def _clean_up() -> None:
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=True)


def _deliver() -> None:
    variant_url(fresh(ready(picture(64, 48))), "thumb")


def _play() -> None:
    with cinema():
        streaming_url(film())


def _seek() -> None:
    with cinema():
        response = Client().get(url(film(content=b"a film")), headers={"Range": "bytes=2-"})
        assert b"".join(response) == b"film"


def _repair() -> None:
    reprobe(ready(picture(64, 48)).pk)


def _repair_in_vain() -> None:
    """The disk does not answer: where the folder of originals was, there is a file."""
    asset = fresh(ready(picture(64, 48)))
    assert asset.original is not None
    originals = Path(storages[asset.storage].path("originals"))
    shutil.rmtree(originals)
    originals.symlink_to(originals)  # a name that leads to itself: neither there nor not there
    with suppress(TransientFailure):
        reprobe(asset.pk)


def _ask_in_vain() -> None:
    with suppress(RequestRefused):
        runtime_status(profile="nobody's")


def _transcode() -> None:
    with declared("film", variants=PLAY, content_types=("video/mp4",)):
        filmed("film")
        drain_jobs()


def _transcode_in_vain() -> None:
    """The recipe came to need sound after the variant was planned, and there is none."""
    with declared("film", variants=PLAY, content_types=("video/mp4",)) as profile:
        filmed("film", clip(sound=False))
        profile.variants = {"play": REEL["sound"]}
        drain_jobs()


FLOWS: dict[str, Flow] = {
    "rindle.upload.start": _begin,
    "rindle.upload.stop": lambda: arrive(picture(64, 48)),
    "rindle.asset.state_change": lambda: discard(arrive(picture(64, 48)).pk),
    "rindle.variant.state_change": lambda: ready(picture(64, 48)),
    "rindle.delivery.signed": _deliver,
    "rindle.delivery.streaming.resolved": _play,
    "rindle.delivery.range_request": _seek,
    "rindle.cleanup.run": _clean_up,
    "rindle.media.transcode.start": _transcode,
    "rindle.media.transcode.stop": _transcode,
    "rindle.media.transcode.exception": _transcode_in_vain,
    "rindle.repair.start": _repair,
    "rindle.repair.stop": _repair,
    "rindle.repair.exception": _repair_in_vain,
    "rindle.runtime.refusal": _ask_in_vain,
    "rindle.runtime.check.stop": lambda: diagnose(only=["temp.folder"]),
}
