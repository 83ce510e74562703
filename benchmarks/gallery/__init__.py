"""A small app with pages of media: two kinds of owners, with one slot each."""
