"""What a project declares: profiles, their variants, and how they are delivered."""

from rindle_django.profiles.base import (
    GB,
    KB,
    MB,
    Authorizer,
    Delivery,
    Profile,
    Scanner,
    chosen,
    clashes,
    get_profile,
    profile_of_row,
    register,
    registered,
    unregister,
)
from rindle_django.profiles.recipes import ImageRecipe

__all__ = [
    "GB",
    "KB",
    "MB",
    "Authorizer",
    "Delivery",
    "ImageRecipe",
    "Profile",
    "Scanner",
    "chosen",
    "clashes",
    "get_profile",
    "profile_of_row",
    "register",
    "registered",
    "unregister",
]
