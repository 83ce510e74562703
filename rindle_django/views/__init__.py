"""HTTP: the JSON steps of an upload, and what a file system needs a server for."""
