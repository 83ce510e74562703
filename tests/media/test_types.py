"""The table of types, and what a file name may be called."""

from __future__ import annotations

import pytest

from rindle_django.media.types import (
    INLINE_TYPES,
    MEDIA_TYPES,
    canonical,
    extension_agrees,
    extension_for,
    may_be,
    type_of_kind,
)


@pytest.mark.parametrize(
    ("given", "known_as"),
    [
        ("image/jpg", "image/jpeg"),
        ("IMAGE/PJPEG", "image/jpeg"),
        ("image/jpeg; charset=binary", "image/jpeg"),
        ("image/heif", "image/heic"),
        ("audio/x-m4a", "audio/mp4"),
        ("audio/x-wav", "audio/wav"),
        ("video/3gpp", "video/mp4"),
        ("audio/3gpp", "audio/mp4"),
        ("video/matroska", "video/x-matroska"),
        ("audio/x-aiff", "audio/aiff"),
        ("application/x-unheard-of", "application/x-unheard-of"),
    ],
)
def test_aliases_of_a_type_are_one_type__X12(given, known_as):
    assert canonical(given) == known_as


@pytest.mark.parametrize(
    ("name", "mime", "agrees"),
    [
        ("a.jpg", "image/jpeg", True),
        ("a.JPEG", "image/jpg", True),
        ("a.jpe", "image/jpeg", True),
        ("a.jfif", "image/jpeg", True),
        ("a.heif", "image/heic", True),
        ("IMG_1.HEIC", "image/heif", True),
        ("voice.m4a", "audio/mp4", True),
        ("voice.mp4", "audio/mp4", True),
        ("фото.png", "image/png", True),
        ("shell.php.jpg", "image/jpeg", True),
        ("a.png", "image/jpeg", False),
        ("shell.jpg.php", "image/jpeg", False),
        ("nothing", "image/jpeg", False),
        (".jpg", "image/jpeg", False),
        ("a.jpg", "application/x-unheard-of", False),
    ],
)
def test_a_name_agrees_with_its_type_or_not__X12(name, mime, agrees):
    assert extension_agrees(name, mime) is agrees


@pytest.mark.parametrize(
    ("mime", "kind", "named"),
    [
        ("video/mp4", "audio", "audio/mp4"),
        ("audio/mp4", "video", "video/mp4"),
        ("video/quicktime", "audio", "audio/mp4"),
        ("video/quicktime", "video", "video/quicktime"),
        ("video/webm", "audio", "audio/webm"),
        ("audio/ogg", "video", "video/ogg"),
        ("video/x-msvideo", "audio", None),
        ("audio/mpeg", "audio", "audio/mpeg"),
    ],
)
def test_a_type_follows_from_what_the_container_holds__X12(mime, kind, named):
    assert type_of_kind(mime, kind) == named
    if named is not None:
        assert named in may_be(mime)
        assert MEDIA_TYPES[named].kind == kind


def test_an_image_may_be_nothing_else():
    assert may_be("image/png") == {"image/png"}


def test_each_alias_belongs_to_one_type_only():
    names = [name for each in MEDIA_TYPES.values() for name in (each.mime, *each.aliases)]
    assert len(names) == len(set(names))


def test_the_extension_written_is_one_that_agrees():
    for mime in MEDIA_TYPES:
        assert extension_agrees(f"x{extension_for(mime)}", mime)
    assert extension_for("image/jpg") == ".jpg"
    assert extension_for("application/x-unheard-of") == ""


def test_what_may_carry_script_is_never_shown_inline__S20():
    active = {"image/svg+xml", "text/html", "application/xml", "application/pdf"}
    assert active <= set(MEDIA_TYPES)
    assert not active & INLINE_TYPES
    assert {"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"} <= INLINE_TYPES


def test_svg_is_a_document_to_download_not_an_image_to_decode__S3():
    assert MEDIA_TYPES["image/svg+xml"].kind == "document"
    assert MEDIA_TYPES["image/svg+xml"].loader is None
