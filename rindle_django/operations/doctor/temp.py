"""The folder for working copies: whether it takes what has to be put there."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator

from rindle_django import workspace
from rindle_django.conf import config
from rindle_django.operations.doctor.diagnosis import Observation, error, ok, warn
from rindle_django.operations.reading import said
from rindle_django.profiles import MB, registered

# An original, a copy of it and its outputs, at the same time.
COPIES = 3
TRIAL = 64 * 1024
FULL = (
    "Make room there: rindle_sweep_temp_files --no-dry-run removes what killed work left, on this "
    "machine"
)


def folder() -> Iterator[Observation]:
    root = workspace.root()
    setting = "Set RINDLE['TEMP_DIR'] to a folder that this process can write to."
    if not root.is_dir():
        yield error(f"The folder for working copies, {root}, does not exist.", setting)
        return
    try:
        with workspace.workspace() as made:
            (made / "trial").write_bytes(bytes(TRIAL))
    except OSError as fault:
        why = errno.errorcode.get(fault.errno or 0, type(fault).__name__)
        fix = FULL if fault.errno in (errno.ENOSPC, errno.EDQUOT) else setting
        yield error(f"Nothing can be written to {root}: {why}.", f"{fix.rstrip('.')}.")
        return
    yield from _space()


def _space() -> Iterator[Observation]:
    free, root = shutil.disk_usage(workspace.root()).free, workspace.root()
    largest = max((profile.max_bytes for profile in registered()), default=0)
    said_free = f"{root} has {free // MB:,} MB free"
    fix = f"{FULL}, or point RINDLE['TEMP_DIR'] elsewhere."
    if free < largest:
        yield error(
            f"{said_free}; the largest file that a profile takes has {largest // MB:,} MB.", fix
        )
    elif free < COPIES * largest:
        yield warn(
            f"{said_free}; one job may need {COPIES * largest // MB:,} MB "
            f"({COPIES} times the largest max_bytes).",
            fix,
        )
    else:
        yield ok(f"{said_free}.")


def leftovers() -> Iterator[Observation]:
    left = sum(1 for _ in workspace.abandoned(2 * max(3600.0, config().LEASE * 2)))
    if left:
        yield warn(
            f"{said(left, 'working copy')} of killed work left in {workspace.root()}.",
            "Run rindle_reconcile on this machine, which sweeps them.",
        )
