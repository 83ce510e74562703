"""The texts of streams and storyboards, with the URL of each file that they name in its place.

They are stored with the bare names of the files beside them, as a public bucket needs them. In
private every name has to become a URL, signed when the text is read: who was given the text may
read what it names, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from rindle_django.delivery.issue import may_be_shown
from rindle_django.delivery.served import served_objects
from rindle_django.errors import RequestRefused
from rindle_django.models import StoredObject
from rindle_django.storage import adapter_for
from rindle_django.storage.disposition import content_disposition
from rindle_django.storage.tokens import ManifestGrant, manifest_token, view_url

PLAYLIST, CUES = "application/vnd.apple.mpegurl", "text/vtt"
# Bytes. Four hours in segments of a second are less than a half of it.
MAX_MANIFEST = 4 << 20

_URI_ATTRIBUTE = re.compile(r'(?<=[:,]URI=")([^"]*)(?=")')
_REGION = re.compile(r"(\S+)(#xywh=[0-9,]+)")


@dataclass(frozen=True)
class Manifest:
    text: str
    content_type: str


def read_manifest(grant: ManifestGrant) -> Manifest:
    """The text that ``grant`` is for, to be read by a player.

    Raises RequestRefused("media_not_found") for what was taken back, what is no such text, and a
    text that names anything but the files of its own output.
    """
    stored = served_objects().filter(storage=grant.alias, key=grant.key).first()
    if stored is None or stored.content_type not in REWRITERS:
        raise RequestRefused("media_not_found")
    rewrite = REWRITERS[stored.content_type]
    return Manifest(rewrite(_text(stored), _Links(grant, stored)), stored.content_type)


def _text(stored: StoredObject) -> str:
    try:
        found = adapter_for(stored.storage).read_range(stored.key, 0, MAX_MANIFEST + 1)
        if len(found) > MAX_MANIFEST:
            raise RequestRefused("media_not_found")
        return found.decode()
    except UnicodeDecodeError:
        raise RequestRefused("media_not_found") from None
    except RequestRefused as refusal:  # the ledger has it, the storage does not (W4.11)
        raise RequestRefused("media_not_found") from refusal


class _Links:
    """URLs of the files beside ``stored``, by their names; each is signed once."""

    def __init__(self, grant: ManifestGrant, stored: StoredObject) -> None:
        self._grant = grant
        self._main = stored.part_of_id or stored.pk
        self._issued: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """Raises RequestRefused("media_not_found") for what is not a file of this output."""
        if name not in self._parts:
            raise RequestRefused("media_not_found")
        if name not in self._issued:
            self._issued[name] = self._link(self._parts[name])
        return self._issued[name]

    @cached_property
    def _parts(self) -> Mapping[str, StoredObject]:
        parts = served_objects().filter(part_of=self._main, storage=self._grant.alias)
        return {part.key.rsplit("/", 1)[-1]: part for part in parts}

    def _link(self, part: StoredObject) -> str:
        grant = self._grant
        if part.content_type in REWRITERS:
            # Ends with the text that it stands in: who was given one link has no more time by it.
            token = manifest_token(
                part.storage,
                part.key,
                life=grant.life,
                subject=grant.subject,
                expires=grant.expires,
            )
            return view_url("manifest", token)
        return adapter_for(part.storage).sign_get(
            part.key,
            content_type=part.content_type,
            disposition=content_disposition(None, attachment=not may_be_shown(part.content_type)),
            ttl=grant.life,
            subject=grant.subject,
        )


# --- the two kinds of text ---------------------------------------------------------------------

Links = Callable[[str], str]


def _playlist(text: str, link: Links) -> str:
    """HLS: a line is a tag, whose attribute ``URI`` names a file, or names one itself."""
    return "\n".join(_playlist_line(line, link) for line in text.splitlines()) + "\n"


def _playlist_line(line: str, link: Links) -> str:
    if line.startswith("#"):
        return _URI_ATTRIBUTE.sub(lambda found: link(found[1]), line)
    return link(line.strip()) if line.strip() else line


def _cues(text: str, link: Links) -> str:
    """WebVTT: the text of a cue is a name and the region of that picture."""
    return "\n".join(_cue_line(line, link) for line in text.splitlines()) + "\n"


def _cue_line(line: str, link: Links) -> str:
    found = _REGION.fullmatch(line.strip())
    return f"{link(found[1])}{found[2]}" if found else line


REWRITERS: Mapping[str, Callable[[str, Links], str]] = {PLAYLIST: _playlist, CUES: _cues}
