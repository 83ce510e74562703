"""Every verb that a text names can be typed in as it stands: the command is there, and takes what
it is given.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rindle_django.operations.explain import verbs as of_explain
from rindle_django.operations.status.kinds import KINDS
from tests.drill.naming import PACKAGE, commands, parser_of, texts

SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)
SPEAKING = [path for path in SOURCES if any(list(commands(text)) for text in texts(path))]


def parsed(argv: list[str]) -> dict[str, object]:
    return vars(parser_of(argv[0]).parse_args(argv[1:]))


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_command_that_is_named_takes_what_it_is_named_with(path: Path):
    for text in texts(path):
        for argv in commands(text):
            assert parsed(argv), text


def test_those_who_name_verbs_are_among_them():
    speaking = {
        str(path.relative_to(PACKAGE / "operations"))
        for path in SPEAKING
        if "operations" in path.parts
    }
    assert {
        "doctor/deep.py",
        "doctor/drift.py",
        "doctor/queues.py",
        "doctor/rows.py",
        "doctor/schedules.py",
        "doctor/storages.py",
        "doctor/temp.py",
        "explain/verbs.py",
        "status/kinds.py",
    } <= speaking


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.kind}-{kind.subject}-{kind.says}")
def test_a_verb_of_status_does_what_it_is_named_for(kind):
    """Not only in a dry run; what is read again tells what it finds in one, too."""
    for verb in (kind.verb, *kind.verbs.values()):
        named = list(commands(verb))
        assert named
        for argv in named:
            assert "reprobe" in argv or not parsed(argv).get("dry_run"), verb


def test_next_verbs_of_a_story_are_whole_commands():
    told = [
        text for name, text in vars(of_explain).items() if name.isupper() and isinstance(text, str)
    ]
    assert len(told) > 5
    for text in told:
        (argv,) = commands(text)
        assert len(argv) == len(text.split())
        assert parsed(argv)


@pytest.mark.parametrize(
    "text",
    [
        "Run rindle_repair requeue.",
        "rindle_reconcile --al",
        "rindle_doctr",
        "procrastinate worker --q",
    ],
)
def test_a_verb_that_cannot_be_run_is_noticed(text: str):
    (argv,) = commands(text)
    with pytest.raises((Exception, SystemExit)):
        parsed(argv)
