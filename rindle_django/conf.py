"""The ``RINDLE`` setting: one declaration of every key, its default and what it means.

Values are read at call time and follow ``override_settings``; nothing is read at import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Literal

from django.conf import settings as django_settings
from django.core.signals import setting_changed


def _declare(default: Any, doc: str) -> Any:
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True)
class Config:
    """All settings. Durations are in seconds, sizes in bytes."""

    UPLOAD_TTL: int = _declare(3600, "How long an upload may take from start to verification.")
    SIGN_TTL: int = _declare(900, "Life of a signed upload URL, never beyond the upload's own end.")
    LATE_PUT_GRACE: int = _declare(
        3600,
        "How long after an upload's end a slow client may still be writing. Storage checks a "
        "signature when a request begins, so the staging key is swept only after this.",
    )
    SIGNED_URL_TTL: int = _declare(
        900, "Least remaining life of a signed delivery URL, unless a profile names its own."
    )
    S3_PUBLIC_ENDPOINT: str | None = _declare(
        None, "Origin that browsers use for S3, where it differs from the one servers use."
    )
    STORAGE_TIMEOUT: float = _declare(
        60.0, "How long one storage operation may take, apart from the bytes that it moves."
    )
    STORAGE_MIN_RATE: int = _declare(
        128 << 10,
        "Bytes per second below which moving an object is given up: with STORAGE_TIMEOUT the "
        "total deadline of an upload, download or copy.",
    )
    LEASE: int = _declare(
        45, "How long a worker may be silent before its work is taken over by another."
    )
    RECONCILE_GRACE: int = _declare(
        30, "How long a due job may be late before the reconciler rings for it again."
    )
    STALLED_AFTER: int = _declare(
        3600,
        "How long a job may run under a living worker, without a lease on its asset, before the "
        "reconciler marks it as failed. It affects the queue's tables alone.",
    )
    BACKOFF_BASE: float = _declare(2.0, "First wait between tries; doubled on each, with jitter.")
    BACKOFF_CAP: float = _declare(600.0, "Longest wait between tries.")
    ROUND_PAUSE: int = _declare(
        900, "Wait before a new round of tries where giving up would lose work (promotion, purge)."
    )
    QUARANTINE_TTL: int | None = _declare(
        7 * 86_400, "Age at which cleanup discards a quarantined asset; None keeps it for ever."
    )
    UNATTACHED_TTL: int | None = _declare(
        None, "Age at which cleanup discards an asset that nothing is attached to; None: never."
    )
    HISTORY_TTL: int | None = _declare(
        400 * 86_400,
        "Age at which cleanup drops the history of assets, attempts and repairs. Of what lives the "
        "last step before is kept; receipts and erasures are kept in any case. None: for ever.",
    )
    DELETE_AGAIN_AFTER: int | None = _declare(
        86_400,
        "After how long a deleted object is deleted once more, in case a worker that was given up "
        "for dead woke up and wrote it; None: never.",
    )
    SUPERSEDED_GRACE: int | None = _declare(
        None,
        "How long the former output of a variant is kept once a newer one is served, for URLs that "
        "were issued before; None: as long as such a URL may live, a day for public profiles.",
    )
    SENDFILE: Literal["x-accel-redirect", "x-sendfile"] | None = _declare(
        None,
        "Header by which the web server is told to send a private file of a file system itself: "
        "'x-accel-redirect' (nginx) or 'x-sendfile' (Apache, lighttpd); None: Django sends it.",
    )
    SENDFILE_PREFIX: str = _declare(
        "/rindle-internal/",
        "Path of nginx's internal location; below it are one for each alias in STORAGES.",
    )
    TEMP_DIR: str | None = _declare(None, "Folder for working copies; None: the system's.")
    MAX_PIXELS: int = _declare(50_000_000, "Pixels of one image, unless a profile says otherwise.")
    IMAGE_BACKEND: str | None = _declare(
        None, "'vips' or 'pillow'; None takes libvips where it can be imported."
    )
    DECODER_MEMORY: int = _declare(1536 << 20, "Address space of a decoder process.")
    DECODER_SECONDS: int = _declare(30, "Wall clock of one decoding.")
    FFMPEG: str | None = _declare(
        None,
        "Path of the ffmpeg program; None takes the one that imageio-ffmpeg brings, or else the "
        "one in PATH.",
    )
    MAX_DURATION: float = _declare(
        4 * 3600.0, "Seconds of one audio or video file, unless a profile says otherwise."
    )
    TRANSCODER_MEMORY: int = _declare(4096 << 20, "Address space of an ffmpeg process.")
    TRANSCODER_THREADS: int | None = _declare(
        None, "Threads of an ffmpeg process; None: as many as there are cores, but at most eight."
    )
    SHOWN_ORIGINAL_BYTES: int = _declare(
        2 << 20,
        "The largest original that the picture tag shows while no variant is ready; 0: none.",
    )
    SCHEDULES: dict[str, str | None] = _declare(  # noqa: RUF009
        {},
        "Cron line (UTC) of each maintenance task: 'abort_incomplete_uploads', 'cleanup_orphans', "
        "'sweep_temp_files', 'reconcile'. Reconcile runs every 10 seconds unless set; None turns a "
        "task off.",
    )
    GUARD_QUEUE_ADMIN: bool = _declare(
        False,
        "Whether Procrastinate's page of jobs in the admin is replaced by one that shows fewer "
        "columns and whose actions need a permission. Its own lets everybody who may view jobs "
        "retry and abort them.",
    )
    CLEANUP_DRY_RUN: bool = _declare(
        False, "Whether the scheduled cleanup only reports. It says so loudly on every run."
    )


def config() -> Config:
    """The settings in force. Unknown keys are an error of the system checks, not of this."""
    return _load()


@lru_cache(maxsize=1)
def _load() -> Config:
    known = {entry.name for entry in fields(Config)}
    return Config(**{name: value for name, value in raw().items() if name in known})


def raw() -> Mapping[str, Any]:
    """The ``RINDLE`` dict as the project wrote it."""
    value: Mapping[str, Any] = getattr(django_settings, "RINDLE", {})
    return value


def describe() -> Iterator[tuple[str, object, str]]:
    """Each setting's name, default and meaning, for checks and documentation."""
    defaults = Config()
    for entry in fields(Config):
        yield entry.name, getattr(defaults, entry.name), entry.metadata["doc"]


def database() -> str:
    """Alias of the one database that holds media rows and jobs.

    Every decision reads and writes there: a replica may lag, and jobs on another alias would
    survive a rollback.
    """
    return str(getattr(django_settings, "PROCRASTINATE_DATABASE_ALIAS", "default"))


def _reset(*, setting: str, **_: object) -> None:
    if setting == "RINDLE":
        _load.cache_clear()


setting_changed.connect(_reset, dispatch_uid="rindle.conf")
