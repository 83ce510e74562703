"""What is aimed at: every figure of the results table, by its stable key.

The table, ``results.json`` and the README derive from ``TARGETS``; a part of the benchmark hands in
samples by these keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Target:
    """``limit`` is None for a figure that is told for comparison only. A figure ``at_least`` its
    limit is good, or ``at_most``."""

    key: str
    part: str
    what: str
    unit: str = "×"
    sense: Literal["at_least", "at_most"] = "at_least"
    limit: float | None = None

    def met_by(self, value: float) -> bool:
        if self.limit is None:
            return True
        return value >= self.limit if self.sense == "at_least" else value <= self.limit


def _more(key: str, what: str, limit: float | None, unit: str = "×") -> Target:
    return Target(key, key.split(".")[0], what, unit, "at_least", limit)


def _less(key: str, what: str, limit: float | None, unit: str = "×") -> Target:
    return Target(key, key.split(".")[0], what, unit, "at_most", limit)


TARGETS: dict[str, Target] = {
    target.key: target
    for target in (
        _more("images.large.over_each", "12–20 MP: throughput ÷ libvips once a variant", 1.5),
        _more("images.large.over_chained", "12–20 MP: throughput ÷ libvips, one decode", 0.9),
        _more("images.large.over_best_peer", "12–20 MP: throughput ÷ best Django peer", 3.0),
        _more("images.small.over_chained", "1 MP: throughput ÷ libvips, one decode", 0.6),
        _more("images.small.over_best_peer", "1 MP: throughput ÷ best Django peer", 1.5),
        _more("images.ssim", "SSIM of chained against direct resizes, the worst", 0.98, ""),
        _less("latency.first_variant", "verify → first variant, 12 MP ÷ one libvips call", 2.5),
        _less("memory.peak", "peak memory of a 100 MP JPEG ÷ bare libvips", 1.3),
        _less("isolation.median", "what the decoder's own process adds to an image", 15.0, "ms"),
        _less("isolation.throughput", "what it takes of the throughput", 5.0, "%"),
        _less("verify.round_trips", "verify_upload: round trips to Postgres", 8.0, ""),
        _less("verify.time", "verify_upload ÷ one insert and one defer in a transaction", 3.0),
        _more("jobs.noop", "jobs a second that find nothing to do ÷ Procrastinate's", 0.5),
        _less("delivery.queries", "100 objects × 5 variants on a page: queries more", 1.0, ""),
        _less("delivery.queries_generic", "the same, two kinds of owners", 2.0, ""),
        _less("delivery.storage_calls", "the same: calls to the storage", 0.0, ""),
        _less("delivery.signing", "a signed S3 URL", 50.0, "µs"),
        _less("delivery.signing_boto3", "the same by boto3", None, "µs"),
        _more("delivery.cache_hits", "browser-cache hits on replay", 95.0, "%"),
        _more("rows.cleanup", "rindle_cleanup_orphans", 20_000.0, "rows/s"),
        _more("rows.abort", "rindle_abort_incomplete_uploads", 20_000.0, "rows/s"),
        _more("rows.reconcile", "reconcile", 20_000.0, "rows/s"),
        _less("rows.memory", "memory that the worst of these grows by", 64.0, "MB"),
        _more("purge.keys_a_call", "purge of 100,000 objects on S3: keys a delete call", 500.0, ""),
        _more("scaling.two", "throughput of two worker processes ÷ one", None),
        _more("scaling.four", "throughput of four ÷ one, on as many cores as there are", None),
        _more("scaling.slow_four", "the same, the storage answering 50 ms later", None),
        _less("transcode.overhead", "transcoding over the bare ffmpeg command line", 3.0, "%"),
        _less("profile.large", "12–20 MP: processors, all processes, a photo", None, "ms"),
        _less("profile.small", "1 MP: processors, all processes, a photo", None, "ms"),
    )
}
