"""A small Django project that shows the library at work: `make demo` runs it."""
