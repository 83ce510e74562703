"""Repair of one asset: each verb tells of itself, leaves a row behind, and can be tried dry."""

from rindle_django.operations.repair.original import reprobe
from rindle_django.operations.repair.quarantine import unquarantine
from rindle_django.operations.repair.report import RepairReport
from rindle_django.operations.repair.variants import cancel, requeue

__all__ = ["RepairReport", "cancel", "reprobe", "requeue", "unquarantine"]
