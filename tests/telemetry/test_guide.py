"""What the guide shows works on what is really sent."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rindle_django import discard
from rindle_django.operations.cleanup import abort_incomplete_uploads, cleanup_orphans
from rindle_django.signals import cleanup_run, variant_state_change
from tests.kit import picture, ready, settle
from tests.storms import Sky

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "telemetry.md"


class Statsd:
    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()

    def incr(self, name: str, count: float = 1, tags: Any = ()) -> None:
        self.counts[name, *tags] += int(count)


@pytest.mark.django_db(transaction=True)
def test_the_receivers_of_the_guide_hear_of_every_error_of_every_run__C2_16(
    sky: Sky, caplog: pytest.LogCaptureFixture
):
    example = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)[0]
    statsd = Statsd()
    names: dict[str, Any] = {"statsd": statsd}
    exec(compile(example, "telemetry.md", "exec"), names)
    try:
        asset = ready(picture(64, 48))
        discard(asset.pk)
        settle(asset.pk)
        sky.break_down("delete")
        cleanup_orphans(dry_run=False)
        sky.clear_up()
        cleanup_orphans(dry_run=True)
        abort_incomplete_uploads()
    finally:
        variant_state_change.disconnect(names["count"])
        cleanup_run.disconnect(names["watch"])
    assert statsd.counts["variants", "photo", "ready"] == 3
    assert statsd.counts["cleanup_errors", "cleanup_orphans"] >= 4
    assert statsd.counts["cleanup_errors", "abort_incomplete_uploads"] == 0
    assert "raised" not in caplog.text
