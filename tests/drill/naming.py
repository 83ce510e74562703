"""The commands that texts of the library name, found by reading its sources."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.apps import apps
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandParser

import rindle_django
from rindle_django.jobs import QUEUES

PACKAGE = Path(rindle_django.__file__).parent
# What stands for a value, and one that it may have.
VALUES = {
    "<asset>": str(UUID(int=1)),
    "{asset}": str(UUID(int=1)),
    "{identity}": str(UUID(int=1)),
    "{variant}": "thumb",
    "{name}": "thumb",
    "{queue}": "rindle_process",
    "{profile.name}": "photo",
    "{alias}": "default",
    "{state}": "stale",
}
NAME = re.compile(r"procrastinate worker|rindle_(?:\{name\}|\w+)")


def texts(path: Path) -> Iterator[str]:
    """All strings of a module, f-strings with what they insert in braces; without
    its SQL and docstrings."""
    for node in _strings(ast.parse(path.read_text())):
        text = _told(node)
        if "SELECT" not in text and " " in text:
            yield text


def _strings(tree: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.JoinedStr | ast.Constant):
            yield child
        elif not _is_docstring(child):
            yield from _strings(child)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _told(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(
        "{" + ast.unparse(each.value) + "}"
        if isinstance(each, ast.FormattedValue)
        else str(getattr(each, "value", ""))
        for each in node.values
    )


def commands(text: str) -> Iterator[list[str]]:
    """Each command in a text, with those of the words behind it that are its arguments."""
    for found in NAME.finditer(text):
        name = found[0].replace("rindle_{name}", "rindle_cleanup_orphans")
        if name not in _others():
            yield _with_arguments(name.split(), text[found.end() :])


def _others() -> set[str]:
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    return {*QUEUES, *tables, "rindle_django"} - set(get_commands())


def _with_arguments(argv: list[str], rest: str) -> list[str]:
    words = rest.split(" ")
    # A comma or the end of the sentence; or a name that the parsing itself will refuse.
    if words[0] or argv[0] not in get_commands():
        return argv
    parser, wants_value = parser_of(argv[0]), False
    for word in words[1:]:
        bare = word.rstrip(",.;:`\n")
        if bare.startswith("-"):
            wants_value = _takes_value(parser, bare)
        elif wants_value or bare in VALUES or bare in _choices(parser):
            wants_value = False
        else:
            break
        argv.append(VALUES.get(bare, bare))
        if bare != word:
            break
    return argv


def parser_of(name: str) -> CommandParser:
    """The real one. Raises KeyError for what is no command."""
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)


def _takes_value(parser: CommandParser, flag: str) -> bool:
    action = parser._option_string_actions.get(flag)
    return action is None or action.nargs != 0


def _choices(parser: CommandParser) -> set[str]:
    return {
        str(choice)
        for action in parser._get_positional_actions()
        if not isinstance(action, argparse._SubParsersAction)
        for choice in action.choices or ()
    }
