"""Whatever is given: what is written parses back to the same, and breaks no page."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.template import TemplateSyntaxError
from django.utils.translation import gettext_lazy
from hypothesis import example, given, strategies as st
from pytest_django import Settings

from rindle_django.markup import Attributes
from rindle_django.markup.attributes import accepted
from tests.markup.exhibits import read

NAMES = st.one_of(
    st.text(max_size=12),
    st.from_regex(r"[a-z_]{1,8}(-[a-z]{1,4})?", fullmatch=True),
    st.sampled_from(["class", "class_", "data_id", "aria-label", "onload", "ONCLICK", "style"]),
)
VALUES = st.one_of(
    st.text(), st.characters(), st.booleans(), st.none(), st.integers(), st.floats(), st.binary()
)


def parsed(values: Mapping[str, object]) -> dict[str, str | None]:
    return read(f"<img{Attributes(accepted(values))}>").attributes


@given(st.dictionaries(NAMES, VALUES, max_size=6))
@example({"alt": '"><script>alert(1)</script>', "class": "a&b'c", "data_x": "\0\ud800"})
def test_any_names_and_values_parse_back_and_never_raise__W5_6(values: dict[str, object]):
    kept = accepted(values)
    assert not [name for name in kept if name.startswith("on") or name in ("style", "srcdoc")]
    found = parsed(values)
    assert set(found) <= set(kept)
    for name, value in kept.items():
        if value is None or (value is False and not name.startswith("aria-")):
            assert name not in found
        elif isinstance(value, str) and "\0" not in value and value.isprintable():
            assert found[name] == value
        elif value is True and name in found:
            assert found[name] in (None, "true")


@pytest.mark.parametrize(
    "name",
    [
        "onclick",
        "",
        "1a",
        "-a",
        "a=b",
        "a/b",
        "xlink:href",
        "@click",
        "actor",
        "expires_in",
        "OnLoad",
        "on_error",
        "style",
        "srcdoc",
        "src",
        "srcset",
        "x y",
        "a>b",
        'q"',
        "é",
    ],
)
def test_a_name_that_is_not_let_through__W5_6(name: str, settings: Settings):
    assert parsed({name: "x"}) == {}
    settings.DEBUG = True
    with pytest.raises(TemplateSyntaxError):
        accepted({name: "x"})


def test_names_are_written_as_html_has_them():
    assert parsed({"data_id": 7, "class_": "a", "aria_label": "b", "fetchpriority": "high"}) == {
        "data-id": "7",
        "class": "a",
        "aria-label": "b",
        "fetchpriority": "high",
    }


def test_truth_is_a_bare_name_or_the_word_that_it_has_to_be():
    values = {"muted": True, "loop": False, "id": None, "aria_hidden": True, "draggable": False}
    assert parsed(values) == {"muted": None, "aria-hidden": "true", "draggable": "false"}


def test_values_are_escaped_even_where_a_template_escapes_nothing():
    assert str(Attributes({"alt": "<&\"'>"})) == ' alt="&lt;&amp;&quot;&#x27;&gt;"'
    assert parsed({"alt": gettext_lazy("asset")}) == {"alt": "asset"}
