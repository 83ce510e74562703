"""A bench as a process: an experiment a line on stdin, its outcome a line on stdout.

Everything about it is in the environment: DATABASE_URL, RINDLE_CRASH_FOLDER, RINDLE_CRASH_S3.
"""

from __future__ import annotations

import gc
import sys

import django
from django.core.management import call_command
from django.utils.module_loading import import_string


def main(story: str) -> None:
    django.setup()
    from tests.durability.crashpoints.bench import Bench, as_line, experiment_of
    from tests.durability.crashpoints.settings import FOLDER

    call_command("migrate", run_syncdb=True, verbosity=0)
    bench = Bench(FOLDER, import_string(story))
    gc.freeze()
    for line in sys.stdin:
        print(as_line(bench.conduct(experiment_of(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
