"""Detectors: what a candidate speaks, and what it can do.

- ``base``: what a detector answers.
- ``documents``: one document over HTTP, within limits.
- ``parts``: the other documents that a description refers to.
- ``openapi``: OpenAPI documents at given and at well-known places.
- ``grpc_reflection``: the calls of server reflection.
- ``grpc_files``: descriptors from files, and from .proto files.
- ``grpc``: gRPC servers, by reflection or by files.
- ``aws_lambda``: the Lambda functions of a region.

The detectors themselves are imported from their modules: each brings a client library with it.
"""

from .base import Detected, Detection, Detector, NotThisKind, TryLater, Unchanged

__all__ = [
    "Detected",
    "Detection",
    "Detector",
    "NotThisKind",
    "TryLater",
    "Unchanged",
]
