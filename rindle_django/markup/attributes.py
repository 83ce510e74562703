"""HTML attributes: which names are let through, and how values are written.

Whatever is given, what is written parses back to the same names and values, and to no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from rindle_django.markup.manners import complain

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# What a page with a strict policy may not have, and what would run.
_REFUSED = re.compile(r"on.*|style|srcdoc|is|nonce|formaction|href|action")
# Computed here: one that is given would be a second of the name.
_COMPUTED = frozenset({"src", "srcset", "type", "data-thumbhash", "data-rindle-pending"})
# How something is delivered is nobody's business on the page (W5.2).
_OF_DELIVERY = frozenset(
    {"actor", "disposition", "download", "expires-in", "filename", "key", "local-route", "mime"}
    | {"request", "serve-stale", "stale-mode", "storage", "strict", "ttl"}
)
# Attributes whose values are words, where a bare name would mean nothing.
_TRUE_OR_FALSE = re.compile(r"aria-.*|contenteditable|draggable|spellcheck")

Values = Mapping[str, Any]


class Attributes(Mapping[str, str | bool]):
    """The attributes of one element. As text, a safe one that begins with a space."""

    def __init__(self, values: Values) -> None:
        written = {name: _written(name, value) for name, value in values.items()}
        self._values = {name: value for name, value in written.items() if value is not None}

    def __getitem__(self, name: str) -> str | bool:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __str__(self) -> SafeString:
        parts = [
            f" {name}" if value is True else f' {name}="{escape(value)}"'
            for name, value in self._values.items()
        ]
        return mark_safe("".join(parts))  # noqa: S308 - names are checked, values escaped

    __html__ = __str__


def accepted(given: Values) -> dict[str, Any]:
    """The attributes that a template's author may set, by the names that HTML has for them.

    ``data_id`` is ``data-id``, and ``class_`` is ``class`` where the word is taken. Complains of
    the others.
    """
    values = {}
    for name, value in given.items():
        plain = name.rstrip("_").replace("_", "-").lower()
        if problem := _problem(plain):
            complain(f"The attribute {name!r} is {problem}.")
        else:
            values[plain] = value
    return values


def _problem(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return "no name for an attribute"
    if name in _OF_DELIVERY:
        return "an option of delivery that this tag does not have"
    if name in _COMPUTED:
        return "set by the tag itself"
    return "not let through" if _REFUSED.fullmatch(name) else None


def _written(name: str, value: Any) -> str | bool | None:
    """None: not at all; True: the name alone."""
    if value is None:
        return None
    if isinstance(value, bool):
        if _TRUE_OR_FALSE.fullmatch(name):
            return str(value).lower()
        return value or None
    # What no HTML parser and no encoding would let pass as it is.
    return str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
