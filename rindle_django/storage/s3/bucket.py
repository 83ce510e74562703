"""One bucket, as one alias of STORAGES describes it: clients, names and parameters of objects."""

from __future__ import annotations

from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from rindle_django.errors import Misconfigured
from rindle_django.storage import deadlines
from rindle_django.storage.base import checked_key
from rindle_django.storage.s3.errors import MEANS_ABSENT, code_of

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3 import S3Client
    from storages.backends.s3 import S3Storage

CONNECT_SECONDS = 3
READ_SECONDS = 20  # botocore waits 60 s, three times over: threads pile up and leases run out
TRIES = 3
MARK = "rindle-write"  # a name among an object's metadata


class Bucket:
    """``conditional_writes`` turns false when the server says that it does not know them."""

    def __init__(self, alias: str, storage: S3Storage) -> None:
        self.alias = alias
        self.storage = storage
        self.name: str = storage.bucket_name
        self.conditional_writes = True
        self._clients: dict[str | None, S3Client] = {}
        self._lock = Lock()

    @property
    def client(self) -> S3Client:
        return self.client_at(self.storage.endpoint_url)

    def client_at(self, endpoint: str | None) -> S3Client:
        """A client for another address of the same bucket. Clients may be shared by threads."""
        if (known := self._clients.get(endpoint)) is not None:
            return known
        with self._lock:  # a session may not make two clients at once
            if endpoint not in self._clients:
                client = self._session.client(
                    "s3",
                    region_name=self.storage.region_name,
                    use_ssl=self.storage.use_ssl,
                    endpoint_url=endpoint,
                    verify=self.storage.verify,
                    config=self._config(),
                )
                # Each request of an operation and each new try of it, before it is sent.
                client.meta.events.register("before-send.s3", _check_deadline)
                self._clients[endpoint] = client
            return self._clients[endpoint]

    def credentials(self) -> ReadOnlyCredentials:
        """Those in force now; a role's change every few hours."""
        found = self._session.get_credentials()
        if found is None:
            raise Misconfigured("credentials_missing", alias=self.alias)
        return found.get_frozen_credentials()

    def object_name(self, key: str) -> str:
        """The name in the bucket: ``key`` below the storage's location."""
        location = self.storage.location.strip("/")
        return f"{location}/{checked_key(key)}" if location else checked_key(key)

    def holds(self, name: str) -> bool:
        """Whether there is such an object. False also if the bucket is gone: a HEAD cannot tell."""
        try:
            self.client.head_object(Bucket=self.name, Key=name)
        except ClientError as error:
            if code_of(error) in MEANS_ABSENT:
                return False
            raise
        return True

    def holds_marked(self, name: str, mark: str) -> bool:
        """Whether the object was written with this ``mark``. False also where that is not told."""
        try:
            found = self.client.head_object(Bucket=self.name, Key=name)
        except ClientError:
            return False
        return found["Metadata"].get(MARK) == mark

    def parameters(
        self, operation: str, name: str, content_type: str, cache_control: str, mark: str = ""
    ) -> dict[str, Any]:
        """The storage's own parameters, as far as ``operation`` takes them, and our headers."""
        shape = self.client.meta.service_model.operation_model(operation).input_shape
        assert shape is not None
        own = {"ACL": self.storage.default_acl, **self.storage.get_object_parameters(name)}
        taken = {key: value for key, value in own.items() if value and key in shape.members}
        if cache_control:
            taken["CacheControl"] = cache_control
        if mark:
            taken["Metadata"] = {**taken.get("Metadata", {}), MARK: mark}
        return {**taken, "ContentType": content_type}

    @cached_property
    def _session(self) -> Session:
        # S3Storage has no public way to its session, and subclasses override this one.
        session: Session = self.storage._create_session()
        return session

    def _config(self) -> Config:
        given: Config = self.storage.client_config
        addressing = getattr(given, "s3", None) or {}
        s3_options: Any = {**addressing, "payload_signing_enabled": True}
        return given.merge(
            Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                signature_version="s3v4",
                # Every S3 verifies a signed payload; by no means all know the newer checksums,
                # and some reject the trailers that botocore would send them in.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3=s3_options,
            )
        )


def _check_deadline(**_: object) -> None:
    deadlines.check()
