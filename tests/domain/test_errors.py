"""Codes are stable, each is raised by something, and no text sends anybody to what is not there."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path
from string import Formatter

import pytest
from django.apps import apps
from django.core.management import get_commands

import rindle_django
from rindle_django import errors
from rindle_django.conf import Config
from rindle_django.errors import (
    CODES,
    ContentRefused,
    Kind,
    Misconfigured,
    RequestRefused,
    RindleError,
    TransientFailure,
    classify,
    reason_code,
    reason_text,
)
from rindle_django.profiles import registered

PACKAGE = Path(rindle_django.__file__).parent
CLASSES: dict[Kind, type[RindleError]] = {
    Kind.REQUEST: RequestRefused,
    Kind.CONTENT: ContentRefused,
    Kind.TRANSIENT: TransientFailure,
    Kind.CONFIGURATION: Misconfigured,
}


def rendered(code: str) -> RindleError:
    params = {name: 1 for _, name, _, _ in Formatter().parse(CODES[code].text) if name}
    return CLASSES[CODES[code].kind](code, **params)


def written_in_source() -> str:
    files = [path for path in PACKAGE.rglob("*.py") if path.name != "errors.py"]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def raised_in_source() -> set[str]:
    """Every code that the package's own source names, outside of their table."""
    tree = ast.parse(written_in_source().replace("from __future__ import annotations", ""))
    constants = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # uploads.verify derives these two from the session's state.
    derived = {f"upload_{state}" for state in ("aborted", "expired")}
    return (constants & set(CODES)) | derived


def test_every_public_code_has_a_producer__C1():
    assert set(CODES) - raised_in_source() == set()


@pytest.mark.parametrize("code", CODES)
def test_every_error_can_be_said_and_has_a_fitting_status__C5(code: str):
    error = rendered(code)
    assert error.code == code
    assert str(error).endswith(".")
    assert "{" not in str(error)
    bounds = {Kind.REQUEST: (400, 499), Kind.CONTENT: (422, 422)}
    lowest, highest = bounds.get(error.kind, (500, 599))
    assert lowest <= error.status <= highest


@pytest.mark.parametrize("code", CODES)
def test_an_error_survives_the_way_from_the_decoders_process(code: str):
    error = rendered(code)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, again.params, str(again)) == (
        type(error),
        error.code,
        error.params,
        str(error),
    )


def test_a_class_takes_codes_of_its_own_kind_only():
    with pytest.raises(AssertionError):
        ContentRefused("storage_unavailable", alias="", operation="", detail="")


def test_no_text_names_a_command_or_setting_that_is_not_there__C6():
    texts = " ".join(entry.text for entry in CODES.values())
    commands = set(re.findall(r"rindle_[a-z_]+", texts)) - {"rindle_django"}
    assert commands <= set(get_commands())
    for setting in re.findall(r"RINDLE\[['\"](\w+)['\"]\]", texts):
        assert setting in Config.__annotations__
    for module in re.findall(r"rindle_django(?:\.\w+)+", texts):
        assert (PACKAGE.parent / (module.replace(".", "/") + ".py")).exists()


def test_the_reason_on_a_row_is_the_code_that_was_raised__C2():
    error = rendered("decoder_timeout")
    assert (reason_code(error), reason_text(error)) == ("decoder_timeout", str(error))


def test_a_foreign_errors_text_never_reaches_a_row__C2():
    error = ConnectionError("https://key:secret@host/")
    assert reason_code(error) == "unexpected"
    assert reason_text(error) == "builtins.ConnectionError"
    assert classify(error) is Kind.TRANSIENT


@pytest.mark.parametrize("code", CODES)
def test_one_function_decides_who_can_mend_an_error(code: str):
    assert classify(rendered(code)) is CODES[code].kind
    assert classify(errors.RequestRefused("object_missing")) is Kind.REQUEST


def test_profiles_are_found_in_media_modules_of_installed_apps_alone__C4():
    homes = {f"{config.name}.media" for config in apps.get_app_configs()}
    assert {profile.__module__ for profile in registered()} <= homes
