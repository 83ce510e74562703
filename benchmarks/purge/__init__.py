"""How many keys go in one call when a lot is deleted from a bucket."""
