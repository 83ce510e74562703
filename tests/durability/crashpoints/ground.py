"""The ground that a bench stands on: a database, a folder, perhaps a bucket; clean each time."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction

from rindle_django.conf import config
from tests.durability.crashpoints.client import OWNER

TABLES = """
SELECT string_agg(format('DELETE FROM %%I', table_name), ';') FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
  AND (table_name LIKE 'rindle\\_%%' OR table_name LIKE 'procrastinate\\_%%')
"""


def lay_bare() -> None:
    """Nothing was ever uploaded: no rows, no jobs, no objects; one owner, whose slot is empty."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(TABLES, [])
        cursor.execute(cursor.fetchone()[0])
        Group.objects.update_or_create(pk=OWNER, defaults={"name": "owner"})
    for options in storage_options():
        if "location" in options:
            _emptied(Path(options["location"]))
        elif "bucket_name" in options:
            _empty_bucket(options)
    work = config().TEMP_DIR
    assert work is not None, "nobody else's folder is emptied"
    _emptied(Path(work))


def storage_options() -> list[dict[str, Any]]:
    """The OPTIONS of every entry of STORAGES."""
    storages: Any = settings.STORAGES
    return [storage.get("OPTIONS", {}) for storage in storages.values()]


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def client_of(options: dict[str, Any]) -> Any:
    """A client beside the library's own."""
    return boto3.client(
        "s3",
        endpoint_url=options["endpoint_url"],
        aws_access_key_id=options["access_key"],
        aws_secret_access_key=options["secret_key"],
        region_name=options["region_name"],
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _empty_bucket(options: dict[str, Any]) -> None:
    client, bucket = client_of(options), options["bucket_name"]
    versions = client.list_object_versions(Bucket=bucket)
    for each in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        client.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
    for each in client.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        client.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
