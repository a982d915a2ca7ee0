"""Detectors: what a candidate speaks, and what it can do.

- ``base``: what a detector answers.
- ``openapi``, ``grpc``, ``aws_lambda``: one detector each.
"""

from .base import Detected, Detection, Detector, NotThisKind, TryLater, Unchanged

__all__ = ["Detected", "Detection", "Detector", "NotThisKind", "TryLater", "Unchanged"]
