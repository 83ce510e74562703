"""How a bucket is set up: what it lets browsers do, what it deletes by itself, what it enforces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from uuid import uuid4

from botocore.exceptions import ClientError

from rindle_django.storage.base import Remark
from rindle_django.storage.listing import PREFIXES
from rindle_django.storage.s3 import deletion
from rindle_django.storage.s3.bucket import Bucket
from rindle_django.storage.s3.errors import DENIED, MAY_BE_DONE, UNSUPPORTED, code_of
from rindle_django.storage.s3.probe import PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CORSRuleOutputTypeDef, LifecycleRuleOutputTypeDef

NONE_SET = frozenset({"NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration"})
# From these nothing can be read before it was restored.
SHELVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
CORS_GUIDE = "Add the rule of the guide on S3 to the bucket (put_bucket_cors)."


def examine(
    bucket: Bucket, about: str, origins: Sequence[str], headers: Sequence[str]
) -> list[Remark]:
    """What is to be said of one of ``EXAMINED``. Raises botocore's errors."""
    if about == "cors":
        return list(_cors(bucket, origins, headers))
    if about == "playback":
        return list(_playback(bucket, origins))
    look = _LOOKS.get(about)
    return list(look(bucket)) if look is not None else []


def _asked(
    operation: Callable[[], Mapping[str, object]], what: str
) -> Mapping[str, object] | Remark:
    """The answer, an empty one if nothing is set, or what to say if it may not be asked."""
    try:
        return operation()
    except ClientError as error:
        if code_of(error) in NONE_SET:
            return {}
        if code_of(error) in DENIED | UNSUPPORTED:
            return Remark(
                "warn",
                f"The bucket's {what} cannot be read ({code_of(error)}).",
                f"Let these credentials read it, or see to its {what} yourself.",
            )
        raise


# --- what browsers may do ----------------------------------------------------------------------


def _cors(bucket: Bucket, origins: Sequence[str], headers: Sequence[str]) -> Iterator[Remark]:
    answer = _asked(lambda: bucket.client.get_bucket_cors(Bucket=bucket.name), "CORS rules")
    if isinstance(answer, Remark):
        yield answer
        return
    rules: list[CORSRuleOutputTypeDef] = answer.get("CORSRules", [])  # type: ignore[assignment]
    if not rules:
        yield Remark("error", "The bucket has no CORS rule: browsers cannot upload.", CORS_GUIDE)
        return
    for origin in origins or [""]:
        if (lacking := _lacking(rules, origin, headers)) is not None:
            who = f"Pages of {origin}" if origin else "Browsers"
            yield Remark("error", f"{who} cannot upload: {lacking}.", CORS_GUIDE)


def _lacking(
    rules: Sequence[CORSRuleOutputTypeDef], origin: str, headers: Sequence[str]
) -> str | None:
    """What the rules do not allow; None if one allows all. An empty origin stands for any."""
    own = [rule for rule in rules if not origin or _any_fits(rule["AllowedOrigins"], origin)]
    if not own:
        return "no CORS rule of the bucket is for them"
    put = [rule for rule in own if "PUT" in rule["AllowedMethods"]]
    if not put:
        return "no CORS rule allows PUT"
    missing = [
        [name for name in headers if not _any_fits(rule.get("AllowedHeaders", []), name)]
        for rule in put
    ]
    fewest = min(missing, key=len)
    return f"the CORS rule does not allow the headers {', '.join(fewest)}" if fewest else None


def _playback(bucket: Bucket, origins: Sequence[str]) -> Iterator[Remark]:
    """Rules that cannot be read are told of by ``_cors`` already."""
    answer = _asked(lambda: bucket.client.get_bucket_cors(Bucket=bucket.name), "CORS rules")
    if isinstance(answer, Remark):
        return
    rules: list[CORSRuleOutputTypeDef] = answer.get("CORSRules", [])  # type: ignore[assignment]
    reading = [rule for rule in rules if "GET" in rule["AllowedMethods"]]
    for origin in origins or [""]:
        if not any(not origin or _any_fits(rule["AllowedOrigins"], origin) for rule in reading):
            who = f"Pages of {origin}" if origin else "Browsers"
            finding = f"{who} cannot play streams: no CORS rule allows GET."
            yield Remark("error", finding, CORS_GUIDE)


def _any_fits(patterns: Sequence[str], value: str) -> bool:
    return any(
        fnmatchcase(value.lower(), each.lower().replace("[", "[[]").replace("?", "[?]"))
        for each in patterns
    )


# --- what the bucket deletes by itself ---------------------------------------------------------


