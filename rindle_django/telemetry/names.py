"""Every span and every metric: names, units, labels and what they mean.

The instruments, the documentation's tables and the tests derive from these. Metrics that follow
from events have their labels: the required metadata, less what has no bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from rindle_django.events import EVENTS, Event

SCOPE = "rindle_django"
# Unbounded values never become labels: one time series an asset would sink any backend.
UNBOUNDED = frozenset({"key", "actor_subject", "asset_id", "variant_id", "session_id"})

# --- spans -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpanName:
    """``attributes`` are all that such a span may carry."""

    name: str
    covers: str
    attributes: tuple[str, ...]


ATTRIBUTES: dict[str, str] = {
    "rindle.asset_id": "id of the asset; what to search a trace by",
    "rindle.profile": "name of the profile",
    "rindle.variant": "name of the variant",
    "rindle.variants": "how many variants are made of one decoding, or published together",
    "rindle.attempt": "number of the try, from 1",
    "rindle.adapter": "name of the storage's adapter",
    "rindle.storage": "alias in STORAGES",
    "rindle.objects": "how many objects were deleted, or were to be",
    "rindle.kept": "how many objects the storage did not confirm as deleted",
    "rindle.operation": "what a decoder was asked for; `transcode` for FFmpeg",
    "rindle.reason": "code of a refusal that is nobody's fault but the requester's",
    "error.type": "code of the error; the span's status is then an error",
    "http.request.method": "method of the request",
    "http.response.status_code": "status of the response",
}
_ALWAYS = ("rindle.reason", "error.type")


def _span(name: str, covers: str, attributes: str = "") -> SpanName:
    names = tuple(f"rindle.{each}" for each in attributes.split())
    return SpanName(f"rindle.{name}", covers, (*names, *_ALWAYS))


def _request(view: str, covers: str) -> SpanName:
    http = ("http.request.method", "http.response.status_code")
    return SpanName(f"rindle.request.{view}", covers, (*http, *_ALWAYS))


def _storage(operation: str, covers: str) -> SpanName:
    return _span(f"storage.{operation}", covers, "adapter storage")


SPANS: dict[str, SpanName] = {
    span.name: span
    for span in (
        _request("begin", "request that begins an upload"),
        _request("sign", "request for another upload URL"),
        _request("verify", "request that says the bytes are there"),
        _request("abort", "request that gives an upload up"),
        _request("progress", "request for the state of an asset"),
        _request("events", "request for a stream of progress, until it begins"),
        _request("put", "request that sends the bytes to a file system"),
        _request("media", "request for a file, until its first byte is sent"),
        _request("manifest", "request for the text of a stream or storyboard, its links signed"),
        _span("initiate", "`initiate_upload`", "profile asset_id"),
        _span("sign", "`sign_upload`", "profile asset_id"),
        _span("upload", "`upload`, the bytes included"),
        _span("verify", "`verify_upload`", "profile asset_id"),
        _span("abort", "`abort_upload`", "profile asset_id"),
        _span("attach", "`attach`"),
        _span("detach", "`detach`, and what deleting an owner does"),
        _span("discard", "`discard`"),
        _span("requeue", "`requeue_variants`"),
        _span("cancel", "`cancel_processing`"),
        _span("promote", "one try to promote an asset", "profile asset_id attempt"),
        _span("process", "one job that makes variants", "profile asset_id variants"),
        _span("variant", "one try to make a variant", "profile variant attempt"),
        _span("publish", "making images that were stored what is served", "profile variants"),
        _span("decode", "waiting for the decoder process", "operation"),
        _span("purge", "deleting what is due of an asset", "asset_id objects kept"),
        _span("abort_incomplete_uploads", "a run of this maintenance task"),
        _span("cleanup_orphans", "a run of this maintenance task"),
        _span("reconcile", "a run of this maintenance task"),
        _storage("stat", "asking the storage for an object's length and type"),
        _storage("read_range", "reading a part of an object"),
        _storage("download", "reading an object whole"),
        _storage("open", "opening an object to serve it, without sending it"),
        _storage("put_file", "writing a file"),
        _storage("put_stream", "writing what is being received"),
        _storage("copy", "copying within the storage"),
        _storage("delete", "deleting objects and seeing that they are absent"),
        _storage("sweep_temp", "removing what killed writes left"),
        _storage("probe_capabilities", "trying what the storage can do"),
        _storage("other", "a call that only an adapter from elsewhere has"),
    )
}

# --- metrics -----------------------------------------------------------------------------------

COUNTER, HISTOGRAM, GAUGE = "counter", "histogram", "gauge"
SECONDS, MICROSECONDS = "s", "us"
# From what nobody notices to what somebody is woken for.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
BUCKETS: dict[str, tuple[float, ...]] = {
    SECONDS: _BUCKETS,
    MICROSECONDS: tuple(bound * 1_000_000 for bound in _BUCKETS),
}
"""Bounds of a histogram's buckets by its unit, given to the SDK as advice: a view overrules it."""

