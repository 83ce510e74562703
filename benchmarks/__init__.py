"""How the library fares with a lot of rows. Tools for its developers, no part of the package."""
