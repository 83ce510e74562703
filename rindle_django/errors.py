"""Every error the library raises, as a table of stable codes.

A code tells who can mend it: the requester, the owner of the bytes, time, or the operator. What
happens on each kind (refuse, quarantine, retry, alarm) is decided by those who catch, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """Who can mend an error, and so what is done about it."""

    REQUEST = "request"  # the caller asked for something that is not allowed or not there
    CONTENT = "content"  # a verdict on the bytes themselves: quarantine or fail, never retry
    TRANSIENT = "transient"  # nothing is known about the bytes: leave the state, try again
    CONFIGURATION = "configuration"  # an operator has to change something: fail loudly, no retry


@dataclass(frozen=True)
class Code:
    kind: Kind
    status: int
    text: str


def _request(text: str, status: int = 400) -> Code:
    return Code(Kind.REQUEST, status, text)


def _content(text: str, status: int = 422) -> Code:
    return Code(Kind.CONTENT, status, text)


def _transient(text: str, status: int = 503) -> Code:
    return Code(Kind.TRANSIENT, status, text)


def _configuration(text: str, status: int = 500) -> Code:
    return Code(Kind.CONFIGURATION, status, text)


CODES: dict[str, Code] = {
    # --- what a requester can mend -------------------------------------------------------------
    "unknown_profile": _request("No profile is registered under the name {profile!r}.", 404),
    "unknown_variant": _request("Profile {profile!r} declares no variant {variant!r}.", 404),
    "unknown_slot": _request("{owner} declares no media slot {slot!r}.", 404),
    "asset_not_found": _request("There is no such asset, or it is not yours.", 404),
    "session_not_found": _request("There is no such upload, or it is not yours.", 404),
    "not_allowed": _request("You are not allowed to {action} this.", 403),
    "ticket_invalid": _request("The upload ticket is not valid. Start the upload again.", 403),
    "ticket_expired": _request("The upload ticket has expired. Start the upload again.", 410),
    "ticket_used": _request("This ticket's upload is {state}; a ticket works once.", 409),
    "url_invalid": _request("The link is not valid.", 403),
    "url_expired": _request("The link has expired. Ask for a new one.", 410),
    "filename_invalid": _request("The file name is not usable: {why}."),
    "content_type_not_allowed": _request(
        "Files of type {content_type!r} are not accepted here; accepted: {allowed}.", 415
    ),
    "extension_not_allowed": _request(
        "Files named {extension!r} are not accepted here; accepted: {allowed}.", 415
    ),
    "length_invalid": _request("The declared length must be a positive whole number of bytes."),
    "checksum_invalid": _request("A checksum must be 64 hexadecimal digits of SHA-256."),
    "bytes_exceeded_upload": _request("The file is larger than the {limit:,} bytes allowed.", 413),
    "length_mismatch": _request(
        "{received} bytes arrived where {expected} were declared. Upload the file again.", 409
    ),
    "type_mismatch": _request(
        "The upload was declared as {expected!r} but sent as {received!r}.", 409
    ),
    "object_missing": _request("The file has not arrived yet. Upload it, then verify.", 409),
    "range_not_satisfiable": _request("The file has {size:,} bytes.", 416),
    "media_not_found": _request("There is nothing under this link any more.", 404),
    "object_exists": _request("This upload has already been received.", 409),
    "upload_expired": _request("The upload expired before it was completed. Start again.", 410),
    "upload_aborted": _request("The upload was aborted. Start again.", 409),
    "upload_failed": _request("The upload was refused: {reason}. Start again.", 409),
    "asset_not_attachable": _request("An asset that is {state} cannot be attached.", 409),
    "slot_profile_mismatch": _request(
        "Slot {slot!r} takes assets of profile {expected!r}, not {received!r}.", 409
    ),
    "slot_full": _request("Slot {slot!r} holds at most {limit}.", 409),
    "owner_unsaved": _request("Save the owner before you attach media to it."),
    "not_deliverable": _request("An asset that is {state} is not delivered.", 409),
    "not_playable": _request("There is nothing to play in a file of kind {kind!r}.", 409),
    "variant_not_requeueable": _request("A variant that is {state} cannot be requeued.", 409),
    "variant_not_cancellable": _request("A variant that is {state} cannot be cancelled.", 409),
    "asset_not_discardable": _request(
        "The asset is attached or deleted already. Detach it everywhere first.", 409
    ),
    "asset_not_quarantined": _request("An asset that is {state} is not in quarantine.", 409),
    "asset_not_verified": _request("An asset that is {state} has no verified original.", 409),
    "asset_changed": _request("The asset was changed while its original was read. Repeat it.", 409),
    "bytes_gone": _request("The bytes of this asset are gone; it can only be discarded.", 409),
    "owner_invalid": _request("{owner!r} names no owner, as app.model:key would: {why}."),
    "unknown_owner": _request(
        "There is no {owner!r}, nothing is attached to it, and it has uploaded nothing.", 404
    ),
    "too_many_owners": _request("{count} owners are more than the {limit} allowed at once."),
    "request_invalid": _request("The request is not understood: {why}."),
    "filter_invalid": _request("The filter {name} is not usable: {why}."),
    "unknown_check": _request("There is no check {check!r}; rindle_doctor --list names them.", 404),
    # --- verdicts on bytes ---------------------------------------------------------------------
    "empty_file": _content("The file is empty."),
    "type_unknown": _content("The content is of no known type."),
    "mime_not_allowed": _content("The content is {mime!r}, which the profile does not accept."),
    "extension_mismatch": _content("The name ends in {extension!r} but the content is {mime!r}."),
    "bytes_exceeded": _content("{size:,} bytes exceed the profile's limit of {limit:,}."),
    "content_length_mismatch": _content("{received} bytes are stored, {expected} were declared."),
    "checksum_mismatch": _content("The SHA-256 of the stored bytes is not the declared one."),
    "pixels_exceeded": _content("{pixels:,} pixels exceed the limit of {limit:,}."),
    "side_exceeded": _content("A side of {side:,} pixels exceeds the limit of {limit:,}."),
    "pages_exceeded": _content("{pages:,} frames or pages exceed the limit of {limit:,}."),
    "image_unreadable": _content("The image cannot be read: {detail}."),
    "image_truncated": _content("The image ends before its data does."),
    "decoder_killed": _content("The file made its decoder die ({signal})."),
    "decoder_timeout": _content("The file took longer than {seconds} s to decode."),
    "decoder_memory": _content("The file needs more than the {limit:,} bytes a decoder may use."),
    "media_unreadable": _content("The file cannot be read as audio or video: {detail}."),
    "media_truncated": _content("The file ends before its data does."),
    "nothing_to_play": _content("The file has neither sound nor moving pictures."),
    "duration_exceeded": _content("{seconds:,.0f} s exceed the limit of {limit:,.0f} s."),
    "tracks_exceeded": _content("{tracks} tracks exceed the limit of {limit}."),
    "audio_missing": _content("The file has no sound to make this of."),
    "video_missing": _content("The file has no moving pictures to make this of."),
    "transcode_failed": _content("The file could not be transcoded: {detail}."),
    "transcode_timeout": _content("The file took longer than {seconds:,.0f} s to transcode."),
    "transcode_memory": _content("The file needs more than the {limit:,} bytes ffmpeg may use."),
    "output_mismatch": _content("What was made is not what was asked for: {detail}."),
    "scanner_refused": _content("The scanner refused the file: {verdict}."),
    "source_altered": _content(
        "The original has other bytes than were verified. Restore the object, or discard the asset."
    ),
    "source_missing": _content(
        "The storage does not have the original. Restore the object, or discard the asset."
    ),
    # --- what time mends -----------------------------------------------------------------------
    "storage_unavailable": _transient("Storage {alias!r} did not answer {operation}: {detail}."),
    "decoder_unavailable": _transient("No decoder process could be started: {detail}."),
    "transcoder_stopped": _transient("ffmpeg was stopped from outside ({signal})."),
    "disk_full": _transient("{needed:,} bytes are needed in {folder}, {free:,} are free."),
    "scanner_unavailable": _transient("The scanner gave no verdict: {detail}."),
    "uploads_not_ended": _transient("{count} uploads could not be ended; the log says why."),
    # --- what an operator mends ----------------------------------------------------------------
    "unknown_storage": _configuration("STORAGES has no alias {alias!r}. Add it, or change {by}."),
    "unsupported_storage": _configuration(
        "Storage {alias!r} uses {backend}, which has no adapter. Use FileSystemStorage or "
        "S3Storage."
    ),
    "extra_missing": _configuration("{feature} needs {package}: pip install '{install}'."),
    "decoder_missing": _configuration("{mime} cannot be decoded here: {hint}."),
    "transcoder_missing": _configuration("Audio and video need FFmpeg: {hint}."),
    "events_need_asgi": _configuration(
        "Progress is streamed by an ASGI server only; ask for it from time to time instead.", 501
    ),
    "bad_key": _configuration("{key!r} is not a storage key."),
    "io_in_transaction": _configuration(
        "Storage call {operation!r} inside a database transaction. Call it outside atomic() "
        "(for a view: @transaction.non_atomic_requests)."
    ),
    "urls_not_mounted": _configuration(
        "No URL leads to rindle's {view!r} view. Add path('media/', "
        "include('rindle_django.urls')) to the root URLconf."
    ),
    "credentials_missing": _configuration(
        "Storage {alias!r} has no credentials to sign URLs with. Set access_key and secret_key in "
        "its OPTIONS, or give the process a role."
    ),
    "unsupported_by_storage": _configuration("Storage {alias!r} cannot {operation}."),
    "profile_gone": _configuration(
        "Profile {profile!r} has rows but is no longer registered. Register it again or purge them."
    ),
}


class RindleError(Exception):
    """Base of all errors. ``code`` is stable; ``str()`` says what to do and is safe to show."""

    kind: ClassVar[Kind]

    def __init__(self, code: str, **params: object) -> None:
        entry = CODES[code]
        assert entry.kind is self.kind, f"{code} is of kind {entry.kind}, not {self.kind}"
        self.code = code
        self.params = params
        self.status = entry.status
        super().__init__(entry.text.format(**params))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross a process boundary (the decoder child), and formatting is not reversible.
        return (_rebuild, (type(self), self.code, self.params))


def _rebuild(cls: type[RindleError], code: str, params: dict[str, object]) -> RindleError:
    return cls(code, **params)


class RequestRefused(RindleError):
    """The request is wrong, late, foreign or a repetition; nothing was changed by it."""

    kind = Kind.REQUEST


class ContentRefused(RindleError):
    """A verdict on the bytes. Retrying cannot change it."""

    kind = Kind.CONTENT


class TransientFailure(RindleError):
    """The world did not answer. Says nothing about the bytes; try again."""

    kind = Kind.TRANSIENT


class Misconfigured(RindleError):
    """Something an operator has to change. Retrying cannot mend it."""

    kind = Kind.CONFIGURATION


def classify(error: BaseException) -> Kind:
    """The one place that decides whether an error is retried.

    Unknown exceptions count as transient: the budget of tries bounds them, while a wrong verdict
    of "content" would lose a good file (W1.5, U19).
    """
    return error.kind if isinstance(error, RindleError) else Kind.TRANSIENT


def reason_code(error: BaseException) -> str:
    """The stable code stored on a row for ``error``; unknown exceptions are ``unexpected``."""
    return error.code if isinstance(error, RindleError) else "unexpected"


def reason_text(error: BaseException, limit: int = 500) -> str:
    """Bounded text for a row. Foreign exceptions show their class only.

    Their messages may hold URLs, keys or credentials (S29), so they go to the log, not to rows.
    """
    if isinstance(error, RindleError):
        return str(error)[:limit]
    return f"{type(error).__module__}.{type(error).__qualname__}"[:limit]
