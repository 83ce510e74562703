"""A project whose users are rows of its own, with keys that are no numbers."""
