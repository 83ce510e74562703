"""Every operation of a file system fails in every way, at its first call, at a later one, and for
a while; the picture's life takes its course."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.faults import weather as kinds
from tests.durability.faults.life import become_ready, left_behind, receipts, whole_life, work_on
from tests.durability.faults.weather import Weather, outdoors
from tests.kit import files_in, fresh

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["outdoors"]

EVERYWHERE = ("refuse", "deny", "surprise")
FAULTS = {
    "put_stream": ("lose_the_answer", *EVERYWHERE),
    "stat": EVERYWHERE,
    "read_range": EVERYWHERE,
    "copy": ("lose_the_answer", *EVERYWHERE),
    "download": ("tear", "crawl", *EVERYWHERE),
    "put_file": ("lose_the_answer", "crawl", *EVERYWHERE),
    "delete": ("lose_the_answer", "keep_one", *EVERYWHERE),
}
# Spared calls and struck ones. What is called but once in a life has no second call to strike.
FIRST, SECOND, A_WHILE = (0, 1), (1, 1), (0, 3)
ONLY_ONCE = {"put_stream", "read_range", "copy", "put_file"}
PATTERNS = (A_WHILE, FIRST, SECOND)

CASES = [
    pytest.param(operation, fault, pattern, id=f"{operation}-{fault}-{pattern[0]}-{pattern[1]}")
    for row, (operation, faults) in enumerate(FAULTS.items())
    for column, fault in enumerate(faults)
    for pattern in [PATTERNS[(row + column) % (2 if operation in ONLY_ONCE else 3)]]
]


@pytest.mark.parametrize(("operation", "fault", "pattern"), CASES)
def test_weather_costs_nothing(outdoors, media_folder: Path, operation, fault, pattern):
    spared, times = pattern
    weather = outdoors(Weather(operation, getattr(kinds, fault), times=times, spared=spared))

    whole_life(weather.clear_up)

    assert weather.struck == times, "the fault never fired"
    assert files_in(media_folder) == set()
    assert receipts() == {"unlinked"}


@pytest.mark.parametrize(("operation", "spared"), [("stat", 1), ("delete", 1)])
def test_a_volume_that_is_away_for_a_while_costs_nothing__row_16(
    outdoors, media_folder: Path, operation, spared
):
    """Really away: the folder is somewhere else meanwhile. During promotion, and during purge."""
    calls: list[str] = []
    elsewhere = media_folder.with_name("elsewhere")

    def unmount(adapter, call):
        calls.append(operation)
        if len(calls) == 1:
            media_folder.rename(elsewhere)
        if len(calls) == 3:
            elsewhere.rename(media_folder)
        return call()

    weather = outdoors(Weather(operation, unmount, times=3, spared=spared))

    whole_life(weather.clear_up)

    assert calls == [operation] * 3
    assert files_in(media_folder) == set()


def test_the_judge_sees_what_is_left_behind(outdoors, media_folder: Path):
    """The judgement itself can fail: a file too many, a file too few, a verdict."""
    asset = become_ready()
    assert any("is ready" in fault for fault in left_behind())

    (media_folder / "variants" / "stray").mkdir(parents=True)
    (media_folder / "variants" / "stray" / "file").write_bytes(b"stray")
    original = fresh(asset).original
    assert original is not None
    (media_folder / original.key).unlink()
    faults = " ".join(left_behind())
    assert "all_in_ledger" in faults
    assert "present_exists" in faults
    with pytest.raises(AssertionError, match="never gets there"):
        work_on(lambda: False)
