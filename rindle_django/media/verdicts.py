"""What a decoder's exception says: about the file, about this machine, or about its memory.

Decoders raise whatever they like on broken files, so every exception is taken for a verdict on
the bytes unless it is known to speak of something else.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from rindle_django.errors import ContentRefused, RindleError, TransientFailure
from rindle_django.media.limits import Limits

_MEMORY = re.compile(
    r"out of memory|memory alloc|not enough memory|(failed|unable|cannot) to? ?allocate"
    r"|bad_alloc|insufficient memory|security limit",
    re.IGNORECASE,
)
_TRUNCATED = re.compile(
    r"premature end|truncated|unexpected end|end of (file|stream|data|image)|insufficient data"
    r"|not enough (data|frame)|incomplete|EOF",
    re.IGNORECASE,
)
# Said of the disk or the working folder, never of the image (U19).
_MACHINE = re.compile(
    r"No space left|quota exceeded|Permission denied|No such file|Too many open files"
    r"|Read-only file system|Input/output error",
    re.IGNORECASE,
)
_MACHINE_ERRNO = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.ENOENT),
        *(errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EIO),
    }
)


def verdict(error: Exception, path: Path, limits: Limits) -> RindleError:
    """The typed error for what a decoder raised while it read ``path``."""
    if isinstance(error, RindleError):
        return error
    text = f"{error} {getattr(error, 'detail', '')}"
    if isinstance(error, MemoryError) or _MEMORY.search(text):
        return ContentRefused("decoder_memory", limit=limits.memory_bytes)
    if getattr(error, "errno", None) in _MACHINE_ERRNO or _MACHINE.search(text):
        return TransientFailure("decoder_unavailable", detail=_brief(text, path))
    if _TRUNCATED.search(text):
        return ContentRefused("image_truncated")
    return ContentRefused("image_unreadable", detail=_brief(text, path) or type(error).__name__)


def speaks_of_memory(text: str) -> bool:
    """Whether a dead decoder's last words were about memory."""
    return bool(_MEMORY.search(text))


def _brief(text: str, path: Path) -> str:
    """Short and printable, without the path: it is shown to people who may not know it (S29)."""
    plain = "".join(char if char.isprintable() else " " for char in text.replace(str(path), ""))
    return " ".join(plain.split())[:200]
