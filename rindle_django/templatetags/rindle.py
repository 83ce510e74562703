"""``{% picture %}``, ``{% video %}`` and ``{% audio %}`` for Django's templates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import template
from django.template.base import Node, Parser, Token
from django.utils.safestring import SafeString

from rindle_django.markup import FLAGS, html

register = template.Library()


@register.simple_tag(takes_context=True)
def picture(context: template.Context, shown: Any, *names: str, **options: Any) -> SafeString:
    """``{% picture asset "small" "large" sizes="50vw" alt="A heron" class="cover" %}``"""
    return _html("picture", context, shown, names, options)


@register.simple_tag(takes_context=True)
def video(context: template.Context, shown: Any, *names: str, **options: Any) -> SafeString:
    """``{% video asset poster="poster" storyboard=True loop %}``"""
    return _html("video", context, shown, names, options)


@register.simple_tag(takes_context=True)
def audio(context: template.Context, shown: Any, *names: str, **options: Any) -> SafeString:
    """``{% audio asset class="episode" %}``"""
    return _html("audio", context, shown, names, options)


def _html(
    tag: str, context: template.Context, shown: Any, names: tuple[str, ...], options: dict[str, Any]
) -> SafeString:
    return html(
        tag, shown, names, options, request=context.get("request"), write=partial(_write, context)
    )


def _write(context: template.Context, name: str, data: Any) -> str:
    assert context.template is not None
    found = context.template.engine.get_template(name)
    return found.render(context.new(data))


def _with_flags(compiled: Callable[[Parser, Token], Node]) -> Callable[[Parser, Token], Node]:
    """Lets a template write ``loop`` for ``loop=True``, as HTML does."""

    def compile_tag(parser: Parser, token: Token) -> Node:
        tag, *bits = token.split_contents()
        if "as" in bits[-2:-1]:
            bits, target = bits[:-2], bits[-2:]
        else:
            target = []
        bits = [f"{bit}=True" if bit in FLAGS else bit for bit in bits]
        token.contents = " ".join([tag, *bits, *target])
        return compiled(parser, token)

    return compile_tag


for _tag in ("picture", "video", "audio"):
    register.tags[_tag] = _with_flags(register.tags[_tag])
