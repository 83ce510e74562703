"""The table of pairs is complete, and every test that it names is there."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from tests.races import PAIRS

WANTED = """
verify x verify, verify x expire, verify x cleanup, promote x promote, process x process,
process x cancel, process x replace, process x recipe change, process x purge, attach x attach,
attach x purge, detach x detach, erase x erase, regenerate x purge, reconcile x live work,
late put x expiry, late put x cleanup, purge x purge, purge x late write
"""


def test_no_pair_is_missing():
    assert set(PAIRS) == {pair.strip().replace("\n", " ") for pair in WANTED.split(",")}


@pytest.mark.parametrize("pair", PAIRS)
def test_every_pair_is_tried_by_tests_that_exist(pair: str):
    assert PAIRS[pair]
    for module, function in PAIRS[pair]:
        assert inspect.isfunction(getattr(import_module(module), function, None)), function


def test_every_race_of_this_folder_is_in_the_table():
    named = {name for names in PAIRS.values() for name in names}
    for module in ("test_co_owners", "test_late_bytes", "test_purging", "test_working"):
        name = f"tests.races.{module}"
        tests = {each for each in vars(import_module(name)) if each.startswith("test_")}
        assert {(name, each) for each in tests} <= named
