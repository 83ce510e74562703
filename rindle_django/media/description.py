"""What the decoder process says of itself. Runs in it."""

from __future__ import annotations

import resource
import socket
from typing import Any

from rindle_django.media.backends import available

LIMITS = ("AS", "CORE", "FSIZE", "NOFILE")
# Whole images of types that no backend lists: whoever opens one would open others, too.
STRANGERS = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
    b"P6\n1 1\n255\n\0\0\0",
)


def describe() -> dict[str, Any]:
    backends = available()
    return {
        "versions": {name: each.version for name, each in backends.items()},
        "limits": {name: _limit(name) for name in LIMITS},
        "open": [name for name, each in backends.items() if any(map(each.admits, STRANGERS))],
        "has_network": any(name != "lo" for _, name in socket.if_nameindex()),
    }


def _limit(name: str) -> int:
    return resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0]
