"""Files that are made to do harm: playlists in disguise, and containers written byte by byte."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# --- playlists and the like ------------------------------------------------------------------


def targets(address: str, canary: Path) -> dict[str, str]:
    """The places that a file may try to send its reader to."""
    return {
        "http": f"http://{address}/secret.ts",
        "file": f"file://{canary}",
        "path": str(canary),
        "data": "data:text/plain;base64,Q0FOQVJZ",
        "subfile": f"subfile,,start,0,end,100000,,:{canary}",
        "crypto": f"crypto:{canary}",
        "concat": f"concat:{canary}|http://{address}/",
        "unix": f"unix:{canary.with_suffix('.socket')}",
        "tcp": f"tcp://{address}",
    }


def lists(target: str, address: str) -> dict[str, bytes]:
    """One of each format that names others, all of them leading to ``target``."""
    host, _, port = address.partition(":")
    texts = {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat": f"ffconcat version 1.0\nfile '{target}'\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 {host}\ns=x\nc=IN IP4 {host}\nt=0 0\n"
        f"m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:{target}\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL><SegmentList>'
        f'<SegmentURL media="{target}"/></SegmentList></Representation></AdaptationSet></Period>'
        "</MPD>",
    }
    return {name: text.encode() for name, text in texts.items()}


# What each container begins with: a sniffer that looks at it alone takes what follows for one.
FRONTS = {
    "video/mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomavc1",
    "video/quicktime": b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  ",
    "video/x-matroska": b"\x1aE\xdf\xa3\x8bB\x82\x88matroska",
    "video/x-msvideo": b"RIFF\xff\xff\x00\x00AVI ",
    "audio/mpeg": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    "audio/wav": b"RIFF\xff\xff\x00\x00WAVE",
    "audio/ogg": b"OggS" + bytes(24),
    "audio/flac": b"fLaC",
    "audio/aac": b"",
    "audio/aiff": b"FORM\x00\x00\xff\xffAIFF",
}


@dataclass
class Listener:
    address: str
    hits: int = 0


@contextmanager
def listening() -> Iterator[Listener]:
    """A server on loopback that counts who comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        listener = Listener(f"{host}:{port}")

        def count() -> None:
            with suppress(OSError):
                while True:
                    server.accept()[0].close()
                    listener.hits += 1

        threading.Thread(target=count, daemon=True).start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)


@contextmanager
def watched(path: Path) -> Iterator[list[bytes]]:
    """Whether ``path`` was opened, by whomever: told when the block has ended. Linux only."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK)
    opened = 0x20
    assert libc.inotify_add_watch(handle, os.fsencode(path), opened) >= 0
    seen: list[bytes] = []
    try:
        yield seen
        with suppress(BlockingIOError):
            seen.append(os.read(handle, 4096))
    finally:
        os.close(handle)


# --- Matroska, byte by byte ------------------------------------------------------------------


def element(identity: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return identity + (len(data) | 1 << 56).to_bytes(8, "big") + data


def number(identity: bytes, value: int) -> bytes:
    return element(identity, value.to_bytes(8, "big"))


def matroska(tracks: list[bytes], blocks: list[bytes]) -> bytes:
    header = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"matroska"))
    info = element(b"\x15\x49\xa9\x66", number(b"\x2a\xd7\xb1", 1_000_000))
    cluster = element(b"\x1f\x43\xb6\x75", number(b"\xe7", 0), *blocks)
    return header + element(
        b"\x18\x53\x80\x67", info, element(b"\x16\x54\xae\x6b", *tracks), cluster
    )


def sound_track(index: int) -> bytes:
    return element(
        b"\xae",
        *(number(b"\xd7", index), number(b"\x73\xc5", index), number(b"\x83", 2)),
        element(b"\x86", b"A_PCM/INT/LIT"),
        element(b"\xe1", number(b"\x9f", 1), element(b"\xb5", struct.pack(">d", 8000.0))),
    )


def png_track(width: int, height: int) -> bytes:
    """A video whose frames are PNG files, as recorders of screens wrote it once."""
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MPNG", 0, 0, 0, 0, 0)
    return element(
        b"\xae",
        *(number(b"\xd7", 1), number(b"\x73\xc5", 1), number(b"\x83", 1)),
        element(b"\x86", b"V_MS/VFW/FOURCC"),
        element(b"\x63\xa2", bitmap),
        element(b"\xe0", number(b"\xb0", width), number(b"\xba", height)),
    )


def block(track: int, milliseconds: int, content: bytes) -> bytes:
    at = struct.pack(">h", milliseconds)
    return element(b"\xa3", bytes([0x80 | track]), at, b"\x80", content)


def with_streams(count: int) -> bytes:
    return matroska([sound_track(index + 1) for index in range(count)], [block(1, 0, bytes(800))])


def pictures_of(png: bytes, width: int, height: int) -> bytes:
    """Two frames that say so much of their size in the header, and whatever they like in PNG."""
    return matroska([png_track(width, height)], [block(1, 0, png), block(1, 40, png)])
