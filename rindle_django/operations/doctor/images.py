"""The decoder: which libraries it has, whether it is confined, and what it can read and write."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from rindle_django import workspace
from rindle_django.conf import config
from rindle_django.errors import RindleError, reason_text
from rindle_django.media.confinement import MAX_FILES, MAX_OUTPUT
from rindle_django.media.images import decodable, render_image
from rindle_django.media.inspection import DecoderState, inspect_decoder
from rindle_django.media.limits import Limits
from rindle_django.media.types import MEDIA_TYPES, canonical
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.profiles import ImageRecipe, registered

INSTALL = "pip install 'rindle-django[vips]' brings libvips along."


def _limits() -> Limits:
    return Limits(
        memory_bytes=config().DECODER_MEMORY,
        cpu_seconds=config().DECODER_SECONDS,
        wall_seconds=config().DECODER_SECONDS,
    )


def backend() -> Iterator[Observation]:
    state = inspect_decoder(_limits())
    wanted = config().IMAGE_BACKEND
    if wanted is not None and wanted not in state.versions:
        yield error(f"RINDLE['IMAGE_BACKEND'] is {wanted!r}, which cannot be loaded here.", INSTALL)
        return
    chosen = wanted or next(iter(state.versions))
    if chosen != "vips":
        why = "by the setting" if wanted else "as libvips cannot be loaded"
        yield warn(
            f"Images are processed by Pillow {state.versions[chosen]}, {why}: slower, and with "
            "more memory.",
            INSTALL,
        )
        return
    yield ok(", ".join(f"{name} {version}" for name, version in state.versions.items()) + ".")


def sandbox() -> Iterator[Observation]:
    state, limits = inspect_decoder(_limits()), _limits()
    for name, most in _wanted(limits).items():
        if not 0 <= state.limits.get(name, -1) <= most:
            yield error(
                f"The decoder runs without its limit on {name} ({state.limits.get(name)}).",
                "Do not take uploads from strangers on this machine: a file could exhaust it.",
            )
    yield from _loaders(state)
    network = "no network" if not state.has_network else "its network is not cut off here"
    yield ok(f"{limits.memory_bytes >> 20:,} MB, {limits.cpu_seconds} s, {network}.")


def _wanted(limits: Limits) -> dict[str, int]:
    wanted = {"CORE": 0, "FSIZE": MAX_OUTPUT, "NOFILE": MAX_FILES}
    # Elsewhere the kernel has no such limit that could be relied on.
    return wanted | ({"AS": limits.memory_bytes} if sys.platform == "linux" else {})


def _loaders(state: DecoderState) -> Iterator[Observation]:
    for name in state.open:
        yield error(
            f"{name} opens types that are on no list: its loaders are not closed.",
            "Update it; libvips 8.13 or later can close them. Take no uploads until then.",
        )


# --- formats -----------------------------------------------------------------------------------


def formats() -> Iterator[Observation]:
    yield from _unreadable()
    yield from _unwritable()


def _unreadable() -> Iterator[Observation]:
    for profile in registered():
        for content_type in profile.content_types:
            known = MEDIA_TYPES.get(canonical(content_type))
            hint = decodable(known.mime) if known and known.kind == "image" else None
            if hint:
                yield warn(
                    f"Profile {profile.name!r} takes {content_type}, which cannot be decoded here.",
                    f"{hint[:1].upper()}{hint[1:]}.",
                )


def _unwritable() -> Iterator[Observation]:
    """By making one of each: that a saver is there does not mean that its encoder is."""
    used: dict[str, list[str]] = {}
    for profile in registered():
        for name, recipe in profile.variants.items():
            if isinstance(recipe, ImageRecipe):
                used.setdefault(recipe.format, []).append(f"{profile.name}.{name}")
    with workspace.workspace() as folder:
        for form, fault in _failures(sorted(used), folder):
            yield error(
                f"{form} cannot be written here, but {', '.join(sorted(used[form])[:5])} want it: "
                f"{reason_text(fault).rstrip('.')}.",
                INSTALL,
            )


def _failures(forms: list[str], folder: Path) -> Iterator[tuple[str, RindleError]]:
    source = folder / "source.png"
    source.write_bytes(_picture())
    for form in forms:  # each by itself, so that one does not speak for another
        recipe = ImageRecipe(width=8, format=form)  # type: ignore[arg-type]
        try:
            render_image(source, "image/png", recipe, folder / f"made.{form}", _limits())
        except RindleError as fault:
            yield form, fault


def _picture(side: int = 16) -> bytes:
    """A small PNG."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = (b"\0" + bytes(3 * side)) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )
