"""``python -m benchmarks.images.hand NAME FOLDER``: a process that makes outputs as it is told.

Says "ready" once everything is imported; then takes the paths of photos, one a line, and says for
each how many seconds of processors it took.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from benchmarks.images.contenders import CONTENDERS, PEERS


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    if name in PEERS:
        _set_up_django(folder)
    make = CONTENDERS[name]()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.process_time()
        make(Path(line.strip()), folder)
        print(time.process_time() - began, flush=True)


def _set_up_django(folder: Path) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.images.peers_settings",
        "BENCHMARK_FOLDER": str(folder),
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, run_syncdb=True, interactive=False)


if __name__ == "__main__":
    main()
