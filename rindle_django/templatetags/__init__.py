"""Template tags: ``{% load rindle %}``."""
