"""Runs, what they measured, the adapters that came of them, and work on those."""

from backend.training.models.adapters import Adapter, AdapterJob
from backend.training.models.device_jobs import DeviceJob
from backend.training.models.runs import RunMetric, TrainingRun

__all__ = ["Adapter", "AdapterJob", "AnyJob", "DeviceJob", "RunMetric", "TrainingRun"]

# Everything that waits for a device.
AnyJob = TrainingRun | AdapterJob
