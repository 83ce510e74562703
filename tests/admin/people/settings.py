"""The suite's settings with another user model."""

from tests.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.admin.people"]  # noqa: F405
AUTH_USER_MODEL = "people.Person"
