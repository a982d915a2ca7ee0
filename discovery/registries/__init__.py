"""Registries: which upstreams there may be.

- ``base``: what a registry yields: candidates.
- ``static``: the list in the configuration.
"""

from .base import Address, Candidate, GrpcAddress, HttpAddress, LambdaAddress, Registry
from .static import StaticRegistry

__all__ = [
    "Address",
    "Candidate",
    "GrpcAddress",
    "HttpAddress",
    "LambdaAddress",
    "Registry",
    "StaticRegistry",
]
