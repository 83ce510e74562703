"""What the documentation shows can be typed in as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.checks import run_checks

from rindle_django import Profile
from rindle_django.profiles import registered, unregister

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def examples(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_example_is_python__P11(page: Path):
    for example in examples(page):
        compile(example, str(page), "exec")


@pytest.mark.parametrize(
    ("page", "names"),
    [("profiles.md", {"avatar", "document"}), ("audio-video.md", {"lecture"})],
)
def test_the_profiles_of_the_guides_pass_all_checks__P11(page: str, names: set[str]):
    before = set(registered())
    declared: list[type[Profile]] = []
    said: dict[str, object] = {}  # one example builds on another
    try:
        for example in examples(REPOSITORY / "docs" / "how-to" / page):
            exec(compile(example, page, "exec"), said)
        declared = [profile for profile in registered() if profile not in before]
        assert {profile.name for profile in declared} == names
        assert [each for each in run_checks() if each.obj in declared] == []
    finally:
        for profile in declared:
            unregister(profile)
