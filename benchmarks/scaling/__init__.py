"""Whether more workers make more photos, on a storage that is near and on one that is far."""
