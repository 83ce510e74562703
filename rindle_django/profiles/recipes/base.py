"""What all recipes have in common: a kind, the media they apply to, and a digest."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

# Raised when the same recipe starts to give different output; part of every digest (P6).
PIPELINE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What one variant shall look like. Equal recipes have equal digests, whatever they are called.

    ``kind`` is stored on the variant and decides its queue; ``sources`` are the kinds of asset that
    it is made of, ``needs_audio`` leaves out those that are silent. ``preset`` is the name that the
    recipe is told of by, and no part of what it makes.
    """

    kind: ClassVar[str]
    sources: ClassVar[frozenset[str]]
    needs_audio: ClassVar[bool] = False

    preset: str = field(default="custom", compare=False)

    @property
    @abstractmethod
    def content_type(self) -> str:
        """Of the output; of its main file where there are several."""

    def accepts(self, kind: str, *, has_audio: bool | None = None) -> bool:
        """Whether this variant is planned for an asset of ``kind`` (P7)."""
        return kind in self.sources and not (self.needs_audio and has_audio is False)

    def canonical(self) -> str:
        """Compact JSON, sorted keys, defaults spelled out: equal recipes give equal text."""
        told = asdict(self) | self.effective() | {"kind": self.kind}
        del told["preset"]
        # 60 and 60.0 are equal, but not as text.
        for name in (each.name for each in fields(self) if str(each.type).startswith("float")):
            told[name] = told[name] if told[name] is None else float(told[name])
        told["pipeline"] = PIPELINE_VERSION
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    def effective(self) -> dict[str, Any]:
        """The values of fields whose default follows from others."""
        return {}

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical text; stable across key order and Python versions."""
        import hashlib  # here: OpenSSL is large, and decoders never ask

        return hashlib.sha256(self.canonical().encode("ascii")).hexdigest()

    @abstractmethod
    def problems(self) -> Iterator[str]:
        """What is wrong with this recipe, each a sentence for a system check."""


def choice_problem(name: str, value: object, allowed: tuple[object, ...]) -> Iterator[str]:
    if value not in allowed:
        yield f"{name} must be one of {', '.join(map(str, allowed))}"


def range_problem(
    name: str, value: object, least: float, most: float, *, whole: bool = True
) -> Iterator[str]:
    """``value`` must be a number from ``least`` to ``most``; None is for who does not ask."""
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not least <= value <= most:  # type: ignore[operator]
        yield f"{name} must be a {'whole ' if whole else ''}number from {least} to {most}"
