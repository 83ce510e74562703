"""What an error of S3 means for us, in one table.

A 403, a 5xx, a bucket that is gone or no answer at all says nothing about an object (row 16):
only what is listed here is more than a reason to try again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from rindle_django.errors import RequestRefused, RindleError, TransientFailure

MEANINGS: Mapping[str, str] = {
    "NoSuchKey": "object_missing",
    "404": "object_missing",  # a HEAD has no body that could name the error
    "PreconditionFailed": "object_exists",
    "412": "object_exists",
}
MEANS_ABSENT = frozenset(code for code, ours in MEANINGS.items() if ours == "object_missing")
UNSUPPORTED = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
DENIED = frozenset({"AccessDenied", "403"})


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def translated(alias: str, operation: str, *, create_only: bool = False) -> Iterator[None]:
    """Raise our errors for those of botocore.

    A failed precondition means "object_exists" for ``create_only`` writes alone.
    """
    try:
        yield
    except ClientError as error:
        raise _meaning(error, alias, operation, create_only) from error
    except (BotoCoreError, HTTPError) as error:
        raise unavailable(alias, operation, type(error).__name__) from error


def _meaning(error: ClientError, alias: str, operation: str, create_only: bool) -> RindleError:
    meaning = MEANINGS.get(code_of(error))
    if meaning == "object_exists" and (not create_only or _was_repeated(error)):
        meaning = None
    if meaning is not None:
        return RequestRefused(meaning)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return unavailable(alias, operation, f"{code_of(error)} ({status})")


def _was_repeated(error: ClientError) -> bool:
    """Whether botocore had tried before: the object in our way may then be our own (row 4)."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def unavailable(alias: str, operation: str, detail: str) -> TransientFailure:
    return TransientFailure("storage_unavailable", alias=alias, operation=operation, detail=detail)
