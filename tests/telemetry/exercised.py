"""Which real flow tells of each event, and which events no flow can tell of yet."""

from __future__ import annotations

from collections.abc import Callable

from rindle_django import discard, initiate_upload, variant_url
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from tests.kit import arrive, fresh, picture, ready

Flow = Callable[[], object]


def _begin() -> None:
    initiate_upload("photo", filename="a.jpg", content_type="image/jpeg", byte_size=10)


def _clean_up() -> None:
    abort_incomplete_uploads()
    cleanup_orphans(dry_run=True)


def _deliver() -> None:
    variant_url(fresh(ready(picture(64, 48))), "thumb")


FLOWS: dict[str, Flow] = {
    "rindle.upload.start": _begin,
    "rindle.upload.stop": lambda: arrive(picture(64, 48)),
    "rindle.asset.state_change": lambda: discard(arrive(picture(64, 48)).pk),
    "rindle.variant.state_change": lambda: ready(picture(64, 48)),
    "rindle.delivery.signed": _deliver,
    "rindle.cleanup.run": _clean_up,
}

AUDIO_AND_VIDEO = frozenset(
    {
        "rindle.delivery.streaming.resolved",
        "rindle.delivery.range_request",
        "rindle.media.transcode.start",
        "rindle.media.transcode.stop",
        "rindle.media.transcode.exception",
    }
)
"""They stand ready: nothing streams or transcodes yet."""

OPERATIONS = frozenset(
    {
        "rindle.repair.start",
        "rindle.repair.stop",
        "rindle.repair.exception",
        "rindle.runtime.refusal",
        "rindle.runtime.check.stop",
    }
)
"""They stand ready for repair, status and doctor."""

NOT_YET = AUDIO_AND_VIDEO | OPERATIONS
