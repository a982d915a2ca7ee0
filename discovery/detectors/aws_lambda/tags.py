"""The tags of all functions: a hundred in one answer, or one by one where that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from ....engine.transport.aws_clients import NO_CREDENTIALS, error_kind
from .asking import Kept, Progress, ask_each
from .clients import Clients, pages_of
from .failures import is_passing

_PAGE: Final = 100  # GetResources: "a minimum of 1 and a maximum of 100"


@dataclass(frozen=True, slots=True)
class Refused:
    """Tags that may not be read, and why."""

    reason: str


@dataclass(slots=True)
class Tags:
    """What was found.

    Attributes:
        by_arn: The functions' tags. Those that could not be read are missing.
        refused: Why those of some could not be read, by ARN.
    """

    by_arn: dict[str, dict[str, str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


class TagReader:
    """Reads the tags of one region of one account, again and again.

    Args:
        max_age_s: How long tags are used that were read one by one, and how long a refusal to read many counts.
        complete: Whether a function that is not in the answer about many has no tags. Of a stand-in for AWS
            that is not known.
    """

    def __init__(self, *, max_age_s: float, complete: bool) -> None:
        self._complete = complete
        self._max_age_s = max_age_s
        self._single: Kept[dict[str, str] | Refused] = Kept(max_age_s)
        self._refusal = ""
        self._many_from = 0.0

    async def read(
        self,
        clients: Clients,
        arns: Collection[str],
        *,
        slots: asyncio.Semaphore,
        progress: Progress,
    ) -> Tags:
        """The tags of functions.

        Args:
            clients: Of Lambda, and of the tagging API.
            arns: Whose tags are wanted.
            slots: Bounds the questions at once.
            progress: Counts those about single functions.

        Raises:
            Exception: One of `AWS_FAILURES`, for what will pass.
        """
        tags = Tags()
        if not arns:
            return tags
        many: dict[str, dict[str, str]] = {}
        now = asyncio.get_running_loop().time()
        if now >= self._many_from:
            self._refusal = await self._read_many(clients, many)
            if self._refusal:
                self._many_from = now + self._max_age_s
        if self._complete and not self._refusal:
            tags.by_arn = {arn: many.get(arn, {}) for arn in arns}
            return tags
        tags.by_arn = {arn: many[arn] for arn in arns if arn in many}
        missing = [arn for arn in arns if arn not in many]
        self._single.forget_others(missing)
        client = await clients.get("lambda")

        async def read_one(arn: str) -> dict[str, str] | Refused:
            return await self._single.get_or_ask(arn, lambda: _read_one(client, arn))

        for arn, found in (await ask_each(missing, read_one, slots=slots, progress=progress)).items():
            if isinstance(found, Refused):
                tags.refused[arn] = "; ".join(filter(None, (self._refusal, found.reason)))
            else:
                tags.by_arn[arn] = found
        return tags

    async def _read_many(self, clients: Clients, found: dict[str, dict[str, str]]) -> str:
        """Fills *found*; why it could not be, or ``""``."""
        tagging = await clients.get("resourcegroupstaggingapi")
        pages = pages_of(
            tagging, "get_resources", ResourceTypeFilters=["lambda:function"], ResourcesPerPage=_PAGE
        )
        try:
            async for page in pages:
                for one in page.get("ResourceTagMappingList", ()):
                    found[one["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        except NO_CREDENTIALS:
            raise
        except ClientError as error:
            # A stand-in that has no such API may answer with anything.
            if error_kind(error) == "TooManyRequests" or (self._complete and is_passing(error)):
                raise
            return f"tag:GetResources: {error_kind(error)}"
        except (BotoCoreError, ResponseParserError, KeyError) as error:
            if self._complete:
                raise
            return f"tag:GetResources: {type(error).__name__}"
        return ""


async def _read_one(client: Any, arn: str) -> dict[str, str] | Refused:
    try:
        answer = await client.list_tags(Resource=arn)
    except ClientError as error:
        if is_passing(error):
            raise
        return Refused(f"lambda:ListTags: {error_kind(error)}")
    return dict(answer.get("Tags") or {})
