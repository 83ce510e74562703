"""File names in a header: whole in every script, and never more than a name."""

from __future__ import annotations

import unicodedata
from email.message import Message

import pytest
from django.utils.http import parse_header_parameters
from hypothesis import example, given, strategies as st

from rindle_django.storage import content_disposition
from rindle_django.storage.disposition import MAX_NAME_BYTES, safe_name

NASTY = st.text(
    alphabet=st.sampled_from("ab.ä№😀 \"\\/%*;='\r\n\0\t\u202e\u2066\ud800\u0301,<>")
) | (st.text())


def parsed(header: str) -> tuple[str, str | None]:
    """As others read it: Django's parser of headers, where the extended name wins."""
    kind, parameters = parse_header_parameters(header)
    return kind, parameters.get("filename")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("photo.jpg", 'attachment; filename="photo.jpg"'),
        ("two words.jpg", 'attachment; filename="two words.jpg"'),
        (
            "Straße.jpg",
            "attachment; filename=\"Stra_e.jpg\"; filename*=UTF-8''Stra%C3%9Fe.jpg",
        ),
        (
            "写真.jpg",
            "attachment; filename=\"download.jpg\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.jpg",
        ),
        ("写真", "attachment; filename=\"download\"; filename*=UTF-8''%E5%86%99%E7%9C%9F"),
        (
            'a"b\\c%41.jpg',
            "attachment; filename=\"a_b_c_41.jpg\"; filename*=UTF-8''a%22b_c%2541.jpg",
        ),
        ("../../etc/passwd", 'attachment; filename="_.._etc_passwd"'),
        ("<1>.jpg", "attachment; filename=\"_1_.jpg\"; filename*=UTF-8''%3C1%3E.jpg"),
        ("C:\\temp\\x.jpg", 'attachment; filename="C:_temp_x.jpg"'),
        ("a\r\nSet-Cookie: b=c", 'attachment; filename="aSet-Cookie: b=c"'),
        ("a\0.jpg", 'attachment; filename="a.jpg"'),
        (".htaccess", 'attachment; filename="htaccess"'),
        ("gpj.\u202eexe.jpg", 'attachment; filename="gpj.exe.jpg"'),
        ("", "attachment"),
        (None, "attachment"),
        ("...", "attachment"),
        (" \u202e\n", "attachment"),
    ],
)
def test_names_come_through__W4_10(name, header):
    assert content_disposition(name, attachment=True) == header


def test_a_file_is_shown_or_saved():
    assert content_disposition("a.jpg", attachment=False) == 'inline; filename="a.jpg"'
    assert content_disposition(None, attachment=False) == "inline"


@given(NASTY)
@example("a" * 300 + ".jpg")
@example("é" * 300 + ".jpg")
@example("😀" * 300)
def test_whatever_it_is_called_it_is_one_name_in_one_header__S16(name):
    header = content_disposition(name, attachment=True)

    assert header.isascii()
    assert header.isprintable()
    kind, read = parsed(header)
    assert kind == "attachment"
    assert (read or "") == safe_name(name)


@given(NASTY)
@example("<>")
@example("<ä>")
def test_the_standard_library_reads_the_same_name(name):
    header = content_disposition(name, attachment=True)
    extended = header.partition("; filename*=")[2]
    message = Message()
    message["Content-Disposition"] = f"attachment; filename*={extended}" if extended else header

    assert (message.get_filename() or "") == safe_name(name)


@given(NASTY)
def test_the_quoted_name_stays_in_its_quotes(name):
    header = content_disposition(name, attachment=True)

    quoted = header.partition("; filename*=")[0].removeprefix("attachment")
    if quoted:
        inner = quoted.removeprefix('; filename="').removesuffix('"')
        assert f'; filename="{inner}"' == quoted
        assert not set('"\\%') & set(inner)
        assert inner


@given(NASTY)
@example("a\u202e\u0301")
def test_a_safe_name_is_safe_and_stays_the_same(name):
    safe = safe_name(name)

    assert safe_name(safe) == safe
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not set("/\\\r\n\0") & set(safe)
    assert not safe.startswith((".", " "))
    assert not safe.endswith((".", " "))


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=40))
def test_letters_and_digits_of_every_script_stay__W4_10(name):
    assert safe_name(name) == unicodedata.normalize("NFC", name)


def test_a_long_name_keeps_its_extension():
    safe = safe_name("é" * 300 + ".jpeg")

    assert safe.endswith("é.jpeg")
    assert len(safe.encode()) in {MAX_NAME_BYTES - 1, MAX_NAME_BYTES}
