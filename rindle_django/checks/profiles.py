"""System checks of profiles: whether what they declare can work, here and at all."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning as Caution

from rindle_django.errors import RindleError
from rindle_django.media.av.ffmpeg import find_ffmpeg
from rindle_django.media.av.needs import inspectable, is_media, needs_transcoder
from rindle_django.media.images import decodable
from rindle_django.media.types import MEDIA_TYPES, canonical
from rindle_django.profiles import Profile, clashes, registered
from rindle_django.storage import adapter_for


def declared() -> Iterator[CheckMessage]:
    for kept, refused in clashes():
        yield Error(
            f"{refused.__module__}.{refused.__qualname__} and {kept.__module__}."
            f"{kept.__qualname__} are both named {kept.name!r}.",
            hint="Give each profile a name of its own; names are stored on rows.",
            obj=refused,
            id="rindle.E020",
        )
    for profile in registered():
        yield from _one_profile(profile)


def _one_profile(profile: type[Profile]) -> Iterator[CheckMessage]:
    for problem, hint, number in _profile_problems(profile):
        yield Error(f"{profile.__qualname__}: {problem}", hint=hint, obj=profile, id=number)
    for content_type in profile.content_types:
        media_type = MEDIA_TYPES.get(canonical(content_type))
        missing = _missing_decoder(media_type.mime) if media_type else None
        if missing:
            yield Caution(
                f"{profile.__qualname__} takes {content_type}, which cannot be decoded here.",
                hint=missing,
                obj=profile,
                id="rindle.W003",
            )
    kinds = {MEDIA_TYPES[each].kind for each in _known_types(profile)}
    for name, recipe in profile.variants.items():
        if kinds and kinds.isdisjoint(recipe.sources):
            yield Caution(
                f"{profile.__qualname__}: variant {name!r} is made of nothing that it takes.",
                hint=f"It is made of {' and '.join(sorted(recipe.sources))}: see content_types.",
                obj=profile,
                id="rindle.W014",
            )


def _known_types(profile: type[Profile]) -> set[str]:
    return {canonical(each) for each in profile.content_types} & set(MEDIA_TYPES)


def _missing_decoder(mime: str) -> str | None:
    """What to do about it, if files of this type cannot be looked into here."""
    if is_media(mime):
        return inspectable(mime)
    return decodable(mime) if MEDIA_TYPES[mime].kind == "image" else None


def transcoder() -> Iterator[CheckMessage]:
    making = [profile.__qualname__ for profile in registered() if needs_transcoder(profile)]
    if not making:
        return
    try:
        find_ffmpeg()
    except RindleError as error:
        yield Caution(
            f"{', '.join(making)} make something of audio or video, and FFmpeg is not there.",
            hint=str(error),
            id="rindle.W013",
        )


def _profile_problems(profile: type[Profile]) -> Iterator[tuple[str, str, str]]:
    if not profile.name or not isinstance(profile.name, str):
        yield "it has no name.", "Set name = '…'; it is stored on rows.", "rindle.E021"
    if not profile.content_types:
        yield "content_types is empty.", "List what is accepted.", "rindle.E022"
    for content_type in profile.content_types:
        if canonical(content_type) not in MEDIA_TYPES:
            known = ", ".join(sorted(MEDIA_TYPES))
            yield f"{content_type!r} is of no known type.", f"Known: {known}.", "rindle.E022"
    for field in ("max_bytes", "max_pixels"):
        value = getattr(profile, field)
        if value is not None and (isinstance(value, bool) or value < 1):
            yield f"{field} is {value!r}.", "Give a positive whole number.", "rindle.E023"
    longest = profile.max_duration
    if longest is not None and (isinstance(longest, bool) or not longest > 0):
        yield f"max_duration is {longest!r}.", "Give a positive number of seconds.", "rindle.E023"
    for name, recipe in profile.variants.items():
        for problem in recipe.problems():
            hint = f"See {type(recipe).__name__}."
            yield f"variant {name!r}: {problem}.", hint, "rindle.E024"
    yield from _storage_problems(profile)
    yield from _hook_problems(profile)


def _storage_problems(profile: type[Profile]) -> Iterator[tuple[str, str, str]]:
    try:
        capabilities = adapter_for(profile.storage).capabilities
    except RindleError as error:
        yield str(error), "See STORAGES in your settings.", "rindle.E025"
        return
    if not profile.delivery.public and not capabilities.signed_get:
        yield (
            f"storage {profile.storage!r} cannot sign URLs.",
            "Use another storage or Delivery(public=True).",
            "rindle.E026",
        )
    if profile.delivery.public and not capabilities.public_url:
        yield (
            f"storage {profile.storage!r} has no public URL.",
            "Set base_url or custom_domain, or keep delivery private.",
            "rindle.E026",
        )


def _hook_problems(profile: type[Profile]) -> Iterator[tuple[str, str, str]]:
    for hook, method in (("scanner", "scan"), ("authorizer", "authorize")):
        value = getattr(profile, hook)
        if isinstance(value, type) or (value is not None and not hasattr(value, method)):
            yield (
                f"{hook} must be an object with a method {method}().",
                f"Give an instance, as in {hook} = My{hook.title()}().",
                "rindle.E027",
            )


def open_uploads() -> Iterator[CheckMessage]:
    for profile in registered():
        if profile.anonymous_uploads and profile.authorizer is None:
            yield Caution(
                f"{profile.__qualname__} takes uploads from anybody.",
                hint="Give it an authorizer, or set anonymous_uploads = False.",
                obj=profile,
                id="rindle.W010",
            )
