"""Which adapter a storage alias gets.

The table names classes by their import path: a project without boto3 never imports it.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from threading import Lock

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from rindle_django.errors import Misconfigured
from rindle_django.storage.base import Adapter

ADAPTERS: dict[str, str] = {
    "django.core.files.storage.filesystem.FileSystemStorage": (
        "rindle_django.storage.filesystem.FileSystemAdapter"
    ),
    "storages.backends.s3.S3Storage": "rindle_django.storage.s3.S3Adapter",
}
"""Import path of a storage class to that of the adapter for it and its subclasses."""

DEPENDED_ON = frozenset({"STORAGES", "RINDLE", "MEDIA_ROOT", "MEDIA_URL"})

_adapters: dict[str, Adapter] = {}
_lock = Lock()


def register_adapter(storage_class: str, adapter_class: str) -> None:
    """Use ``adapter_class`` for storages of ``storage_class`` and its subclasses.

    Both are import paths; the most specific class wins. Call it from ``AppConfig.ready()``.
    """
    ADAPTERS[storage_class] = adapter_class
    reset()


def adapter_for(alias: str) -> Adapter:
    """The adapter of ``STORAGES[alias]``, the same one on every call.

    Raises Misconfigured: "unknown_storage", "unsupported_storage", "extra_missing".
    """
    if (known := _adapters.get(alias)) is not None:
        return known
    with _lock:
        if alias not in _adapters:
            _adapters[alias] = _build(alias)
        return _adapters[alias]


def reset() -> None:
    """Forget all adapters; the next call builds them from the settings in force."""
    global _lock
    _lock = Lock()  # a forked child must not wait for a thread that it does not have
    _adapters.clear()


def _build(alias: str) -> Adapter:
    storage = _storage(alias)
    for base in type(storage).__mro__:
        path = ADAPTERS.get(f"{base.__module__}.{base.__qualname__}")
        if path is not None:
            adapter_class: type[Adapter] = import_string(path)
            return adapter_class.for_storage(alias, storage)
    kind = f"{type(storage).__module__}.{type(storage).__qualname__}"
    raise Misconfigured("unsupported_storage", alias=alias, backend=kind)


def _storage(alias: str) -> Storage:
    if alias not in settings.STORAGES:
        raise Misconfigured("unknown_storage", alias=alias, by="the profile's 'storage'")
    try:
        return storages[alias]
    except (ImproperlyConfigured, InvalidStorageError):
        _explain_missing_extra(alias)
        raise


def _explain_missing_extra(alias: str) -> None:
    declared: dict[str, object] = settings.STORAGES[alias]  # type: ignore[assignment]
    backend = str(declared.get("BACKEND", ""))
    missing = not (_importable("boto3") and _importable("storages"))
    if missing and backend.startswith("storages.backends.s3"):
        raise Misconfigured(
            "extra_missing",
            feature=f"Storage {alias!r}",
            package="boto3 and django-storages",
            install="rindle-django[s3]",
        )


def _importable(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # a module that was taken out of sys.modules by hand
        return False


def _follow_settings(*, setting: str, **_: object) -> None:
    if setting in DEPENDED_ON:
        reset()


setting_changed.connect(_follow_settings, dispatch_uid="rindle.storage")
# Two processes must not share a socket: each would read the answers to the other's requests.
os.register_at_fork(after_in_child=reset)
