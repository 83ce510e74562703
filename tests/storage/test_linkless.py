"""Where there are no hard links: a name is reserved, and what a killed writer leaves of that."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rindle_django.errors import RequestRefused, TransientFailure
from rindle_django.storage import folder as folders
from tests.storage.contract import BODY, KEY, OTHER, put, read
from tests.storage.linkless import without_links
from tests.storage.test_filesystem import tree

KILLED = """
import os, signal, sys, django
from django.conf import settings
settings.configure(STORAGES={"store": {
    "BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": sys.argv[1]}
}})
django.setup()
from rindle_django.storage import adapter_for
from tests.storage.linkless import forbid_links

rename = os.replace

def killed(*names):
    if sys.argv[3] == "after":
        rename(*names)
    os.kill(os.getpid(), signal.SIGKILL)

os.replace = killed
forbid_links()
body = bytes(range(256)) * 40
adapter_for("store").put_stream(
    sys.argv[2], [body], length=None, content_type="a/b", limit=1 << 20
)
"""


def killed_while_naming(media: Path, moment: str) -> None:
    """A writer that dies right before or right after the file gets its name."""
    command = [sys.executable, "-c", KILLED, str(media), KEY, moment]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9


def test_killed_before_the_name_it_leaves_nothing_to_read__row_3(files, tmp_path):
    killed_while_naming(tmp_path / "media", "before")

    assert files.stat(KEY) is None
    assert list(files.list_objects()) == []
    left = tree(tmp_path / "media")
    assert {Path(name).suffix for name in left} == {".name", ".part"}
    assert all(name.startswith(".rindle-tmp/rindle-") for name in left)

    assert files.sweep_temp(3600) == 0
    assert files.sweep_temp(0) == 2
    without_links(put, files)
    assert read(files) == BODY


def test_killed_after_the_name_it_leaves_a_whole_file__row_3(files, tmp_path):
    killed_while_naming(tmp_path / "media", "after")

    assert read(files) == BODY
    with pytest.raises(RequestRefused):
        without_links(put, files)
    assert files.sweep_temp(0) == 1
    assert files.delete([KEY]).confirmed == {KEY: "unlinked"}
    assert tree(tmp_path / "media") == []


def test_a_reservation_left_behind_is_weather_and_no_refusal(files, tmp_path, monkeypatch):
    """Nobody has stored anything there: the next try may, once it has been swept."""
    monkeypatch.setattr(folders, "RESERVATION_TRIES", 2)
    killed_while_naming(tmp_path / "media", "before")

    with pytest.raises(TransientFailure, match="another write"):
        without_links(put, files)

    without_links(put, files, OTHER)  # other names are free
    assert files.stat(KEY) is None


def test_a_file_is_never_seen_before_it_is_whole(files):
    """A reader that never stops looking sees no file or all of it, never an empty one."""
    seen, done = set[int | None](), threading.Event()

    def look() -> None:
        while not done.is_set():
            found = files.stat(KEY)
            seen.add(found.size if found else None)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for _ in range(50):
            without_links(put, files)
            files.delete([KEY])
    finally:
        done.set()
        reader.join()

    assert seen <= {None, len(BODY)}


def test_a_rename_that_fails_frees_the_name(files, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as weather:
        weather.setattr(os, "replace", full)
        with pytest.raises(TransientFailure, match="ENOSPC"):
            without_links(put, files)
    assert tree(tmp_path / "media") == []

    without_links(put, files)
    assert read(files) == BODY


@pytest.mark.parametrize("answer", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_cannot_be_synced_is_as_durable_as_it_gets(files, monkeypatch, answer):
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(answer, os.strerror(answer))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)

    put(files)
    assert read(files) == BODY


def test_a_disk_that_breaks_while_syncing_is_not_taken_for_such_a_folder(files, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)

    with pytest.raises(TransientFailure, match="EIO"):
        put(files)
