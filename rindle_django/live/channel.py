"""The one connection of this process that listens, and takes up again when it is lost."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
from procrastinate.contrib.django.utils import connector_params

from rindle_django.conf import database

logger = logging.getLogger(__name__)

CHANNEL = "rindle_progress"
APPLICATION = "rindle events"
# A connection that died silently is found out by asking, as often as this.
PULSE, PATIENCE = 30.0, 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0

Tell = Callable[[str | None], None]


async def listen(tell: Tell) -> None:
    """Tell the id of each asset that changes, until cancelled.

    None says that any may have: on every connection anew, for what went by in between.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            async with _connection() as connection:
                pause = FIRST_PAUSE
                tell(None)
                await _hear(connection, tell)
        except (psycopg.Error, OSError) as fault:  # a timeout is one of the latter
            logger.warning(
                "Changes of assets are not heard for %.1f s: %s.", pause, type(fault).__name__
            )
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # not all at once
        pause = min(2 * pause, LONGEST_PAUSE)


@asynccontextmanager
async def _connection() -> AsyncIterator[psycopg.AsyncConnection[object]]:
    """A session that has begun to listen. Not Django's: those belong to threads, not to a loop."""
    parameters = {**connector_params(database()), "application_name": APPLICATION}
    async with asyncio.timeout(PATIENCE):
        connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
    try:
        async with asyncio.timeout(PATIENCE):
            await connection.execute(f"LISTEN {CHANNEL}")
        yield connection
    finally:
        await connection.close()


async def _hear(connection: psycopg.AsyncConnection[object], tell: Tell) -> None:
    while True:
        async for notification in connection.notifies(timeout=PULSE):
            tell(notification.payload)
        async with asyncio.timeout(PATIENCE):
            await connection.execute("SELECT 1")
