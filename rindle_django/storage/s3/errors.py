"""What an error of S3 means for us, in one table.

A 403, a 5xx, a bucket that is gone or no answer at all says nothing about an object (row 16):
only what is listed here is more than a reason to try again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
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
# Answers to a write that has been done already, perhaps by its own first try.
MAY_BE_DONE = frozenset({"PreconditionFailed", "412", "NoSuchUpload"})
DENIED = frozenset({"AccessDenied", "403"})

# What an operator should look at first, where the code does not say it.
WRONG_CLOCK = "the clock of this machine differs from the storage's"
TOLERATED_SKEW = 300  # seconds; S3 itself refuses what was signed a quarter of an hour off
EXPLAINED: Mapping[str, str] = {
    "RequestTimeTooSkewed": WRONG_CLOCK,
    "SignatureDoesNotMatch": "the storage reads the credentials or the address otherwise",
    "InvalidAccessKeyId": "the storage does not know the access key",
}


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
    except HTTPClientError as error:
        # botocore wraps whatever is raised while it sends: also what our own stream raised.
        cause = error.kwargs.get("error")
        if isinstance(cause, RindleError):
            raise cause from error
        raise unavailable(alias, operation, type(error).__name__) from error
    except (BotoCoreError, HTTPError) as error:
        raise unavailable(alias, operation, type(error).__name__) from error


def _meaning(error: ClientError, alias: str, operation: str, create_only: bool) -> RindleError:
    meaning = MEANINGS.get(code_of(error))
    if meaning == "object_exists" and (not create_only or _was_repeated(error)):
        meaning = None
    if meaning is not None:
        return RequestRefused(meaning)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    explained = EXPLAINED.get(code_of(error)) or (status == 403 and _explain_skew(error))
    detail = f"{code_of(error)} ({status})" + (f", {explained}" if explained else "")
    return unavailable(alias, operation, detail)


def _explain_skew(error: ClientError) -> str:
    """A refused HEAD has no body that could name the reason; the server's own time shows it."""
    told = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        skew = time.time() - parsedate_to_datetime(told).timestamp()
    except ValueError:
        return ""
    return f"{WRONG_CLOCK} by {skew:+.0f} s" if abs(skew) > TOLERATED_SKEW else ""


def _was_repeated(error: ClientError) -> bool:
    """Whether botocore had tried before: the object in our way may then be our own (row 4)."""
    return bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))


def unavailable(alias: str, operation: str, detail: str) -> TransientFailure:
    return TransientFailure("storage_unavailable", alias=alias, operation=operation, detail=detail)
