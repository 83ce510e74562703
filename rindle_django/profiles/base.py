"""``Profile``: one declarative class for each kind of media a project takes in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, Protocol

from rindle_django.conf import config
from rindle_django.errors import Misconfigured, RequestRefused
from rindle_django.profiles.recipes import Recipe

KB = 1024
MB = 1024 * KB
GB = 1024 * MB

# Seconds that a signed URL lives at most on account of what it plays: S3 allows no more than seven
# days, windows included.
LONGEST_PLAY = 6 * 86_400


class Authorizer(Protocol):
    """Decides who may do what with a profile's assets, before anything is disclosed."""

    def authorize(self, actor: Any, action: str, asset: Any) -> bool:
        """Whether ``actor`` may 'upload' (then ``asset`` is None) or 'deliver' ``asset``."""


class Scanner(Protocol):
    """Looks at the frozen bytes before an asset is published."""

    def scan(self, path: Path) -> str | None:
        """None when clean, else the verdict. Raise any exception to have the scan retried."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How a profile's objects reach viewers. Private and signed unless ``public``.

    ``ttl`` is the least remaining life of a signed URL in seconds, besides the length of what it
    plays; None reads ``RINDLE["SIGNED_URL_TTL"]`` at call time (P8, W4.3). ``serve_stale`` keeps
    serving the old output of a changed recipe until the new one is ready, instead of the original.
    """

    public: bool = False
    ttl: int | None = None
    serve_stale: bool = True

    @property
    def effective_ttl(self) -> int:
        return self.ttl if self.ttl is not None else config().SIGNED_URL_TTL

    def life(self, ttl: int | None = None, *, duration_ms: int | None = None) -> int:
        """Least remaining life in seconds of a URL that is issued now.

        ``ttl`` can shorten it. What plays has its own length on top: a player asks for the last
        part of a film by the URL that it began with.
        """
        least = min(ttl or self.effective_ttl, self.effective_ttl)
        return max(least, min(least + ceil((duration_ms or 0) / 1000), LONGEST_PLAY))

    @property
    def cache_control(self) -> str:
        """Stored with each object. Keys are never reused, so public ones may be kept for ever."""
        return "public, max-age=31536000, immutable" if self.public else "private, max-age=3600"


class Profile:
    """Subclass in an app's ``media.py``. ``name`` is stored on rows: keep it when renaming.

    ``content_types`` and ``extensions`` are allow-lists and may not be empty (X4); extensions
    follow from the content types where they are not given. ``max_bytes`` bounds the file,
    ``max_pixels`` width x height (all frames of an animation are bounded too), ``max_duration`` the
    seconds of audio and video.
    """

    name: ClassVar[str] = ""
    storage: ClassVar[str] = "default"
    content_types: ClassVar[Sequence[str]] = ("image/jpeg", "image/png", "image/webp")
    extensions: ClassVar[Sequence[str]] = ()
    max_bytes: ClassVar[int] = 25 * MB
    max_pixels: ClassVar[int | None] = None
    max_duration: ClassVar[float | None] = None
    variants: ClassVar[Mapping[str, Recipe]] = {}
    delivery: ClassVar[Delivery] = Delivery()
    anonymous_uploads: ClassVar[bool] = False
    scanner: ClassVar[Scanner | None] = None
    authorizer: ClassVar[Authorizer | None] = None

    def __init_subclass__(cls, *, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.abstract = abstract
        if not abstract:
            register(cls)

    abstract: ClassVar[bool] = True

    @classmethod
    def recipe(cls, variant: str) -> Recipe:
        """The recipe of ``variant``. Raises RequestRefused("unknown_variant")."""
        try:
            return cls.variants[variant]
        except KeyError:
            raise RequestRefused("unknown_variant", profile=cls.name, variant=variant) from None

    @classmethod
    def variants_for(cls, kind: str, *, has_audio: bool | None = None) -> dict[str, Recipe]:
        """The variants that apply to an asset of ``kind``, by name (P7)."""
        return {
            name: recipe
            for name, recipe in sorted(cls.variants.items())
            if recipe.accepts(kind, has_audio=has_audio)
        }

    @classmethod
    def pixel_limit(cls) -> int:
        return cls.max_pixels if cls.max_pixels is not None else config().MAX_PIXELS

    @classmethod
    def duration_limit(cls) -> float:
        return cls.max_duration if cls.max_duration is not None else config().MAX_DURATION

    @classmethod
    def authorize(cls, actor: Any, action: str, asset: Any = None) -> None:
        """Ask the authorizer, if there is one. Raises RequestRefused("not_allowed")."""
        if cls.authorizer is not None and not cls.authorizer.authorize(actor, action, asset):
            raise RequestRefused("not_allowed", action=action)


_registry: dict[str, type[Profile]] = {}
_clashes: list[tuple[type[Profile], type[Profile]]] = []


def register(profile: type[Profile]) -> None:
    """Make ``profile`` known by its name. A second class of one name is kept for the checks."""
    known = _registry.get(profile.name)
    same = known and (known.__module__, known.__qualname__) == (
        profile.__module__,
        profile.__qualname__,
    )
    if known is not None and not same:
        _clashes.append((known, profile))
        return
    _registry[profile.name] = profile


def unregister(profile: type[Profile]) -> None:
    """Forget ``profile``, for tests that declare their own."""
    if _registry.get(profile.name) is profile:
        del _registry[profile.name]
    _clashes[:] = [pair for pair in _clashes if profile not in pair]


def registered() -> tuple[type[Profile], ...]:
    return tuple(_registry.values())


def clashes() -> tuple[tuple[type[Profile], type[Profile]], ...]:
    return tuple(_clashes)


def get_profile(profile: str | type[Profile]) -> type[Profile]:
    """The profile a caller asks for. Raises RequestRefused("unknown_profile")."""
    name = profile if isinstance(profile, str) else profile.name
    try:
        return _registry[name]
    except KeyError:
        raise RequestRefused("unknown_profile", profile=name) from None


def chosen(names: str | Collection[str] | None) -> tuple[type[Profile], ...]:
    """The profiles of these names, or all of them for None. Raises
    RequestRefused("unknown_profile")."""
    if names is None:
        return registered()
    return tuple(get_profile(name) for name in ([names] if isinstance(names, str) else names))


def profile_of_row(name: str) -> type[Profile]:
    """The profile that a row names. Raises Misconfigured("profile_gone") (D11, U25)."""
    try:
        return _registry[name]
    except KeyError:
        raise Misconfigured("profile_gone", profile=name) from None
