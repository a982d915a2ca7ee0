"""``weft call``: one function, straight."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ..schemas.errors import UpstreamError
from .explain import read_object
from .output import BadCall, fail, note, print_json
from .parameters import DEFAULT_CONFIG, ConfigOption, FreshOption, read_settings
from .snapshots import current_snapshot

if TYPE_CHECKING:
    from ..schemas.catalog import Argument, Catalog, Function, Json, Snapshot
    from ..settings import Settings


def call(
    function: Annotated[
        str, typer.Argument(help="Id of the function; its end is enough where it is unique.")
    ],
    arguments: Annotated[list[str] | None, typer.Argument(help="`name=value` for each argument.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    json_arguments: Annotated[
        str, typer.Option("--arguments", "-a", metavar="JSON", help="All arguments as one JSON object.")
    ] = "{}",
    learn: Annotated[
        bool,
        typer.Option(
            "--learn",
            help="Keep the types of payload and answer, for a Lambda function that nobody describes.",
        ),
    ] = False,
    fresh: FreshOption = False,
) -> None:
    """Call one function and print its answer as JSON.

    With `--learn` the types of what a Lambda function was sent and has answered, but no values, are added to
    `weft.learned.json` beside the lock file; the next `weft discover` reads it. Several calls show more than one.

    A value is read as JSON where the argument is not a text; a list may be given with commas.

    Examples:

        weft call products.get_product product_id=p-1

        weft call GetStock productId=p-1

        weft call products.list_products ids=p-1,p-2 limit=2

        weft call products.create_product -a '{"input": {"name": "Lamp"}}'

        weft call pricing.echo payload='{"id": 1}' --learn
    """
    settings = read_settings(config)
    snapshot = current_snapshot(settings, fresh=fresh)
    found = find_function(snapshot.catalog, function)
    if learn:
        check_learnable(found)
    given = {**read_object(json_arguments, "--arguments"), **read_arguments(found, arguments or [])}
    missing = [a.name for a in found.arguments if a.required and a.name not in given]
    if missing:
        raise BadCall(f"{found.id} needs {', '.join(f'{name}=…' for name in missing)}")
    answer = asyncio.run(_call(snapshot, settings, found, given))
    if isinstance(answer, UpstreamError):
        detail = getattr(answer, "detail", "")
        fail(f"{answer.code}: {answer.public_message}" + (f" ({detail})" if detail else ""))
        raise typer.Exit(1)
    print_json(answer)
    if learn:
        show_learned(snapshot, settings, found, given, answer)


def check_learnable(function: Function) -> None:
    """Refuse `--learn` for what has no types to learn."""
    from ..schemas.catalog import LambdaBinding

    binding = function.binding
    if not isinstance(binding, LambdaBinding):
        raise BadCall(f"--learn is for Lambda functions; the types of {function.id} stand in its description")
    if binding.proxy is not None or binding.batch is not None or binding.invocation != "request":
        raise BadCall(
            f"nothing is to be learned from a call of {function.id}: its description says how it goes"
        )


def show_learned(
    snapshot: Snapshot, settings: Settings, function: Function, given: dict[str, Any], answer: Json
) -> None:
    """Keep what a call shows of *function*, and say what is known of it now."""
    from ..app.learning import learn_call, learned_file
    from ..schemas.catalog import LambdaBinding

    binding = function.binding
    assert isinstance(binding, LambdaBinding)
    payload = given if binding.payload == "arguments" else given.get("payload", {})
    upstream = snapshot.catalog.upstreams_by_id[function.upstream]
    try:
        learned = learn_call(settings, upstream, function, payload, answer)
    except OSError as error:
        fail(f"{learned_file(settings)} cannot be written: {error.strerror}")
        raise typer.Exit(1) from error
    note(
        f"learned from {learned.samples} call{'s' if learned.samples > 1 else ''} of {binding.function_name}:"
    )
    for title, schema in (("payload", learned.payload), ("answer", learned.result)):
        note(f"  {title}: {msgspec.json.encode(schema).decode()}")
    if function.types_from and "--learn" not in function.types_from:
        note(f"its types come from its {function.types_from}, which goes before")
    else:
        note("`weft discover` takes it over")


async def _call(
    snapshot: Snapshot, settings: Settings, function: Function, arguments: dict[str, Any]
) -> Json | UpstreamError:
    from ..app.transports import engine_settings, make_transports
    from ..engine.execute.calls import Calls
    from ..engine.execute.upstream_caller import UpstreamCaller

    transport = make_transports(snapshot, settings)[function.upstream]
    limits = engine_settings(snapshot, settings)
    async with transport:
        caller = UpstreamCaller(transport)
        deadline = asyncio.get_running_loop().time() + limits.timeout_s
        return await Calls({function.upstream: caller}, {}, deadline).call(function, arguments)


def find_function(catalog: Catalog, text: str) -> Function:
    """The function with that id, or the only one whose id ends in it."""
    found = [f for id_, f in catalog.functions.items() if id_ == text]
    found = found or [f for id_, f in catalog.functions.items() if id_.endswith(f".{text}")]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f.id for f in found)
        raise BadCall(f"{text!r} is the end of several functions: {names}")
    close = [id_ for id_ in catalog.functions if text.lower() in id_.lower()][:5]
    hint = f"; there are {', '.join(close)}" if close else "; see `weft discover --functions`"
    raise BadCall(f"there is no function {text!r}{hint}")


def read_arguments(function: Function, given: list[str]) -> dict[str, Any]:
    """``name=value`` pairs as the function takes them."""
    read: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not equals:
            raise BadCall(f"{pair!r} is not name=value")
        argument = function.argument(name)
        if argument is None:
            names = ", ".join(a.name for a in function.arguments) or "none"
            raise BadCall(f"{function.id} has no argument {name!r}; its arguments: {names}")
        read[name] = read_value(argument, text)
    return read


def read_value(argument: Argument, text: str) -> Any:
    """One value from the command line."""
    from ..schemas.catalog import ListOf, Scalar

    type_ = argument.type
    if _is_text(type_):
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        if isinstance(type_, ListOf):
            item = msgspec.structs.replace(argument, type=type_.item)
            return [read_value(item, part) for part in text.split(",")]
        if isinstance(type_, Scalar):
            raise BadCall(f"{argument.name} takes {type_.kind}, not {text!r}") from None
        return text


def _is_text(type_: object) -> bool:
    from ..schemas.catalog import Scalar

    return isinstance(type_, Scalar) and type_.kind not in {"boolean", "int32", "int64", "uint64", "float"}
