"""What a file is, by its first bytes."""

from __future__ import annotations

import io
import random
import struct
import time
import wave
import zipfile

import pytest
from hypothesis import given, settings, strategies as st

from rindle_django.media.sniff import sniff
from rindle_django.media.types import MEDIA_TYPES
from tests.media import pictures


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + name + data


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return box(b"ftyp", major + b"\x00\x00\x02\x00" + b"".join(compatible))


def track(handler: bytes) -> bytes:
    return box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + handler + bytes(12))))


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("evil.html", "<script>1</script>")
    return stream.getvalue()


def sound() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    return stream.getvalue()


# A frame of AAC: sync bits, 44.1 kHz, stereo, and its length of 32 bytes.
ADTS = b"\xff\xf1\x50\x80\x04\x1f\xfc" + bytes(25)

SAMPLES = {
    "mp4": (ftyp(b"isom", b"isom", b"avc1") + track(b"vide") + track(b"soun"), "video/mp4"),
    "mp4 with its index at the end": (ftyp(b"mp42", b"isom") + box(b"mdat", b""), "video/mp4"),
    "sound in a general mp4": (ftyp(b"mp42", b"isom") + track(b"soun"), "audio/mp4"),
    "m4a": (ftyp(b"M4A ", b"isom"), "audio/mp4"),
    "mov": (ftyp(b"qt  "), "video/quicktime"),
    "mov of old": (box(b"wide", b"") + box(b"mdat", b""), "video/quicktime"),
    "heic": (ftyp(b"heic", b"mif1"), "image/heic"),
    "heic that says mif1 first": (ftyp(b"mif1", b"mif1", b"heic"), "image/heic"),
    "avif that says mif1 first": (ftyp(b"mif1", b"avif", b"miaf"), "image/avif"),
    "unheard-of brand": (ftyp(b"jp2 ", b"jp2 "), None),
    "webm": (b"\x1aE\xdf\xa3\x9fB\x82\x84webm" + b"\x86\x85V_VP9", "video/webm"),
    "webm of sound": (b"\x1aE\xdf\xa3\x9fB\x82\x84webm" + b"\x86\x86A_OPUS", "audio/webm"),
    "matroska": (b"\x1aE\xdf\xa3\x9fB\x82\x88matroska", "video/x-matroska"),
    "sound in matroska": (
        b"\x1aE\xdf\xa3\x9fB\x82\x88matroska" + b"\x86\x86A_OPUS and V_ by chance",
        "audio/x-matroska",
    ),
    "some other ebml": (b"\x1aE\xdf\xa3\x9fB\x82\x83abc", None),
    "3gp": (ftyp(b"3gp4", b"3gp4") + track(b"vide"), "video/mp4"),
    "voice in 3gp": (ftyp(b"3gp4", b"3gp4") + track(b"soun"), "audio/mp4"),
    "avi": (b"RIFF\x00\x01\x00\x00AVI LIST", "video/x-msvideo"),
    "aiff": (b"FORM\x00\x00\x01\x00AIFFCOMM", "audio/aiff"),
    "aifc": (b"FORM\x00\x00\x01\x00AIFCFVER", "audio/aiff"),
    "iff of another sort": (b"FORM\x00\x00\x01\x00ILBMBMHD", None),
    "ogg": (b"OggS" + bytes(24) + b"\x01vorbis", "audio/ogg"),
    "ogv": (b"OggS" + bytes(24) + b"\x80theora", "video/ogg"),
    "wav": (sound(), "audio/wav"),
    "flac": (b"fLaC\x00\x00\x00\x22", "audio/flac"),
    "transport stream": (b"G".ljust(188, b"x") * 4, "video/mp2t"),
    "transport stream of a camcorder": (b"timeG".ljust(192, b"x") * 4, "video/mp2t"),
    "a text in capitals": (b"GOOD MORNING, GERALDINE", None),
    "program stream": (b"\x00\x00\x01\xbaD\x00", "video/mpeg"),
    "flv": (b"FLV\x01\x05\x00\x00\x00\x09", "video/x-flv"),
    "asf": (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa", "video/x-ms-asf"),
    "mp3 with tags": (b"ID3\x04\x00\x00", "audio/mpeg"),
    "mp3": (b"\xff\xfb\x90\x64" + bytes(64), "audio/mpeg"),
    "aac": (ADTS * 2, "audio/aac"),
    "aac with tags": (b"ID3\x04\x00\x00\x00\x00\x00\x02xx" + ADTS * 2, "audio/aac"),
    "flac with tags": (b"ID3\x04\x00\x00\x00\x00\x00\x02xxfLaC", "audio/flac"),
    "one frame of aac": (ADTS + bytes(64), None),
    "pdf": (b"%PDF-1.7\n", "application/pdf"),
    "zip": (zipped(), "application/zip"),
    "tiff": (b"II*\x00" + bytes(8), "image/tiff"),
    "html": (b"  <!-- x -->\n<!DOCTYPE html><html>", "text/html"),
    "html fragment": (b"<script>alert(1)</script>", "text/html"),
    "html in utf-16": (b"\xff\xfe" + "<html>".encode("utf-16-le"), "text/html"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg">', "image/svg+xml"),
    "svg with prologue": (
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE svg [<!ENTITY a "b">]>\n<svg>',
        "image/svg+xml",
    ),
    "xml": (b'<?xml version="1.0"?><rss>', "application/xml"),
    "text": (b"plain words", None),
    "csv": (b"a,b\n1,2\n", None),
    "php": (b"<?php system($_GET[0]);", None),
    "shell": (b"#!/bin/sh\n", None),
    "playlist": (b"#EXTM3U\n", None),
    "executable": (b"MZ\x90\x00", None),
    "nothing": (b"", None),
    "one byte": (b"\xff", None),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_type_is_known_by_its_magic(name):
    head, mime = SAMPLES[name]
    assert sniff(head) == mime


@pytest.mark.parametrize("mime", pictures.TYPES)
def test_written_images_are_recognised(mime, tmp_path):
    path = pictures.save(tmp_path / "x", pictures.quarters(), mime)
    assert sniff(path.read_bytes()[:65536]) == mime


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/gif"])
def test_the_leading_magic_decides_about_polyglots__S8(mime, tmp_path):
    path = pictures.save(tmp_path / "x", pictures.quarters(20, 10), mime)
    assert sniff(path.read_bytes() + b"<html><script>1</script>" + zipped()) == mime


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=256) | st.text(alphabet="<!->?[]xml svghtml/", max_size=256))
def test_anything_gets_a_known_type_or_none(head):
    mime = sniff(head if isinstance(head, bytes) else head.encode())
    assert mime is None or mime in MEDIA_TYPES


def test_a_head_of_comments_is_sniffed_in_no_time():
    for head in (b"<!--" * 16_000, b"<!---->" * 9_000, b"<!" * 32_000, b"<?x?>" * 13_000):
        begun = time.perf_counter()
        assert sniff(head) in (None, "application/xml")
        assert time.perf_counter() - begun < 1


def test_random_bytes_are_hardly_ever_taken_for_something():
    random.seed(1)
    heads = [random.randbytes(64) for _ in range(20_000)]
    # Four bytes of a bare MP3 frame are all that chance can come by.
    taken = [found for head in heads if (found := sniff(head))]
    assert set(taken) <= {"audio/mpeg"}
    assert len(taken) < 20
