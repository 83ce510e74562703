"""Files: containment, durability, and what is left when a writer is killed."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.urls import resolve

from rindle_django.errors import Misconfigured, RequestRefused, RindleError, TransientFailure
from rindle_django.storage import adapter_for
from rindle_django.storage.tokens import read_get, read_put
from tests.storage.contract import BODY, CALLS, KEY, OTHER, put, read

TOUCHING = ["stat", "read_range", "download", "put_file", "put_stream", "copy_from", "copy_to"]


def tree(folder: Path) -> list[str]:
    """Every file below ``folder``."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- containment -------------------------------------------------------------------------------


@pytest.mark.parametrize("call", TOUCHING)
def test_a_link_leads_nowhere__W4_8(files, tmp_path, call):
    """Neither a linked file nor a linked folder, even to a place within."""
    outside = tmp_path / "media-private"  # begins as the folder of media does
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    put(files)
    (tmp_path / "file").write_bytes(BODY)
    root = tmp_path / "media"
    (root / "linked-file").symlink_to(outside / "secret")
    (root / "linked-folder").symlink_to(outside)
    (root / "linked-within").symlink_to(root / "incoming")

    for key in ("linked-file", "linked-folder/secret", "linked-folder/new", "linked-within/x"):
        with pytest.raises(Misconfigured, match="is not a storage key"):
            CALLS[call](files, key, tmp_path / "file")
        assert files.delete([key]).failed == {key: "bad_key"}

    assert tree(outside) == ["secret"]
    assert (outside / "secret").read_bytes() == b"secret"


def test_the_folder_itself_may_be_a_link(store, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    store(
        {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "linked"},
        }
    )

    put(adapter_for("store"))

    assert tree(tmp_path / "real") == [KEY]


def test_a_folder_is_no_object__S14(files):
    put(files, "a/b/c")

    assert files.stat("a/b") is None
    with pytest.raises(RequestRefused) as refusal:
        files.read_range("a/b", 0, 1)
    assert refusal.value.code == "object_missing"
    assert files.delete(["a/b"]).confirmed.keys() == {"a/b"}
    assert read(files, "a/b/c") == BODY
    assert files.stat("a/b/c/d") is None


def test_neither_pipe_nor_device_is_an_object(files, tmp_path):
    os.mkfifo(tmp_path / "media" / "pipe")

    assert files.stat("pipe") is None
    with pytest.raises(RequestRefused):
        files.open("pipe")  # and does not wait for a writer


# --- durability --------------------------------------------------------------------------------


def test_bytes_are_on_disk_before_they_have_a_name__S4(files, monkeypatch):
    steps: list[str] = []
    sync, link = os.fsync, os.link

    def spied_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("sync folder" if is_folder else "sync file")
        sync(descriptor)

    def spied_link(*args: Any, **kwargs: Any) -> None:
        steps.append("name")
        link(*args, **kwargs)

    put(files, "incoming/asset/first")  # the folders exist from here on
    monkeypatch.setattr(os, "fsync", spied_sync)
    monkeypatch.setattr(os, "link", spied_link)

    put(files, "incoming/asset/second")
    assert steps == ["sync file", "name", "sync folder"]

    steps.clear()
    files.copy("incoming/asset/second", "incoming/asset/third", content_type="a/b")
    assert steps == ["name", "sync folder"]


WRITER = """
import sys, time, django
from django.conf import settings
settings.configure(STORAGES={"store": {
    "BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": sys.argv[1]}
}})
django.setup()
from rindle_django.storage import adapter_for

def chunks():
    yield b"x" * 100_000
    print("half way", flush=True)
    time.sleep(60)

adapter_for("store").put_stream(
    sys.argv[2], chunks(), length=None, content_type="a/b", limit=1 << 20
)
"""


def test_a_writer_that_is_killed_leaves_no_torn_file__row_3(files, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "media"), KEY], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half way\n"
        writer.send_signal(signal.SIGKILL)

    assert files.stat(KEY) is None
    [left] = tree(tmp_path / "media")
    assert left.startswith(".rindle-tmp/rindle-")

    assert files.sweep_temp(3600) == 0  # it may still be being written
    assert files.sweep_temp(0) == 1
    assert tree(tmp_path / "media") == []
    put(files)  # under the very name it was meant to have
    assert read(files) == BODY


def test_a_sweep_takes_only_what_is_old_and_our_own(files, tmp_path):
    put(files)
    temp = tmp_path / "media" / ".rindle-tmp"
    long_ago = time.time() - 7200
    for name, age in {
        f"rindle-{'a' * 32}.part": long_ago,
        f"rindle-{'b' * 32}.part": time.time(),
        "notes.txt": long_ago,
        f"rindle-{'c' * 32}.part.bak": long_ago,
    }.items():
        (temp / name).touch()
        os.utime(temp / name, (age, age))

    assert files.sweep_temp(3600) == 1
    assert f".rindle-tmp/rindle-{'a' * 32}.part" not in tree(tmp_path / "media")
    assert len(tree(tmp_path / "media")) == 4


