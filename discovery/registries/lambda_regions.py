"""The registry that knows the regions of an account: where the configuration says ``region: "*"``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from ...engine.transport.aws_clients import (
    NO_CREDENTIALS,
    NO_CREDENTIALS_HELP,
    AwsSession,
    configured_region,
    error_kind,
)
from ...schemas.catalog import AssumedRole, LambdaTarget
from ...schemas.errors import RegistryError
from .base import Candidate

_ATTEMPTS: Final = 3
_ENABLED: Final = ("opt-in-not-required", "opted-in")
_HOME: Final = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""A region of each partition that every account has."""


class LambdaRegions:
    """Candidates for every region that an account has enabled: a ``Registry``.

    Args:
        name: Of this registry.
        make_candidates: The candidates of a region.
        role: Assumed to ask; ``None`` for the credentials that there are.
        endpoint: Replaces the services' own endpoint URLs; ``""`` for AWS's.
        profile: Of the AWS configuration; ``""`` for the standard chain.
    """

    def __init__(
        self,
        name: str,
        make_candidates: Callable[[str], Sequence[Candidate]],
        *,
        role: AssumedRole | None = None,
        endpoint: str = "",
        profile: str = "",
    ) -> None:
        self._name = name
        self._make_candidates = make_candidates
        self._role = role
        self._endpoint = endpoint
        self._profile = profile

    @property
    def name(self) -> str:
        """What it was given."""
        return self._name

    async def candidates(self) -> tuple[Candidate, ...]:
        """Those of all regions, in the order of the regions' names."""
        try:
            regions = await self._regions()
        except NO_CREDENTIALS as error:
            raise RegistryError(self._name, NO_CREDENTIALS_HELP) from error
        except ClientError as error:
            kind = error_kind(error)
            reason = f"the account's regions cannot be asked for: {error.operation_name} answers {kind}"
            if kind == "AccessDenied" and error.operation_name == "AssumeRole":
                reason = "not allowed to assume the role (sts:AssumeRole)"
            elif kind == "AccessDenied":
                reason = "not allowed to ask for the account's regions (ec2:DescribeRegions); list them in `regions`"
            raise RegistryError(self._name, reason) from error
        except (BotoCoreError, aiohttp.ClientError, OSError, ValueError) as error:
            reason = f"the account's regions cannot be asked for: {type(error).__name__}"
            raise RegistryError(self._name, reason) from error
        return tuple(one for region in regions for one in self._make_candidates(region))

    async def _regions(self) -> list[str]:
        session = AwsSession.of(
            LambdaTarget(region=self._home(), endpoint=self._endpoint, role=self._role, profile=self._profile)
        )
        async with await session.client("ec2", attempts=_ATTEMPTS) as ec2:
            # Without AllRegions: those that are enabled. Lambda is in all of them.
            answer: Mapping[str, Any] = await ec2.describe_regions(
                Filters=[{"Name": "opt-in-status", "Values": list(_ENABLED)}]
            )
        return sorted(
            str(one["RegionName"])
            for one in answer.get("Regions", ())
            # A stand-in for EC2 may not know the filter.
            if one.get("OptInStatus", _ENABLED[0]) in _ENABLED
        )

    def _home(self) -> str:
        if self._role is not None:
            return _HOME.get(self._role.arn.split(":")[1], _HOME["aws"])
        return configured_region(self._profile) or _HOME["aws"]
