"""Inferred and configured links, settled into one set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..catalog import Catalog, DeclaredBulk, Function, FunctionId, ListOf, ObjectShape, ShapeName, Upstream
from ..errors import ConfigError
from ..names import field_name, is_name, type_name
from .bulk import FoundBulk, describe_bulk, find_bulk
from .entities import Answer, KeyName, direct_answer, listed_answer, object_of
from .infer import find_entities, find_links, find_ways
from .model import BulkFunction, BulkRule, Key, Link, LinkRule, Weave
from .paging import size_argument
from .resources import resource_bulk, resource_links


def weave(
    catalog: Catalog,
    *,
    links: Sequence[LinkRule] = (),
    bulk: Sequence[BulkRule] = (),
    apart: Collection[str] = (),
    source: str = "configuration",
) -> Weave:
    """All links and bulk functions of *catalog*.

    What a rule says wins over what is found. A rule about a function or type that the catalog does not
    have is left out with a note: its upstream may be down just now.

    Args:
        catalog: What was discovered.
        links: Rules about links.
        bulk: Rules about bulk functions.
        apart: Upstreams whose keys mean nothing elsewhere, such as another company's API: no link between
            them and other upstreams is inferred.
        source: Where the rules come from, for error messages.

    Raises:
        ConfigError: A rule that contradicts the catalog, such as one that names an argument that the
            function does not have.
    """
    notes: list[str] = []
    found = find_bulk(catalog)
    pairs: dict[FunctionId, BulkFunction] = {}
    ruled_out = {rule.function for rule in bulk}
    for stated in catalog.functions.values():
        if stated.bulk is None or stated.id in ruled_out:
            continue
        found = [one for one in found if one.function.id != stated.id]
        if stated.bulk.answers and stated.bulk.answers not in catalog.functions:
            continue  # the function that it stands in for is switched off
        try:
            one = _declared_bulk(catalog, stated, stated.bulk)
        except ConfigError as error:
            notes.append(f"{stated.id}: its description's batch is not used, for {error.problem}")
            continue
        found.append(one)
        if stated.bulk.answers:
            pairs[stated.bulk.answers] = one.bulk
    for index, rule in enumerate(bulk):
        found = [one for one in found if one.function.id != rule.function]
        if rule.off:
            continue
        function = catalog.functions.get(FunctionId(rule.function))
        if function is None:
            notes.append(f"bulk[{index}]: no function {rule.function}")
            continue
        one = _configured_bulk(catalog, function, rule, key=f"bulk[{index}]", source=source)
        found.append(one)
        if rule.answers:
            pairs[FunctionId(rule.answers)] = one.bulk
    switched_off = {link_rule.field for link_rule in links if link_rule.off}
    settled: dict[tuple[str, str, str], Link] = {}
    ways = find_ways(catalog, found)
    inferred, undecided = find_links(catalog, ways, apart=apart)
    named = [one for one in resource_bulk(catalog) if one.function not in ruled_out]
    # What a description says of resources goes before what names suggest.
    inferred = [*inferred, *resource_links(catalog, named)]
    ruled = tuple(f"{rule.field}:" for rule in links)
    notes += [note for note in undecided if not note.startswith(ruled)]
    for link in inferred:
        taken = _field_taken(catalog, link)
        coordinate = f"{link.shape}.{link.field}"
        if coordinate in switched_off or f"{type_name(link.shape)}.{link.field}" in switched_off:
            notes.append(f"{coordinate}: switched off")
        elif taken:
            notes.append(f"{coordinate}: not linked to {link.target}, for the type has a field of that name")
        else:
            settled[link.upstream, link.shape, link.field] = _paired(link, pairs)
    for link in _declared_links(catalog, notes):
        coordinates = {f"{link.shape}.{link.field}", f"{type_name(link.shape)}.{link.field}"}
        if not coordinates & switched_off and not _field_taken(catalog, link):
            settled[link.upstream, link.shape, link.field] = _paired(link, pairs)
    for index, link_rule in enumerate(links):
        if link_rule.off:
            continue
        key = f"links[{index}]"
        for link in _configured_links(catalog, link_rule, found, notes, key=key, source=source):
            settled[link.upstream, link.shape, link.field] = _paired(link, pairs)
    return Weave(
        links=tuple(settled[at] for at in sorted(settled)),
        bulk=tuple(sorted((*(one.bulk for one in found), *named), key=lambda b: b.function)),
        entities=tuple(_paired(link, pairs) for link in find_entities(ways)),
        notes=tuple(notes),
    )


def _declared_links(catalog: Catalog, notes: list[str]) -> list[Link]:
    """The links that descriptions state."""
    found: list[Link] = []
    for function in catalog.functions.values():
        upstream = catalog.upstreams_by_id[function.upstream]
        shape = object_of(upstream, function.result)
        for declared in function.links:
            place = f"{function.id}: link {declared.name}"
            target = catalog.functions.get(declared.target)
            field = field_name(declared.name)
            members = {one.name for one in shape.fields} if shape else set()
            if target is None or target.effect != "read" or target.streaming != "none":
                notes.append(f"{place}: not linked to {declared.target}, for that is no read")
            elif shape is None or not set(declared.keys.values()) <= members:
                notes.append(f"{place}: not linked, for the answer has no such members")
            elif not is_name(field):
                notes.append(f"{place}: not linked, for its name is no field's")
            else:
                found.append(
                    Link(
                        upstream=upstream.id,
                        shape=shape.name,
                        field=field,
                        keys=tuple(Key(argument, member) for argument, member in declared.keys.items()),
                        function=target.id,
                        many=isinstance(target.result, ListOf),
                        evidence=f"declared as {declared.name} by {function.id}",
                        origin="declared",
                    )
                )
    return found


def _paired(link: Link, pairs: dict[FunctionId, BulkFunction]) -> Link:
    """*link*, with the bulk function that the configuration, or a description, gives its function."""
    if link.function is None or link.function not in pairs or len(link.keys) != 1:
        return link
    return replace(link, bulk=pairs[link.function])


def _field_taken(catalog: Catalog, link: Link) -> bool:
    shape = catalog.upstreams_by_id[link.upstream].shapes[link.shape]
    assert isinstance(shape, ObjectShape)
    return any(field_name(field.name) == link.field for field in shape.fields if not field.write_only)


def _declared_bulk(catalog: Catalog, function: Function, declared: DeclaredBulk) -> FoundBulk:
    """What a description says of its function, as a rule would say it; raises `ConfigError` where it contradicts."""
    rule = BulkRule(
        function=function.id,
        answers=declared.answers or None,
        argument=declared.argument,
        items=".".join(declared.items),
        key=declared.key,
        max_keys=declared.max_keys,
    )
    one = _configured_bulk(catalog, function, rule, key="batch", source=function.id)
    evidence = f"declared: {declared.argument} takes a list, and results carry {declared.key}"
    return replace(one, bulk=replace(one.bulk, evidence=evidence, origin="declared"))


def _configured_bulk(
    catalog: Catalog, function: Function, rule: BulkRule, *, key: str, source: str
) -> FoundBulk:
    upstream = catalog.upstreams_by_id[function.upstream]
    lists = [a for a in function.arguments if isinstance(a.type, ListOf)]
    names = [rule.argument] if rule.argument else [a.name for a in lists]
    argument = next((a for a in lists if a.name in names), None)
    if argument is None:
        raise ConfigError(
            source=source,
            key=f"{key}.argument",
            problem=f"{function.id} has no list argument {rule.argument or ''}".rstrip(),
            accepted=", ".join(a.name for a in lists) or "a function with a list argument",
        )
    described = describe_bulk(upstream, function, argument)
    answer = listed_answer(upstream, function)
    if rule.items is not None or answer is None:
        answer = _answer_at(upstream, function, rule.items or "", key=key, source=source)
    member = rule.key or (described.bulk.key if described else None)
    if member is None or all(field.name != member for field in answer.shape.fields):
        raise ConfigError(
            source=source,
            key=f"{key}.key",
            problem=f"items of {function.id} have no member {member or 'that is a key'}",
            accepted=", ".join(field.name for field in answer.shape.fields),
        )
    base = described.bulk if described else BulkFunction(function.id, argument.name, answer.items, member)
    many = _is_many(catalog, function, rule, base, key=key, source=source)
    size = size_argument(function) if many else None
    if size is not None and rule.per_key is None:
        raise ConfigError(
            source=source,
            key=f"{key}.per_key",
            problem=f"{size.name} of {function.id} may cut the answer to several keys",
            accepted="the most items that one key has",
        )
    per_key = (rule.per_key if size is not None else None) or 1
    made = BulkFunction(
        function=function.id,
        argument=argument.name,
        items=answer.items,
        key=member,
        size_argument=size.name if size else base.size_argument,
        max_keys=max(rule.max_keys or base.max_keys // per_key, 1),
        max_key_bytes=base.max_key_bytes,
        many=many,
        per_key=per_key,
        evidence=f"configured in {source}",
        origin="configured",
    )
    subject = described.subject if described else ()
    name = described.key if described else KeyName((), "id", many=True)
    return FoundBulk(made, upstream, function, argument, name, subject, answer)


def _is_many(
    catalog: Catalog, function: Function, rule: BulkRule, base: BulkFunction, *, key: str, source: str
) -> bool:
    """Whether a key is answered by a list: as the rule says, as the function that it stands in for, or as found."""
    single = catalog.functions.get(FunctionId(rule.answers)) if rule.answers else None
    if single is None:
        return base.many if rule.many is None else rule.many
    many = isinstance(single.result, ListOf)
    if rule.many is not None and rule.many is not many:
        raise ConfigError(
            source=source,
            key=f"{key}.many",
            problem=f"{function.id} cannot stand in for {single.id}, which answers {'a list' if many else 'one'}",
            accepted=str(many).lower(),
        )
    return many


def _answer_at(upstream: Upstream, function: Function, items: str, *, key: str, source: str) -> Answer:
    type_ = function.result
    steps = tuple(step for step in items.split(".") if step)
    for step in steps:
        shape = object_of(upstream, type_)
        field = next((f for f in shape.fields if f.name == step), None) if shape else None
        if field is None:
            raise ConfigError(
                source=source,
                key=f"{key}.items",
                problem=f"the answer of {function.id} has no member {step}",
                accepted=", ".join(f.name for f in shape.fields) if shape else "",
            )
        type_ = field.type
    shape = object_of(upstream, type_.item) if isinstance(type_, ListOf) else None
    if shape is None:
        raise ConfigError(
            source=source,
            key=f"{key}.items",
            problem=f"{items or 'the answer'} of {function.id} is no list of objects",
        )
    return Answer(shape, steps, many=True)


def _configured_links(
    catalog: Catalog, rule: LinkRule, bulk: Sequence[FoundBulk], notes: list[str], *, key: str, source: str
) -> list[Link]:
    parent, dot, field = rule.field.partition(".")
    if not dot or not is_name(field) or rule.function is None:
        raise ConfigError(
            source=source,
            key=f"{key}.field",
            problem=f"{rule.field!r} with function {rule.function!r} is no link",
            accepted="field: Type.field, function: upstream.operation, keys: {argument: member}",
        )
    function = catalog.functions.get(FunctionId(rule.function))
    if function is None:
        notes.append(f"{key}: no function {rule.function}")
        return []
    homes = [
        (upstream, name)
        for upstream in catalog.upstreams
        for name, shape in upstream.shapes.items()
        if isinstance(shape, ObjectShape) and parent in {name, type_name(name)}
    ]
    if not homes:
        notes.append(f"{key}: no type {parent}")
    return [
        _configured_link(upstream, name, field, function, rule, bulk, key, source) for upstream, name in homes
    ]


def _configured_link(
    upstream: Upstream,
    name: ShapeName,
    field: str,
    function: Function,
    rule: LinkRule,
    bulk: Sequence[FoundBulk],
    key: str,
    source: str,
) -> Link:
    shape = upstream.shapes[name]
    assert isinstance(shape, ObjectShape)
    members = {f.name: f for f in shape.fields}
    keys = []
    for argument, member in (rule.keys or {}).items():
        if function.argument(argument) is None:
            raise ConfigError(
                source=source,
                key=f"{key}.keys.{argument}",
                problem=f"{function.id} has no argument {argument}",
                accepted=", ".join(a.name for a in function.arguments),
            )
        if member not in members:
            raise ConfigError(
                source=source,
                key=f"{key}.keys.{argument}",
                problem=f"{name} has no member {member}",
                accepted=", ".join(members),
            )
        keys.append(Key(argument, member))
    if not keys:
        raise ConfigError(
            source=source,
            key=f"{key}.keys",
            problem="a link needs a key",
            accepted="keys: {argument: member}",
        )
    one = next(
        (b for b in bulk if b.function.id == function.id and b.argument.name == keys[0].argument), None
    )
    answer = direct_answer(upstream, function)
    each = len(keys) == 1 and isinstance(members[keys[0].member].type, ListOf)
    return Link(
        upstream=upstream.id,
        shape=name,
        field=field,
        keys=tuple(keys),
        function=None if one else function.id,
        bulk=one.bulk if one and len(keys) == 1 else None,
        many=one.bulk.many if one else isinstance(function.result, ListOf),
        each=each,
        evidence=f"configured in {source}" + ("" if answer or one else "; its answer is no object"),
        origin="configured",
    )
