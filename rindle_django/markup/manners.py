"""What a template's author learns of a mistake, and what a visitor sees of it.

With DEBUG a mistake is an exception and a refusal is named in a comment. In production a page is
never broken for a picture: what cannot be shown is left out, and the log says why.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.template import TemplateSyntaxError
from django.utils.safestring import SafeString, mark_safe

from rindle_django.errors import RequestRefused, RindleError

logger = logging.getLogger(__name__)

NOTHING = SafeString("")


def complain(mistake: str) -> None:
    """Of what a template's author has to change."""
    if settings.DEBUG:
        raise TemplateSyntaxError(mistake)
    logger.error(mistake)


def left_out(tag: str, error: RindleError) -> SafeString:
    """What stands in the place of what may not, or cannot, be shown."""
    level = logging.INFO if isinstance(error, RequestRefused) else logging.ERROR
    logger.log(level, "{%% %s %%} shows nothing: %s", tag, error.code)
    if not settings.DEBUG:
        return NOTHING
    return mark_safe(f"<!-- rindle: {error.code} -->")  # noqa: S308 - codes are our own words
