"""Markup: what pages show of an asset, as plain data, and the HTML of it.

The data is computed from rows alone; templates ``rindle/picture.html``, ``rindle/video.html`` and
``rindle/audio.html`` write it down, and a project may have its own.
"""

from rindle_django.markup.attributes import Attributes
from rindle_django.markup.picture import Picture
from rindle_django.markup.player import Player
from rindle_django.markup.tags import FLAGS, TAGS, built_in, html, template_of

__all__ = [
    "FLAGS",
    "TAGS",
    "Attributes",
    "Picture",
    "Player",
    "built_in",
    "html",
    "template_of",
]
