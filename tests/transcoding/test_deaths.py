"""An attempt at an output of several files is killed at each boundary that it crosses, each time
anew; what comes after makes it whole."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections

from rindle_django import discard
from rindle_django.models import Asset, ProcessingRun, StoredObject, Variant
from rindle_django.operations.invariants import violations
from rindle_django.operations.reconcile import reconcile
from rindle_django.processing import process_variant
from rindle_django.testing import drain_jobs
from tests.durability.boundaries import Boundary, watched
from tests.jobs.queue import forget_jobs, grace_passes
from tests.kit import files_in, fresh, ledger_keys, variant_states
from tests.media.decoders import wait_until
from tests.transcoding.clips import filmed
from tests.transcoding.processes import decoders_of, transcoders, working_copies

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60
# What only repeats: each conversation with a decoder is like the first, and crosses nothing
# lasting.
ONCE = ("decoder",)


def attempted(asset: Asset, at_boundary: Callable[[int, Boundary], None]) -> int:
    """An attempt in a process of its own, which calls ``at_boundary`` with the number of each that
    its working thread crosses; returns how the process ended."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        _attempt(asset, at_boundary)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert wait_until(lambda: not decoders_of(pid))
    return code


def _attempt(asset: Asset, at_boundary: Callable[[int, Boundary], None]) -> None:
    crossed: list[Boundary] = []

    def seen(boundary: Boundary) -> None:
        if threading.current_thread() is threading.main_thread():
            crossed.append(boundary)
            at_boundary(len(crossed), boundary)

    code = 1
    try:
        signal.alarm(PATIENCE)
        with watched(seen):
            process_variant(str(asset.pk), "stream")
        code = 0
    finally:
        os._exit(code)


def recorded(asset: Asset, diary: Path) -> list[tuple[int, str]]:
    """The boundaries of an attempt that nobody disturbs, by number."""

    def note(number: int, boundary: Boundary) -> None:
        with diary.open("a") as page:
            page.write(f"{number} {boundary.when} {boundary.name} {boundary.where}\n")

    assert attempted(asset, note) == 0
    lines = diary.read_text().splitlines()
    return [(int(number), rest) for number, rest in (line.split(" ", 1) for line in lines)]


def chosen(boundaries: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """What lasts is the same before one boundary and after the one before it."""
    seen: set[str] = set()
    found = []
    for number, what in boundaries:
        when, name, *_ = what.split(" ")
        again = name in ONCE and name in seen
        if not again and (when == "after" or number == 1):
            found.append((number, what))
            seen.add(name)
    return found


def killed_at(asset: Asset, fatal: int) -> None:
    def die(number: int, _: Boundary) -> None:
        if number == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    assert attempted(asset, die) == -signal.SIGKILL


def recovered() -> None:
    for _ in range(4):
        grace_passes()
        reconcile()
        drain_jobs(early=True)


def one_set_of_objects(folder: Path) -> None:
    [variant] = Variant.objects.all()
    present = StoredObject.objects.filter(state="present", purpose="variant")
    mains = [each.pk for each in present if each.part_of_id is None]
    assert mains == [variant.object_id]
    assert {each.part_of_id for each in present if each.part_of_id} == {variant.object_id}
    assert files_in(folder) == ledger_keys("present")


def test_a_death_at_any_boundary_costs_nothing_but_time__W1_6_W1_8(
    stream: str, media_folder: Path, tmp_path: Path
):
    boundaries = recorded(filmed(stream), tmp_path / "diary")
    told = "\n".join(what for _, what in boundaries)
    for door in ("claim.claim", "storing._expect_parts", "publish.publish"):
        assert door in told
    assert told.count("after storage.put_file") > 2
    points = chosen(boundaries)
    assert len(points) > 8
    for number, what in points:
        _clear(media_folder)
        asset = filmed(stream)
        killed_at(asset, number)
        assert wait_until(lambda: not transcoders()), what
        recovered()
        assert variant_states(asset) == {"stream": "ready"}, what
        assert fresh(asset).state == "ready", what
        assert [str(each) for each in violations(at_rest=True, checksums=True)] == [], what
        assert working_copies() == [], what
        one_set_of_objects(media_folder)
        assert ProcessingRun.objects.filter(outcome="succeeded").count() == 1, what


def _clear(folder: Path) -> None:
    """Nothing is left of the one before."""
    for asset in Asset.objects.all():
        discard(asset.pk)
    recovered()
    forget_jobs()
    assert files_in(folder) == set()
