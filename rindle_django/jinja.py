"""``picture()``, ``video()`` and ``audio()`` for Jinja: the same HTML from the same data.

TEMPLATES = [{
    "BACKEND": "django.template.backends.jinja2.Jinja2",
    "OPTIONS": {"extensions": ["rindle_django.jinja.MediaExtension"]},
}]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from django.utils.safestring import SafeString
from jinja2 import Environment, Template, TemplateNotFound, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context

from rindle_django.markup import TAGS, built_in, html

__all__ = ["MediaExtension", "environment"]


class MediaExtension(Extension):
    """Adds the three functions. Templates of the project's own, ``rindle/picture.html`` and so on
    in a folder that Jinja loads from, take the place of ours."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update({tag: _function(tag) for tag in TAGS})


def environment(**options: Any) -> Environment:
    """An environment with the functions, for the ``environment`` option of Django's backend."""
    made = Environment(**{"autoescape": True} | options)  # noqa: S701 - on unless switched off
    made.add_extension(MediaExtension)
    return made


def _function(tag: str) -> Callable[..., SafeString]:
    @pass_context
    def write_tag(context: Context, shown: Any, *names: str, **options: Any) -> SafeString:
        write = partial(_write, context.environment, tag)
        return html(tag, shown, names, options, request=context.get("request"), write=write)

    return write_tag


def _write(environment: Environment, tag: str, name: str, data: Mapping[str, Any]) -> str:
    return _template(environment, tag, name).render(data)


def _template(environment: Environment, tag: str, name: str) -> Template:
    """The project's own, or ours: Jinja looks into other folders than the one that has it."""
    if environment.loader is not None:
        with suppress(TemplateNotFound):
            return environment.get_template(name)
    return environment.from_string(built_in(tag))
