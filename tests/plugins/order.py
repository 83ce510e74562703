"""The files that take longest go first: started last, one of them would be waited for alone.

Measured, not guessed; ``--durations`` says when it is time to do so again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LONGEST = (
    "durability/faults/test_s3.py",
    "verify_storage/test_s3.py",
    "browser/test_console.py",
    "jobs/test_stalled.py",
    "storage/test_contract.py",
    "browser/test_gallery_video.py",
    "browser/test_gallery.py",
    "storage/test_s3_batches.py",
    "durability/crashpoints/test_crashpoints.py",
    "transcoding/test_killed_workers.py",
    "durability/chaos/test_chaos.py",
    "av/test_probe_hostile.py",
    "media/test_hostile.py",
    "storage/test_s3_outage.py",
    "durability/faults/test_clock.py",
)
_PLACES = {TESTS / path: place for place, path in enumerate(LONGEST)}
assert all(path.exists() for path in _PLACES), "a file of LONGEST has gone"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _PLACES.get(item.path, len(LONGEST)))
