"""Ports for servers that a run starts for itself."""

from __future__ import annotations

import random
import socket

# Below the range from which the kernel takes the ports of outgoing connections: one of those
# could otherwise take a port between its being found free and the server's start.
LOWEST, HIGHEST = 20_000, 30_000
ATTEMPTS = 100


def free_port(wanted: int = 0) -> int:
    """``wanted`` if nobody has it, else one that is free."""
    candidates = [random.randrange(LOWEST, HIGHEST) for _ in range(ATTEMPTS)]
    for port in [wanted, *candidates] if wanted else candidates:
        if _is_free(port):
            return port
    raise OSError(f"no free port found between {LOWEST} and {HIGHEST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
