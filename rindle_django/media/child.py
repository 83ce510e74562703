"""The decoder process: ``python -m rindle_django.media.child``, started by the sandbox.

Confines itself first, and imports what decodes only then.
"""

from __future__ import annotations

import signal
import sys

from rindle_django.media.confinement import confine


def main() -> None:
    memory_bytes, parent = int(sys.argv[1]), int(sys.argv[2])
    confine(memory_bytes, parent)
    # A service manager stops all processes of a unit at once; ours shall finish what it is doing
    # for the worker that drains, and ends with it.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    from rindle_django.media.serving import serve_for_ever

    serve_for_ever()


if __name__ == "__main__":
    main()
