"""As in the tests of the doctor: no workers but those that a test makes."""

from tests.doctor.conftest import _no_workers_of_others

__all__ = ["_no_workers_of_others"]
