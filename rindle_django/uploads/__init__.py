"""Upload sessions: initiate, sign, verify, abort; and the simple upload through the server."""

from rindle_django.uploads.direct import upload
from rindle_django.uploads.initiate import UploadTicket, initiate_upload, sign_upload
from rindle_django.uploads.tickets import redeem
from rindle_django.uploads.verify import abort_upload, expire_session, verify_upload

__all__ = [
    "UploadTicket",
    "abort_upload",
    "expire_session",
    "initiate_upload",
    "redeem",
    "sign_upload",
    "upload",
    "verify_upload",
]
