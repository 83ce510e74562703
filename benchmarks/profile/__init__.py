"""What becomes of a photo's time of processors, of the wait for it, and of the memory."""

from __future__ import annotations

PIXELS = "libvips, in the decoder process"
