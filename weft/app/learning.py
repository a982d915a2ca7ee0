"""What calls have shown of Lambda functions, kept beside the lock file for discovery."""

from __future__ import annotations

from pathlib import Path

from ..discovery.registries.lambda_address import lambda_place
from ..discovery.store import write_file
from ..schemas.aws_lambda.learned_file import FILE_NAME, AllLearned, decode_learned, encode_learned
from ..schemas.aws_lambda.learning import Learned, learn
from ..schemas.catalog import Function, Json, LambdaBinding, LambdaTarget, Upstream
from ..settings import Settings


def learned_file(settings: Settings) -> Path:
    """Where what was learned is kept: beside the lock file, and like that to be committed."""
    return settings.names.lock.with_name(FILE_NAME)


def learn_call(
    settings: Settings, upstream: Upstream, function: Function, payload: Json, result: Json
) -> Learned:
    """Add one call to what is known of *function*, and keep it.

    Args:
        settings: Say where.
        upstream: Of Lambda.
        function: One of its.
        payload: As it was sent.
        result: As it came.

    Raises:
        DocumentError: The file holds something else.
        OSError: It cannot be read or written.
    """
    target, binding = upstream.target, function.binding
    assert isinstance(target, LambdaTarget)
    assert isinstance(binding, LambdaBinding)
    path = learned_file(settings)
    known: AllLearned = decode_learned(path.read_bytes(), source=path.name) if path.exists() else {}
    place = known.setdefault(place_of(target), {})
    found = place[binding.function_name] = learn(payload, result, place.get(binding.function_name))
    write_file(path, encode_learned(known))
    return found


def place_of(target: LambdaTarget) -> str:
    """The region and account that a function is in, as discovery knows them."""
    role = target.role.arn if target.role else ""
    return lambda_place(target.region, endpoint=target.endpoint, role=role, profile=target.profile)
