"""A scan's course: broken off by anything, gone on with by the next run, held by one at a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from rindle_django.models import StorageScan
from rindle_django.operations.verify import VerifyReport, compare
from rindle_django.storage.folder import Folder
from tests.verify_storage.scene import (
    all_rows,
    gallery,
    key_of_ours,
    keys_in,
    lost,
    sighted,
    stray,
    unchanged,
    variant,
    verify,
)

pytestmark = pytest.mark.django_db(transaction=True)


def scan() -> StorageScan:
    return StorageScan.objects.get()


def in_order(*keys: str) -> list[str]:
    return sorted(keys, key=str.encode)


# --- step by step ------------------------------------------------------------------------------


def test_a_run_stops_at_its_limit_and_the_next_goes_on():
    gallery()
    strays = in_order(*(stray() for _ in range(9)))
    seen: list[int] = []
    for _ in range(20):
        report = verify(limit=3)
        seen.append(report.keys_listed)
        assert report.keys_listed <= 3
        assert report.objects_deleted == 0
        if report.storages_finished:
            break
    assert sum(seen) == 13
    assert scan().run == 1
    assert scan().counts["orphan"] == 9
    assert sighted("orphan") == set(strays)

    while not (report := verify(limit=4)).storages_finished:
        pass
    assert (scan().run, report.objects_deleted) == (2, 9)
    assert keys_in().isdisjoint(strays)


def test_nothing_is_done_before_the_end_of_the_second_scan():
    gallery()
    orphan = stray()
    verify()
    verify(limit=4)
    assert (scan().run, scan().finished_at) == (2, None)
    assert orphan in keys_in()


def test_a_limit_of_nothing_does_nothing():
    gallery()
    with unchanged():
        assert verify(limit=0).storages_unfinished == 1


def test_from_start_begins_another_run():
    gallery()
    stray()
    verify(limit=2)
    report = verify(from_start=True)
    assert (report.keys_listed, scan().run) == (5, 2)


def test_a_dry_run_leaves_a_scan_under_way_where_it_is():
    gallery()
    stray()
    verify(limit=2)
    with unchanged():
        assert verify(dry_run=True).keys_listed == 5


# --- broken off --------------------------------------------------------------------------------

KILLED = """
import os, signal
import django
django.setup()
from rindle_django.operations.verify import Rules, verify_storage
from rindle_django.operations.verify.{module} import {owner} as owner

step, wanted = owner.{method}, {after}

def die(self, *args, **kwargs):
    global wanted
    answer = step(self, *args, **kwargs)
    wanted -= 1
    if not wanted:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

