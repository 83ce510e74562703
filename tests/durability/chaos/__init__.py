"""Chaos: real workers, real clients and a real Postgres, all of which keep dying.

``python -m tests.durability.chaos`` lets clients upload by the public API while workers are
killed, stopped and cut off, the database is restarted and the storage fails; then it lets things
come to rest and holds what the clients were told against what is there.
"""
