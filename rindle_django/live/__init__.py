"""What changes, told at once to those of this process who wait for it.

The database says which asset changed; what became of it is read from the rows by whoever asked.
"""

from __future__ import annotations

from rindle_django.live.listeners import Hub, Subscription, hub

__all__ = ["Hub", "Subscription", "hub"]
