"""Objects in an S3 bucket, through the S3Storage of django-storages.

Needs the extra ``s3``; nothing else in the library imports this package.
"""

from rindle_django.storage.s3.adapter import S3Adapter

__all__ = ["S3Adapter"]