LABELS: dict[str, str] = {
    "adapter": "name of the storage's adapter",
    "check": "id of the check",
    "component": "part of the system that a check is about",
    "count": "name of what is counted",
    "dry_run": "whether nothing was changed",
    "from": "state before",
    "kind": "kind of media or of error",
    "mime": "content type",
    "mode": "`public` or `private`; for a refusal, what was asked for",
    "operation": "what was asked for",
    "outcome": "`ok`, or the code of the error; for a variant, how its run ended",
    "output_kind": "kind of media that is made",
    "preset": "name of the preset",
    "profile": "name of the profile",
    "queue": "name of the queue",
    "reason": "code of the reason; `other` for one that is not the library's",
    "result": "how it ended",
    "scope": "what a repair is about",
    "state": "state",
    "status": "status",
    "storage": "alias in STORAGES",
    "subject": "kind of row",
    "surface": "where the request came in",
    "task": "name of the task",
    "to": "state after",
    "variant": "name of the variant",
    "variant_name": "name of the variant",
    "view": "name of the view",
    "worker": "name of the maintenance task",
}


@dataclass(frozen=True)
class Metric:
    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def prometheus(self) -> str:
        """Its name in Prometheus; a histogram's series add ``_bucket``, ``_sum``, ``_count``."""
        unit = {SECONDS: "_seconds", MICROSECONDS: "_microseconds"}.get(self.unit, "")
        return self.name.replace(".", "_") + unit + ("_total" if self.kind == COUNTER else "")


def _metric(kind: str, name: str, unit: str, labels: str, meaning: str) -> Metric:
    return Metric(f"rindle.{name}", kind, unit, tuple(labels.split()), meaning)


@cache
def label_names(event: Event) -> tuple[str, ...]:
    return tuple(name for name in event.required if name not in UNBOUNDED)


TIMED_EVENTS = frozenset(
    {"rindle.repair.stop", "rindle.repair.exception"}
    | {"rindle.runtime.check.stop"}
    | {"rindle.media.transcode.stop", "rindle.media.transcode.exception"}
)
COUNTING_EVENTS = frozenset({"rindle.cleanup.run"})


def _of_event(event: Event) -> Iterator[Metric]:
    names = label_names(event)
    yield Metric(event.name, COUNTER, "{event}", names, event.emitted_when)
    if event.name in TIMED_EVENTS:
        meaning = f"how long it took: {event.emitted_when}"
        yield Metric(f"{event.name}.duration", HISTOGRAM, MICROSECONDS, names, meaning)
    if event.name in COUNTING_EVENTS:
        meaning = f"what was counted: {event.emitted_when}"
        yield Metric(f"{event.name}.counts", COUNTER, "{thing}", (*names, "count"), meaning)


_OF_EVENTS = tuple(metric for event in EVENTS.values() for metric in _of_event(event))
_OF_WORK = (
    _metric(
        COUNTER,
        "failures",
        "{row}",
        "subject profile reason",
        "assets quarantined and variants failed, by reason",
    ),
    _metric(
        COUNTER,
        "claim.lost",
        "{claim}",
        "subject",
        "claims of workers that died or fell silent, noticed when another takes the row over",
    ),
    _metric(
        HISTOGRAM,
        "request.duration",
        SECONDS,
        "view outcome",
        "time of requests; for `put` it is the client's",
    ),
    _metric(
        HISTOGRAM,
        "storage.duration",
        SECONDS,
        "adapter operation outcome",
        "time that calls to storages take",
    ),
    _metric(
        HISTOGRAM,
        "job.duration",
        SECONDS,
        "queue task outcome",
        "time that the library's jobs take",
    ),
    _metric(
        HISTOGRAM,
        "job.wait",
        SECONDS,
        "queue",
        "time from queueing to the claim, of first tries",
    ),
    _metric(
        HISTOGRAM,
        "variant.duration",
        SECONDS,
        "profile variant outcome",
        "time of each run that makes a variant",
    ),
    _metric(
        HISTOGRAM,
        "asset.time_to_ready",
        SECONDS,
        "profile",
        "time from the verified upload to `ready`, the first time that an asset is",
    ),
    _metric(
        HISTOGRAM,
        "purge.duration",
        SECONDS,
        "profile",
        "time from the request to delete an asset to the storage's confirmation of it all",
    ),
)
_OF_STATE = (
    _metric(
        GAUGE,
        "queue.jobs",
        "{job}",
        "queue status",
        "jobs that are due (`waiting`) and that workers are at (`doing`)",
    ),
    _metric(GAUGE, "queue.age", SECONDS, "queue", "how long the oldest due job has been waiting"),
    _metric(
        GAUGE,
        "overdue.rows",
        "{row}",
        "subject",
        "rows that the reconciler should have rung for",
    ),
    _metric(GAUGE, "overdue.age", SECONDS, "subject", "how late the most overdue row is"),
    _metric(GAUGE, "unfinished.assets", "{row}", "state", "assets that are on their way, by state"),
    _metric(GAUGE, "failed.variants", "{row}", "profile", "variants that are failed now"),
    _metric(
        GAUGE,
        "purge.objects",
        "{object}",
        "storage status",
        "objects to be deleted: `waiting`, or `kept` because the storage did not confirm",
    ),
    _metric(GAUGE, "uploads.expired", "{row}", "", "uploads whose time is over and not yet ended"),
    _metric(
        GAUGE,
        "schedule.age",
        SECONDS,
        "task",
        "time since the schedule last queued a maintenance task",
    ),
)

METRICS: dict[str, Metric] = {each.name: each for each in (*_OF_EVENTS, *_OF_WORK, *_OF_STATE)}
GAUGES: dict[str, Metric] = {each.name: each for each in _OF_STATE}
