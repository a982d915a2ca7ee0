"""Clients of AWS services, as the Lambda transport and Lambda's discovery make them.

Credentials come from AWS's standard chain (environment, profile, web identity, container, instance), or from a role
that those of the chain assume. An endpoint on the loopback interface is somebody's local Lambda: it is not AWS, so
where the chain holds no credentials it gets dummy ones.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.loaders import Loader, create_loader

from ...schemas.catalog import AssumedRole, LambdaTarget
from .aws_roles import RoleProvider

NO_CREDENTIALS: Final = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
"""What botocore raises if the chain ends without credentials that can be used."""

NO_CREDENTIALS_HELP: Final = (
    "no AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod or "
    "instance a role"
)

RetryMode: TypeAlias = Literal["standard", "adaptive"]

_STS_ATTEMPTS: Final = 3
_LOCAL_CREDENTIALS: Final = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
_DENIED: Final = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "Forbidden", "403",
        "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
        "MissingAuthenticationTokenException", "SignatureDoesNotMatch", "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)  # fmt: skip
_THROTTLED: Final = frozenset(
    {
        "RequestLimitExceeded", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
        "TooManyRequestsException",
    }
)  # fmt: skip

for _name in ("botocore", "aiobotocore"):
    # At DEBUG botocore logs requests with their bodies. Whoever wants that sets these loggers' level.
    if (_logger := logging.getLogger(_name)).level == logging.NOTSET:
        _logger.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class AwsService:
    """Where requests to a service go, and in whose name.

    Attributes:
        url: Of its endpoint: regional, dual-stack, FIPS or replaced, as the AWS configuration says.
        region: Its requests are signed for.
        credentials: botocore's: ``await get_frozen_credentials()`` gives them, renewed where they expire.
        ca_file: Certificates to trust in place of the system's (``AWS_CA_BUNDLE``); ``""`` for those.
    """

    url: str
    region: str
    credentials: Any
    ca_file: str


class AwsSession:
    """Credentials for one endpoint, and the clients made with them.

    Args:
        endpoint: Replaces the services' own endpoint URLs; ``""`` for AWS's.
        role: Assumed with the chain's credentials; ``None`` for none.
        profile: Of the AWS configuration, in place of ``AWS_PROFILE``; ``""`` for that.

    Raises:
        ProfileNotFound: There is no such profile; see `NO_CREDENTIALS`.
    """

    def __init__(
        self, *, region: str, endpoint: str = "", role: AssumedRole | None = None, profile: str = ""
    ) -> None:
        self._region = region
        self._endpoint = endpoint
        self._local = is_loopback(endpoint)
        self._session = AioSession(profile=profile or None)
        # The chain asks STS for a profile's role, in a region of its own choice otherwise, or none.
        self._session.set_config_variable("region", region)
        # Descriptions of services are megabytes of JSON: each is read once for all sessions.
        self._session.register_component("data_loader", _loader())
        chain = self._session.get_component("credential_provider")
        if self._local:
            # These two ask a network that is not there, and wait for seconds.
            for name in ("iam-role", "container-role"):
                chain.remove(name)
        if role is not None:
            otherwise = AioCredentials(*_LOCAL_CREDENTIALS.values()) if self._local else None
            provider = RoleProvider(chain, role, self._create_client, otherwise=otherwise)
            self._session.register_component("credential_provider", provider)

    @classmethod
    def of(cls, target: LambdaTarget) -> AwsSession:
        """The session by which the functions of *target* are listed and called."""
        return cls(region=target.region, endpoint=target.endpoint, role=target.role, profile=target.profile)

    async def client(
        self,
        service: str,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        max_connections: int = 10,
        attempts: int = 1,
        mode: RetryMode = "standard",
        region: str = "",
    ) -> AbstractAsyncContextManager[Any]:
        """A client that is not open yet.

        Args:
            service: Such as ``lambda``, by botocore's name.
            connect_timeout_s: For one connection to open.
            read_timeout_s: Between two pieces of an answer.
            max_connections: Open at once.
            attempts: 1 for no retries. Between two of them it waits, longer each time, as long as is drawn by lot.
            mode: botocore's: ``adaptive`` sends less after it was throttled, too.
            region: Another than the session's; ``""`` for that.
        """
        credentials: dict[str, str] = {}
        if self._local and await self._session.get_credentials() is None:
            credentials = _LOCAL_CREDENTIALS
        return self._create_client(
            service,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            max_connections=max_connections,
            attempts=attempts,
            mode=mode,
            region=region,
            **credentials,
        )

    def _create_client(
        self,
        service: str,
        *,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        max_connections: int = 10,
        attempts: int = _STS_ATTEMPTS,
        mode: RetryMode = "standard",
        region: str = "",
        **credentials: str,
    ) -> AbstractAsyncContextManager[Any]:
        options: dict[str, Any] = {}
        if self._local:
            options["proxies"] = {}
        config = AioConfig(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            max_pool_connections=max_connections,
            retries={"total_max_attempts": attempts, "mode": mode},
            s3={"addressing_style": "path"} if self._endpoint else None,
            tcp_keepalive=True,
            user_agent_appid="weft",
            warm_up_loader_caches=True,
            **options,
        )
        client: AbstractAsyncContextManager[Any] = self._session.create_client(
            service,
            region_name=region or self._region,
            endpoint_url=self._endpoint or None,
            config=config,
            **credentials,
        )
        return client

    async def service(self, name: str) -> AwsService:
        """What it takes to call the service *name* without a client of it.

        Raises:
            NoCredentialsError: There are none; see `NO_CREDENTIALS`.
            BotoCoreError: The configuration cannot be used.
            ValueError: The endpoint is no URL.
        """
        credentials = await self._session.get_credentials()
        if credentials is None:
            if not self._local:
                raise NoCredentialsError
            credentials = AioCredentials(*_LOCAL_CREDENTIALS.values())
        async with await self.client(name) as client:
            # botocore resolves the endpoint, so it is the one that its clients would ask.
            meta = client.meta
        bundle = self._session.get_config_variable("ca_bundle")
        return AwsService(meta.endpoint_url, meta.region_name, credentials, bundle or "")


def is_loopback(endpoint: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(endpoint).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def configured_region(profile: str = "") -> str:
    """The region that the AWS configuration names, that of a profile or the standard one; ``""`` for none."""
    return AioSession(profile=profile or None).get_config_variable("region") or ""


def error_kind(error: ClientError) -> str:
    """What an AWS service answered, in a word: ``TooManyRequests``, ``AccessDenied``, ``ResourceNotFound``."""
    code = str(error.response.get("Error", {}).get("Code", "") or "Unknown")
    if code in _DENIED:
        return "AccessDenied"
    if code in _THROTTLED:
        return "TooManyRequests"
    return code.removesuffix("Exception")


@functools.cache
def _loader() -> Loader:
    return create_loader()
