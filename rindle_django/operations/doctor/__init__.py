"""Doctor: whether a project is set up so that it can work. It reports; it never repairs.

What is looked at is a table, ``registry.CHECKS``; each row's function is in the module that knows
its subject.
"""

from rindle_django.operations.doctor.diagnosis import Diagnosis
from rindle_django.operations.doctor.examination import diagnose
from rindle_django.operations.doctor.registry import CHECKS

__all__ = ["CHECKS", "Diagnosis", "diagnose"]
