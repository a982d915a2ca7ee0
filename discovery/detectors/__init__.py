"""Detectors: what a candidate speaks, and what it can do.

- ``base``: what a detector answers.
- ``documents``: one document over HTTP, within limits.
- ``openapi``: OpenAPI documents at given and at well-known places.
- ``grpc_reflection``: the calls of server reflection.
- ``grpc``: gRPC servers, by reflection.
- ``aws_lambda``: the Lambda functions of a region.
"""

from .aws_lambda import LambdaDetector
from .base import Detected, Detection, Detector, NotThisKind, TryLater, Unchanged
from .grpc import GrpcDetector
from .openapi import OpenApiDetector

__all__ = [
    "Detected",
    "Detection",
    "Detector",
    "GrpcDetector",
    "LambdaDetector",
    "NotThisKind",
    "OpenApiDetector",
    "TryLater",
    "Unchanged",
]