def test_nothing_unfinished_is_left_by_any_failure(files, tmp_path):
    put(files)
    for terms in ({"length": 1}, {"limit": 1}, {"sha256": "0" * 64}):
        declared = {"length": None, "limit": 1 << 20, **terms}
        with pytest.raises(RindleError):
            files.put_stream(OTHER, [BODY], content_type="a/b", **declared)
    with pytest.raises(RequestRefused):
        put(files)

    assert tree(tmp_path / "media") == [KEY]


def test_a_full_disk_is_transient_and_leaves_nothing__row_18(files, tmp_path):
    """The limit on a file's size stands for the disk's: the kernel refuses the same write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(TransientFailure) as failure:
            put(files, body=b"x" * 60_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert failure.value.params["detail"] == "EFBIG"
    assert tree(tmp_path / "media") == []


@pytest.mark.parametrize("why", [errno.EXDEV, errno.EMLINK, errno.EPERM])
def test_a_copy_that_cannot_be_a_link_is_a_file(files, tmp_path, monkeypatch, why):
    put(files)
    link = os.link

    def refuse_between_objects(source: Path, target: Path, **kwargs: Any) -> None:
        if ".rindle-tmp" not in str(source):
            raise OSError(why, os.strerror(why))
        link(source, target, **kwargs)

    monkeypatch.setattr(os, "link", refuse_between_objects)

    assert files.copy(KEY, OTHER, content_type="a/b").size == len(BODY)
    assert read(files, OTHER) == BODY
    assert files.path_of(OTHER).stat().st_nlink == 1
    assert tree(tmp_path / "media") == [KEY, OTHER]


def test_a_copy_takes_no_room(files):
    put(files)

    files.copy(KEY, OTHER, content_type="a/b")

    assert files.path_of(KEY).samefile(files.path_of(OTHER))


def test_a_copy_does_not_take_a_key_that_is_taken(files):
    put(files)
    put(files, OTHER, b"another")

    with pytest.raises(RequestRefused) as refusal:
        files.copy(KEY, OTHER, content_type="a/b")

    assert refusal.value.code == "object_exists"
    assert read(files, OTHER) == b"another"


def test_a_volume_that_is_not_mounted_is_not_empty__row_16(files, tmp_path):
    put(files)
    (tmp_path / "media").rename(tmp_path / "elsewhere")

    for call in ("stat", "read_range", "copy_from"):
        with pytest.raises(TransientFailure):
            CALLS[call](files, KEY, tmp_path / "file")
    assert files.delete([KEY]).failed == {KEY: "storage_unavailable"}

    (tmp_path / "elsewhere").rename(tmp_path / "media")
    assert read(files) == BODY


def test_the_first_write_makes_the_folder(store, tmp_path):
    store(
        {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "not" / "yet"},
        }
    )

    put(adapter_for("store"))

    assert tree(tmp_path / "not" / "yet") == [KEY]


def test_permissions_are_those_of_the_storage(store, tmp_path):
    store(
        {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": tmp_path / "media",
                "file_permissions_mode": 0o640,
                "directory_permissions_mode": 0o750,
            },
        }
    )

    put(adapter_for("store"))

    path = tmp_path / "media" / KEY
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.parent.stat().st_mode & 0o777 == 0o750


# --- URLs --------------------------------------------------------------------------------------


def test_a_private_file_has_a_signed_url__W4_12(files):
    url = files.sign_get(KEY, content_type="image/png", disposition="inline", ttl=60)

    match = resolve(str(url))
    grant = read_get(match.kwargs["token"])
    assert match.view_name == "rindle:media"
    assert (grant.alias, grant.key) == ("store", KEY)
    assert (grant.content_type, grant.disposition) == ("image/png", "inline")
    assert 60 <= grant.expires - time.time() <= 90


def test_a_signed_put_carries_everything_that_was_declared__S7(files):
    request = files.sign_put(
        KEY, length=7, content_type="image/png", sha256="a" * 64, expires_in=60
    )

    match = resolve(str(request.url))
    grant = read_put(match.kwargs["token"])
    assert match.view_name == "rindle:put"
    assert request.method == "PUT"
    assert request.headers == {"Content-Type": "image/png"}
    assert (grant.alias, grant.key, grant.length) == ("store", KEY, 7)
    assert (grant.content_type, grant.sha256) == ("image/png", "a" * 64)
    assert 58 <= grant.expires - time.time() <= 60


@override_settings(ROOT_URLCONF="tests.storage.without_urls")
def test_urls_that_are_not_mounted_are_said_to_be_so(files):
    for sign in ("sign_get", "sign_put"):
        with pytest.raises(Misconfigured, match=r"rindle_django\.urls") as problem:
            CALLS[sign](files, KEY, Path())
        assert problem.value.code == "urls_not_mounted"


def test_a_public_url_is_the_storages_own(files):
    assert files.public_url(KEY) == f"/files/{KEY}"


@override_settings(MEDIA_URL="")
def test_without_media_url_there_is_no_public_url(store, tmp_path):
    store(
        {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
    )
    adapter = adapter_for("store")

    assert not adapter.capabilities.public_url
    with pytest.raises(Misconfigured) as problem:
        adapter.public_url(KEY)
    assert problem.value.code == "unsupported_by_storage"
