"""Which adapter an alias gets, and what is said where it gets none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage, storages

from rindle_django.errors import Misconfigured
from rindle_django.storage import Adapter, adapter_for, register_adapter
from rindle_django.storage.filesystem import FileSystemAdapter
from rindle_django.storage.registry import ADAPTERS
from rindle_django.storage.s3 import S3Adapter
from tests.storage.contract import KEY


class ProjectStorage(FileSystemStorage):
    """A project's own subclass."""


class ProjectAdapter(FileSystemAdapter):
    """An adapter from elsewhere."""

    @classmethod
    def for_storage(cls, alias: str, storage: Storage) -> Self:
        assert isinstance(storage, ProjectStorage)
        return cls(alias, storage)


PROJECT_STORAGE = {"BACKEND": "tests.storage.test_registry.ProjectStorage"}


def test_an_alias_has_one_adapter(files):
    assert adapter_for("store") is files
    assert files.alias == "store"
    assert files.name == "filesystem"
    assert adapter_for("default") is not files


def test_an_s3_storage_has_an_s3_adapter(s3_store, s3_server):
    adapter = s3_store(s3_server, "any")

    assert isinstance(adapter, S3Adapter)
    assert adapter.name == "s3"
    assert adapter.capabilities.batch_delete


def test_subclasses_are_known_by_their_base(store):
    store(PROJECT_STORAGE)

    assert type(adapter_for("store")) is FileSystemAdapter


def test_a_project_may_bring_its_own_adapter(store, monkeypatch):
    monkeypatch.setattr("rindle_django.storage.registry.ADAPTERS", dict(ADAPTERS))
    store(PROJECT_STORAGE)
    assert type(adapter_for("store")) is FileSystemAdapter

    register_adapter(
        "tests.storage.test_registry.ProjectStorage", "tests.storage.test_registry.ProjectAdapter"
    )

    assert type(adapter_for("store")) is ProjectAdapter
    assert type(adapter_for("default")) is FileSystemAdapter


def test_adapters_follow_the_settings(files, tmp_path, store):
    store(
        {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "elsewhere"},
        }
    )

    moved = adapter_for("store")

    assert isinstance(moved, FileSystemAdapter)
    assert moved.path_of(KEY) == tmp_path / "elsewhere" / KEY
    assert moved.storage is storages["store"]


def test_clients_reach_s3_where_the_settings_say(s3_store, s3_server, settings):
    link: dict[str, Any] = {"content_type": "a/b", "disposition": None, "ttl": 60}
    s3_store(s3_server, "any")

    settings.RINDLE = {"S3_PUBLIC_ENDPOINT": "https://media.example"}
    assert adapter_for("store").sign_get(KEY, **link).startswith("https://media.example/any/")

    settings.RINDLE = {}
    assert adapter_for("store").sign_get(KEY, **link).startswith(s3_server.url)


def test_an_unknown_alias_is_named():
    with pytest.raises(Misconfigured, match="'nowhere'") as problem:
        adapter_for("nowhere")

    assert problem.value.code == "unknown_storage"


def test_a_storage_without_adapter_is_named(store):
    store({"BACKEND": f"{InMemoryStorage.__module__}.InMemoryStorage"})

    with pytest.raises(Misconfigured, match="InMemoryStorage") as problem:
        adapter_for("store")

    assert problem.value.code == "unsupported_storage"


def test_a_backend_that_cannot_be_imported_is_djangos_to_explain(store):
    store({"BACKEND": "no.such.Storage"})

    with pytest.raises(Exception, match=r"no\.such"):
        adapter_for("store")


WITHOUT_BOTO = """
import sys
for name in ("boto3", "botocore", "storages", "urllib3"):
    sys.modules[name] = None
import django
from django.conf import settings
settings.configure(STORAGES={
    "files": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "s3": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": "b"}},
})
django.setup()
from rindle_django.storage import adapter_for
adapter_for("files")
try:
    adapter_for("s3")
except Exception as error:
    print(error.code, error)
"""


def test_without_the_extra_everything_else_works_and_it_is_named():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_BOTO],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout.startswith("extra_missing")
    assert "pip install 'rindle-django[s3]'" in done.stdout


def test_an_adapter_has_to_be_whole():
    class Partial(FileSystemAdapter):
        stat = Adapter.stat

    with pytest.raises(TypeError, match="stat"):
        Partial("store", FileSystemStorage())
