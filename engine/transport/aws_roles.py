"""Roles that are assumed, by botocore's own provider.

In a session it stands where botocore looks for its chain of credentials. What the chain gives is shown to STS, and
the session's clients sign with what STS gives for it. That lasts an hour; botocore asks for more from 15 minutes
before its end on, and while STS cannot be asked, what there is goes on to be used until it ends.

Source: AWS STS API reference, "AssumeRole".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiobotocore.credentials import (
    AioAssumeRoleCredentialFetcher,
    AioCredentials,
    AioDeferredRefreshableCredentials,
)

from ...schemas.catalog import AssumedRole

SESSION_NAME: Final = "weft"
"""The session's name in CloudTrail, where the settings give none."""


class RoleProvider:
    """Credentials of a role, in place of the chain's; botocore's ``credential_provider``.

    Args:
        chain: Where the credentials come from that may assume the role.
        role: Which.
        create_client: Makes a client of a service with given credentials.
        otherwise: Assumes the role where the chain has nothing; ``None`` for nobody.
    """

    def __init__(
        self,
        chain: Any,
        role: AssumedRole,
        create_client: Callable[..., Any],
        *,
        otherwise: AioCredentials | None = None,
    ) -> None:
        self._chain = chain
        self._role = role
        self._create_client = create_client
        self._otherwise = otherwise

    async def load_credentials(self) -> AioDeferredRefreshableCredentials | None:
        """What STS gives when it is first needed; ``None`` where there is nobody to ask it."""
        source = await self._chain.load_credentials() or self._otherwise
        if source is None:
            return None
        more = {"RoleSessionName": self._role.session_name or SESSION_NAME}
        if self._role.external_id:
            more["ExternalId"] = self._role.external_id
        fetcher = AioAssumeRoleCredentialFetcher(
            client_creator=self._create_client,
            source_credentials=source,
            role_arn=self._role.arn,
            extra_args=more,
        )
        return AioDeferredRefreshableCredentials(
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
