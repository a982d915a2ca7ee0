"""Registries: which upstreams there may be.

- ``lambda_address``: where Lambda functions are, and which of them are wanted.
- ``base``: what a registry yields: candidates.
- ``static``: the list in the configuration.
- ``lambda_types``: where their types are looked for.
- ``lambda_regions``: the regions of an AWS account.
"""

from .base import Address, Candidate, GrpcAddress, HttpAddress, Registry
from .lambda_address import LambdaAddress, LambdaFilters, LambdaQualifiers
from .static import StaticRegistry

__all__ = [
    "Address",
    "Candidate",
    "GrpcAddress",
    "HttpAddress",
    "LambdaAddress",
    "LambdaFilters",
    "LambdaQualifiers",
    "Registry",
    "StaticRegistry",
]