def _lifecycle(bucket: Bucket) -> Iterator[Remark]:
    answer = _asked(
        lambda: bucket.client.get_bucket_lifecycle_configuration(Bucket=bucket.name),
        "lifecycle rules",
    )
    if isinstance(answer, Remark):
        yield answer
        return
    rules: list[LifecycleRuleOutputTypeDef] = answer.get("Rules", [])  # type: ignore[assignment]
    for rule in rules:
        if rule.get("Status") == "Enabled" and (harm := _harm(rule)):
            yield from _harmed(bucket, rule, harm)


def _harm(rule: LifecycleRuleOutputTypeDef) -> str:
    expiration = rule.get("Expiration", {})
    if "Days" in expiration or "Date" in expiration:
        when = expiration.get("Date") or f"{expiration.get('Days')} days"
        return f"deletes after {when}"
    shelves = {each.get("StorageClass", "") for each in rule.get("Transitions", [])} & SHELVED
    return f"moves to {', '.join(sorted(shelves))}" if shelves else ""


def _harmed(bucket: Bucket, rule: LifecycleRuleOutputTypeDef, harm: str) -> Iterator[Remark]:
    prefix, tagged = _scope(rule)
    if tagged:  # our objects have no tags, unless the storage is told to give them some
        return
    hit = [purpose for purpose in PREFIXES if _covers(prefix, _names_of(bucket, purpose))]
    name = f"Lifecycle rule {rule.get('ID', '')!r} {harm}"
    if live := [purpose for purpose in hit if purpose != "staging"]:
        yield Remark(
            "error",
            f"{name} what is under {prefix or 'the whole bucket'}: live data "
            f"({', '.join(f'{each}s' for each in live)}).",
            "Disable it, or narrow it to incoming/. Then run rindle_verify_storage.",
        )
    elif hit and rule.get("Expiration", {}).get("Days", 0) < 3:
        yield Remark(
            "warn",
            f"{name} what is under {prefix}: uploads that wait for their promotion through an "
            "outage.",
            "Give it three days or more.",
        )


def _scope(rule: LifecycleRuleOutputTypeDef) -> tuple[str, bool]:
    """The prefix that a rule is for, and whether it is for objects with certain tags only."""
    filters = rule.get("Filter", {})
    both = filters.get("And", {})
    prefix = filters.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or ""
    return prefix, bool(filters.get("Tag") or both.get("Tags"))


def _names_of(bucket: Bucket, purpose: str) -> str:
    return bucket.object_name(PREFIXES[purpose]) + "/"


def _covers(prefix: str, ours: str) -> bool:
    return ours.startswith(prefix) or prefix.startswith(ours)


# --- what the bucket enforces ------------------------------------------------------------------


def _conditions(bucket: Bucket) -> Iterator[Remark]:
    """Tried on a name of its own, that is taken: neither way of writing may replace it."""
    key = f"{PREFIX}/{uuid4().hex}/taken"
    name = bucket.object_name(key)
    bucket.client.put_object(Bucket=bucket.name, Key=name, Body=b"first")
    try:
        for way, write in (("in one request", _whole), ("in parts", _parts)):
            if not _refused(write, bucket, name):
                yield Remark(
                    "warn",
                    f"The server does not refuse to write to a name that is taken, {way} "
                    "(If-None-Match).",
                    "We ask before we write, and each attempt has a name of its own; only a client "
                    "may replace what it has staged while its URL is valid. Newer servers do.",
                )
    finally:
        deletion.delete(bucket, [key])


def _refused(write: Callable[[Bucket, str], None], bucket: Bucket, name: str) -> bool:
    try:
        write(bucket, name)
    except ClientError as error:
        if code_of(error) in MAY_BE_DONE:
            return True
        if code_of(error) in UNSUPPORTED:
            return False
        raise
    return False


def _whole(bucket: Bucket, name: str) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key=name, Body=b"second", IfNoneMatch="*")


def _parts(bucket: Bucket, name: str) -> None:
    upload = bucket.client.create_multipart_upload(Bucket=bucket.name, Key=name)["UploadId"]
    try:
        part = bucket.client.upload_part(
            Bucket=bucket.name, Key=name, UploadId=upload, PartNumber=1, Body=b"second"
        )
        bucket.client.complete_multipart_upload(
            Bucket=bucket.name,
            Key=name,
            UploadId=upload,
            MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
            IfNoneMatch="*",
        )
    finally:
        with suppress(ClientError):  # done, or gone with the refusal
            bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=name, UploadId=upload)


_LOOKS: Mapping[str, Callable[[Bucket], Iterator[Remark]]] = {
    "lifecycle": _lifecycle,
    "conditions": _conditions,
}