owner.{method} = die
from rindle_django.operations.verify import compare
compare.PAGE = 3
from django.conf import settings
verify_storage(dry_run=False, storage="default", rules=Rules(min_age=0, apart=0))
"""


def killed(media_folder: Path, module: str, owner: str, method: str, after: int = 1) -> None:
    """A run in a process of its own, killed right after that step."""
    script = KILLED.format(module=module, owner=owner, method=method, after=after)
    where = connection.settings_dict
    settings = (
        "from tests.settings import *\n"
        f"DATABASES['default']['NAME'] = {where['NAME']!r}\n"
        f"STORAGES['default']['OPTIONS']['location'] = {str(media_folder)!r}\n"
    )
    place = media_folder.parent / "killed_settings.py"
    place.write_text(settings)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "killed_settings",
            "PYTHONPATH": f"{place.parent}:{Path(__file__).parents[2]}",
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_is_killed_is_gone_on_with(media_folder: Path, after: int):
    gallery()
    strays = {stray() for _ in range(6)}
    killed(media_folder, "course", "Course", "advance", after)
    assert 0 < len(scan().cursor) < 200
    assert scan().counts["keys"] == 3 * after

    report = verify()
    assert report.keys_listed == 10 - 3 * after
    assert (scan().run, scan().counts["keys"]) == (1, 10)
    assert sighted() == strays


@pytest.mark.parametrize(
    ("module", "owner", "method"),
    [("course", "Course", "advance"), ("course", "Course", "forget_unseen")],
)
def test_a_second_run_that_is_killed_is_gone_on_with_too(
    media_folder: Path, module: str, owner: str, method: str
):
    gallery()
    strays = {stray() for _ in range(6)}
    verify()
    killed(media_folder, module, owner, method)
    assert scan().finished_at is None

    verify()
    assert scan().run == 2
    assert keys_in().isdisjoint(strays)


def test_a_listing_that_is_cut_off_keeps_what_was_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compare, "PAGE", 2)
    gallery()
    strays = in_order(*(stray() for _ in range(6)))
    listed = Folder.listed

    def cut(self: Folder, after: str, operation: str):
        for number, found in enumerate(listed(self, after, operation)):
            if number == 5:
                raise self._unavailable(operation, "cut")
            yield found

    monkeypatch.setattr(Folder, "listed", cut)
    report = verify()
    assert (report.storages_unknown, report.failures, report.keys_listed) == (1, 1, 4)
    assert (scan().counts["keys"], scan().finished_at) == (4, None)

    monkeypatch.setattr(Folder, "listed", listed)
    assert verify().keys_listed == 6
    assert sighted() == set(strays)


# --- a storage that does not answer ------------------------------------------------------------


def test_a_volume_that_is_not_there_changes_nothing(media_folder: Path):
    [asset] = gallery()
    lost(variant(asset).object)
    stray()
    verify()
    shutil.rmtree(media_folder)
    with unchanged():
        report = verify(regenerate_missing=True, rules={"max_share": 1})
        assert (report.storages_unknown, report.failures) == (1, 1)


def test_a_listing_out_of_order_is_no_listing(monkeypatch: pytest.MonkeyPatch):
    gallery(2)
    listed = Folder.listed
    monkeypatch.setattr(Folder, "listed", lambda self, *args: iter(list(listed(self, *args))[::-1]))
    with unchanged():
        assert verify(rules={"max_share": 1}).storages_unknown == 1


def test_a_run_does_not_touch_what_it_has_nothing_to_do_with():
    gallery(2)
    before = all_rows()
    verify()
    after = all_rows()
    for name in ("Asset", "Variant", "StoredObject", "Transition", "UploadSession"):
        assert before[name] == after[name]


# --- two at once -------------------------------------------------------------------------------


def test_a_run_that_was_overtaken_stops(monkeypatch: pytest.MonkeyPatch):
    """The second begins while the first is in the midst of it, and does it all."""
    gallery()
    strays = {stray() for _ in range(6)}
    verify()
    monkeypatch.setattr(compare, "PAGE", 2)
    looked_up = compare._looked_up
    reports: list[VerifyReport] = []
    turn = iter([verify])

    def meanwhile(alias: str, page: compare.Page) -> compare.Page:
        if page.cursor != "":
            reports.extend(begin() for begin in turn)
        return looked_up(alias, page)

    monkeypatch.setattr(compare, "_looked_up", meanwhile)
    first = verify()

    [second] = reports
    assert (first.storages_unfinished, first.objects_deleted) == (1, 0)
    assert (second.storages_finished, second.objects_deleted) == (1, 6)
    assert keys_in().isdisjoint(strays)


def test_of_two_first_runs_one_stops(monkeypatch: pytest.MonkeyPatch):
    gallery()
    looked_up = compare._looked_up
    reports: list[VerifyReport] = []
    turn = iter([verify])

    def meanwhile(alias: str, page: compare.Page) -> compare.Page:
        reports.extend(begin() for begin in turn)
        return looked_up(alias, page)

    monkeypatch.setattr(compare, "_looked_up", meanwhile)
    first = verify()
    assert (first.storages_unfinished, reports[0].storages_finished) == (1, 1)
    assert scan().run == 1


def test_keys_of_any_shape_are_gone_on_from(media_folder: Path):
    """One key at a time, over names that sort around the slash."""
    gallery()
    asset = key_of_ours().split("/")[2]
    for name in ("-", ".", "/", "0", "ä"):
        path = media_folder / "variants" / f"{asset}{name}x"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    total = verify(dry_run=True).keys_listed
    counted = 0
    while not (report := verify(limit=1)).storages_finished:
        counted += report.keys_listed
    assert counted + report.keys_listed == total
