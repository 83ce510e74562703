"""One file's way: begin, send, verify, keep, follow, and fetch what was made of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import av
from PIL import Image, UnidentifiedImageError

from example_project.visit.visitor import Refused, Visitor

REFUSED = frozenset({"quarantined", "refused", "degraded"})
FINISHED = frozenset({"ready", "degraded", "quarantined", "deleted"})
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
PATIENCE = 120.0

try:
    from pillow_heif import register_heif_opener
except ImportError:
    HEIC_READABLE = False  # the library made its variants without us, or said why not
else:
    register_heif_opener()
    HEIC_READABLE = True


@dataclass(frozen=True)
class Download:
    """What came back from a URL, measured on the bytes themselves."""

    name: str
    state: str
    url: str
    byte_size: int
    format: str
    pixels: str
    problem: str = ""


@dataclass
class Journey:
    """What became of one file. ``refusal`` is set where the server did not take it at all."""

    photo: Path
    broken: bool
    seconds: float = 0.0
    asset: dict[str, Any] = field(default_factory=dict)
    downloads: list[Download] = field(default_factory=list)
    refusal: str = ""

    @property
    def state(self) -> str:
        return self.asset.get("state", "refused") if not self.refusal else "refused"

    @property
    def reason(self) -> str:
        """Why not: the server's words on the request, the file, or the first size that failed."""
        variants = self.asset.get("variants", {}).values()
        reasons = [self.refusal, self.asset.get("reason"), *(each["reason"] for each in variants)]
        return next((reason for reason in reasons if reason), "")

    @property
    def as_expected(self) -> bool:
        """A good photo is ready and every variant is an image; a broken one is refused aloud.

        Damage that shows only when the whole file is decoded fails every variant instead.
        """
        if self.broken:
            served = any(each["url"] for each in self.asset.get("variants", {}).values())
            return self.state in REFUSED and bool(self.reason) and not served
        return self.state == "ready" and not any(each.problem for each in self.downloads)


def travel(visitor: Visitor, photo: Path, *, broken: bool, watch: Callable[[], None]) -> Journey:
    """Take ``photo`` all the way. ``watch`` is called between polls and may raise."""
    journey = Journey(photo, broken)
    started = time.monotonic()
    try:
        begun = visitor.begin(photo)
        visitor.put(begun["upload"], photo)
        visitor.verify(begun["ticket"])
        _keep(visitor, begun["asset_id"])
    except Refused as refusal:
        journey.refusal = str(refusal)
    else:
        journey.asset = _follow(visitor, begun["asset_id"], watch)
    journey.seconds = time.monotonic() - started
    journey.downloads = list(_fetch_all(visitor, journey.asset))
    return journey


def _keep(visitor: Visitor, asset_id: str) -> None:
    try:
        visitor.keep(asset_id)
    except Refused as refusal:
        # The workers were faster: a broken file is quarantined already.
        if refusal.code != "asset_not_attachable":
            raise


def _follow(visitor: Visitor, asset_id: str, watch: Callable[[], None]) -> dict[str, Any]:
    deadline, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
    while True:
        asset = visitor.progress(asset_id)
        if asset["state"] in FINISHED or time.monotonic() > deadline:
            return asset
        watch()
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE)


def _fetch_all(visitor: Visitor, asset: dict[str, Any]) -> Iterator[Download]:
    if asset.get("state") not in ("ready", "degraded"):
        return
    yield _fetch(visitor, "original", "ready", f"/photos/{asset['id']}/original/", asset)
    for name, variant in asset["variants"].items():
        yield _fetch(visitor, name, variant["state"], variant["url"], variant)


def _fetch(
    visitor: Visitor, name: str, state: str, url: str | None, told: dict[str, Any]
) -> Download:
    if not url:
        return Download(name, state, "", 0, "", "", problem=told["reason"] or "there is no URL")
    try:
        url, content = visitor.send("GET", url)
        kind, pixels = measure(content, told["content_type"])
    except (Refused, UnidentifiedImageError, OSError, av.FFmpegError) as error:
        if name == "original" and told["content_type"] == "image/heic" and not HEIC_READABLE:
            return Download(name, state, url, len(content), "heic", "")
        return Download(name, state, url, 0, "", "", problem=str(error))
    problem = "" if len(content) == told["byte_size"] else "its length is not the one told"
    return Download(name, state, url, len(content), kind, pixels, problem)


def measure(content: bytes, content_type: str) -> tuple[str, str]:
    """Format and size as the decoded bytes show them, not as anybody says."""
    image = content_type.startswith("image/")
    return _measure_image(content) if image else _measure_played(content)


def _measure_played(content: bytes) -> tuple[str, str]:
    with av.open(BytesIO(content), mode="r") as container:
        streams = [*container.streams.video, *container.streams.audio]
        codecs = "+".join(stream.codec_context.name for stream in streams)
        length = f"{(container.duration or 0) / av.time_base:.1f} s"
        sizes = [f"{each.width} × {each.height}" for each in container.streams.video]
        for _ in container.decode(*streams):
            pass  # each frame is there, or this raises
    return codecs, ", ".join([*sizes, length])


def _measure_image(content: bytes) -> tuple[str, str]:
    with Image.open(BytesIO(content)) as image:
        image.load()
        frames = getattr(image, "n_frames", 1)
        size = f"{image.width} × {image.height}"
        kind = (image.format or "").lower()
    return "heic" if kind == "heif" else kind, f"{size}, {frames} frames" if frames > 1 else size
