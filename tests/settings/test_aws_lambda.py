"""What is said of Lambda: regions, accounts, filters, aliases and versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from weft.app.behind import Behind
from weft.app.transports import engine_settings
from weft.discovery import LambdaAddress, StaticRegistry
from weft.discovery.registries import LambdaFilters, LambdaQualifiers
from weft.discovery.registries.lambda_regions import LambdaRegions
from weft.schemas.catalog import AssumedRole, Catalog, Snapshot, Upstream, UpstreamId, UpstreamStatus
from weft.schemas.errors import ConfigError
from weft.settings import (
    ConfigErrors,
    Settings,
    entries_by_upstream,
    load_settings,
    registries,
    settings_json_schema,
    static_candidates,
)

ONE = "arn:aws:iam::111111111111:role/weft"
TWO = "arn:aws:iam::222222222222:role/path/weft"


def settings(*places: Any, **more: Any) -> Settings:
    return Settings.from_mapping(
        {"upstreams": [{"lambda": place, **more} for place in places]}, Path("/base")
    )


def addresses(place: Any, **more: Any) -> dict[str | None, LambdaAddress]:
    found = {one.name: one.address for one in static_candidates(settings(place, **more))}
    return {name: one for name, one in found.items() if isinstance(one, LambdaAddress)}


def mistake(tmp_path: Path, text: str) -> ConfigError:
    file = tmp_path / "weft.yaml"
    file.write_text(f"upstreams:\n  - name: shop\n    lambda:\n      {text}\n")
    with pytest.raises(ConfigErrors) as caught:
        load_settings(file)
    (found,) = caught.value.problems
    return found


def test_a_text_alone_is_the_region() -> None:
    assert addresses("eu-west-1") == {None: LambdaAddress("eu-west-1")}


def test_several_regions_are_upstreams_with_the_region_in_their_names() -> None:
    assert addresses({"regions": ["eu-west-1", "us-east-1"]}, name="shop") == {
        "shop_eu_west_1": LambdaAddress("eu-west-1", shared=True),
        "shop_us_east_1": LambdaAddress("us-east-1", shared=True),
    }


def test_a_further_region_renames_nobody() -> None:
    assert list(addresses({"regions": ["eu-west-1"]})) == ["lambda_eu_west_1"]


def test_a_role_goes_with_every_question_and_call() -> None:
    role = {"arn": ONE, "external_id": "e-1", "session_name": "looking"}
    (found,) = addresses({"region": "eu-west-1", "role": role}).values()
    assert found.target.role == AssumedRole(arn=ONE, external_id="e-1", session_name="looking")


def test_each_region_of_each_account_is_an_upstream() -> None:
    roles = [ONE, {"arn": TWO, "name": "partner"}]
    found = addresses({"regions": ["eu-west-1", "us-east-1"], "roles": roles}, name="shop")
    assert {name: str(address) for name, address in found.items()} == {
        "shop_111111111111_eu_west_1": f"lambda:eu-west-1 {ONE}",
        "shop_111111111111_us_east_1": f"lambda:us-east-1 {ONE}",
        "shop_partner_eu_west_1": f"lambda:eu-west-1 {TWO}",
        "shop_partner_us_east_1": f"lambda:us-east-1 {TWO}",
    }


def test_filters_and_qualifiers_reach_discovery() -> None:
    place = {
        "region": "eu-west-1",
        "profile": "shop",
        "functions": ["pricing-*", "!*-internal"],
        "runtimes": "python3.*",
        "tags": {"team": "pricing", "stage": ["prod", "beta-*"]},
        "opt_in": True,
        "alias": "live",
        "also": ["aliases", "versions"],
    }
    (found,) = addresses(place).values()
    assert found == LambdaAddress(
        "eu-west-1",
        profile="shop",
        filters=LambdaFilters(
            names=("pricing-*", "!*-internal"),
            runtimes=("python3.*",),
            tags=(("team", ("pricing",)), ("stage", ("prod", "beta-*"))),
            opt_in=True,
        ),
        qualifiers=LambdaQualifiers(aliases=("live",), beside=frozenset({"aliases", "versions"})),
    )


async def test_all_regions_are_asked_of_aws() -> None:
    place = {"region": "*", "roles": [ONE, TWO], "functions": "a-*"}
    static, first, second = registries(settings(place, name="shop"))
    assert isinstance(static, StaticRegistry)
    assert await static.candidates() == ()
    assert isinstance(first, LambdaRegions)
    assert (first.name, second.name) == ("shop_111111111111 lambda:*", "shop_222222222222 lambda:*")
    (candidate,) = first._make_candidates("eu-west-1")
    assert candidate.name == "shop_111111111111_eu_west_1"
    assert candidate.address == LambdaAddress(
        "eu-west-1", role=AssumedRole(arn=ONE), filters=LambdaFilters(names=("a-*",)), shared=True
    )


def test_who_asks_for_regions_is_told_apart() -> None:
    places = [{"region": "*"}, {"region": "*", "roles": [ONE]}, {"region": "*", "profile": "shop"}]
    said = Settings.from_mapping(
        {"upstreams": [{"lambda": places[0]}, {"lambda": places[1]}, {"name": "third", "lambda": places[2]}]}
    )
    names = [one.name for one in registries(said)]
    assert names == ["static", "lambda:*", f"lambda:* {ONE}", "third lambda:*"]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (
            [{"regions": ["us-east-1"]}, {"regions": ["us-east-1"], "role": ONE}],
            "upstream lambda_us_east_1, as upstreams[0] has lambda_us_east_1",
        ),
        ([{"region": "*"}, {"region": "*", "role": ONE}], "upstream lambda_*, as upstreams[0] has lambda_*"),
        (
            [{"region": "*"}, {"regions": ["us-east-1"]}],
            "upstream lambda_us_east_1, as upstreams[0] has lambda_*",
        ),
    ],
)
def test_two_entries_whose_upstreams_would_have_one_name_are_told(places: list[Any], said: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        settings(*places)
    assert caught.value.key == "upstreams[1]"
    assert said in caught.value.problem
    assert caught.value.accepted == "another `name` for one of them"


def test_names_of_all_regions_leave_room_for_others() -> None:
    roles = [{"arn": ONE, "name": "partner"}, TWO]
    said = settings({"region": "*"}, {"regions": ["us-east-1"], "roles": roles})
    assert len(said.upstreams) == 2


def test_nobody_is_asked_for_the_regions_of_what_is_ignored() -> None:
    said = settings({"region": "*"}, ignore=True)
    assert len(registries(said)) == 1
    assert [one.ignored for one in static_candidates(said)] == ["`ignore: true` in the settings"]


def test_each_upstream_finds_its_entry() -> None:
    said = settings("eu-west-1", {"regions": ["eu-west-2"]}, {"region": "*", "roles": [ONE]})
    first, second, third = said.upstreams
    places = {
        "pricing": "lambda:eu-west-1",
        "lambda_eu_west_2": "lambda:eu-west-2",
        "lambda_111111111111_us_east_1": f"lambda:us-east-1 {ONE}",
        "lambda_111111111111_us_east_2": f"lambda:us-east-2 {TWO}",
        "other": "lambda:us-west-1",
    }
    statuses = [
        UpstreamStatus(upstream=UpstreamId(name), state="ready", address=address)
        for name, address in places.items()
    ]
    assert entries_by_upstream(said, statuses) == {
        "pricing": first,
        "lambda_eu_west_2": second,
        "lambda_111111111111_us_east_1": third,
    }


def test_two_entries_for_one_region_of_one_account_are_told() -> None:
    with pytest.raises(ConfigErrors, match=r"upstreams\[1\].*stands where upstreams\[0\] does"):
        settings({"regions": ["eu-west-1", "us-east-1"]}, "us-east-1")
    settings({"region": "us-east-1", "role": ONE}, {"region": "us-east-1", "role": TWO}, "us-east-1")
    settings({"region": "us-east-1", "profile": "a"}, "us-east-1")


@pytest.mark.parametrize(
    ("text", "key", "problem", "accepted"),
    [
        ("endpoint: http://a", "", "says no region", "`region: eu-west-1`"),
        ("{region: a-1, regions: [b-1]}", "", "says both `region` and `regions`", "`region: eu-west-1`"),
        ("region: EU-West-1", ".region", "is not a region", "`*` for all"),
        ("regions: [eu-west-1, '*']", ".regions[1]", "stands for all regions", "without `regions`"),
        ("regions: [a b]", ".regions[0]", "is not a region", "such as `eu-west-1`"),
        ("regions: [a-1, a-1]", ".regions[1]", "stands twice", "each once"),
        ("regions: a-1", ".regions", "is not a list", "a list"),
        ("{region: a-1, role: weft}", ".role", "is not the ARN of a role", "arn:aws:iam::123456789012"),
        (f"{{region: a-1, role: '{ONE}', roles: ['{TWO}']}}", "", "says both `role` and `roles`", "one of"),
        (
            f"{{region: a-1, roles: ['{ONE}', '{ONE}x']}}",
            ".roles[1]",
            "is another role of 111111111111",
            "a `name` for each role",
        ),
        (f"{{region: a-1, role: {{arn: '{ONE}', name: a}}}}", ".role.name", "is for `roles`", "`name`"),
        (
            f"{{region: a-1, roles: [{{arn: '{ONE}', name: A}}]}}",
            ".roles[0].name",
            "upstream's name",
            "lower",
        ),
        (
            f"{{region: a-1, role: {{arn: '{ONE}', external_id: 'a b'}}}}",
            ".role.external_id",
            "external",
            "2 to",
        ),
        (
            f"{{region: a-1, role: {{arn: '{ONE}', session_name: a}}}}",
            ".role.session_name",
            "session",
            "2 to",
        ),
        (
            f"{{region: a-1, role: {{arn: '{ONE}', extern: a}}}}",
            ".role.extern",
            "`external_id`",
            "arn, extern",
        ),
        ("{region: a-1, endpoint: grpc://a:1}", ".endpoint", "is not an HTTP URL", "http://"),
        ("{region: a-1, functions: ['!']}", ".functions[0]", "is empty", "a glob such as"),
        ("{region: a-1, functions: 7}", ".functions", "is not a list", "a list"),
        ("{region: a-1, runtimes: ['']}", ".runtimes[0]", "is empty", "text"),
        ("{region: a-1, tags: {team: 7}}", ".tags.team", "is not a list", "a list"),
        ("{region: a-1, tags: [team]}", ".tags", "is not a mapping", "keys and values"),
        ("{region: a-1, opt_in: 'yes'}", ".opt_in", "is neither true nor false", "`true` or `false`"),
        ("{region: a-1, alias: '3'}", ".alias", "is a version, not an alias", "`version: latest`"),
        ("{region: a-1, alias: $LATEST}", ".alias", "is a version, not an alias", "`version: latest`"),
        ("{region: a-1, alias: [a, b c]}", ".alias[1]", "is not an alias", "letters, digits"),
        ("{region: a-1, version: '3'}", ".version", "'latest' or 'newest'", ""),
        (
            "{region: a-1, alias: a, version: newest}",
            "",
            "`alias` and `version` do not go together",
            "one of",
        ),
        ("{region: a-1, also: [alias]}", ".also[0]", "'aliases' or 'versions'", ""),
    ],
)
def test_a_mistake_says_what_where_and_what_to_do(
    tmp_path: Path, text: str, key: str, problem: str, accepted: str
) -> None:
    found = mistake(tmp_path, text)
    assert found.key == f"upstreams[0].lambda{key}"
    assert problem in found.problem
    assert accepted in found.accepted
    assert found.line >= 3


@pytest.mark.parametrize(
    "place",
    [
        "eu-west-1",
        {"regions": ["eu-west-1"], "roles": [ONE, {"arn": TWO, "name": "partner", "external_id": "e-1"}]},
        {"region": "*", "role": ONE, "functions": ["a-*", "!b"], "runtimes": "image", "tags": {"a": ["b"]}},
        {"region": "a", "opt_in": True, "alias": ["live"], "also": "aliases", "profile": "p"},
        {"region": "a", "version": "newest", "also": ["aliases", "versions"]},
    ],
)
def test_editors_accept_what_is_accepted(place: Any) -> None:
    settings(place)
    validator = Draft202012Validator(settings_json_schema())
    assert not list(validator.iter_errors({"upstreams": [{"lambda": place}]}))


@pytest.mark.parametrize(
    "place",
    [
        "",
        {"regions": "a"},
        {"region": "a", "also": "alias"},
        {"region": "a", "alias": ["b c"]},
        {"region": "a", "functions": [""]},
    ],
)
def test_editors_refuse_what_is_refused(place: Any) -> None:
    with pytest.raises(ConfigErrors):
        settings(place)
    validator = Draft202012Validator(settings_json_schema())
    assert list(validator.iter_errors({"upstreams": [{"lambda": place}]}))


@pytest.mark.parametrize(
    ("place", "attempts", "forwarded"),
    [
        ({"region": "eu-west-1", "role": ONE}, 2, ("x-tenant",)),
        ({"region": "eu-west-1", "profile": "shop"}, 2, ("x-tenant",)),
        ({"region": "eu-west-1"}, 0, ("x-tenant", "x-canary")),
    ],
)
def test_what_is_called_past_a_gateway_is_repeated_by_the_engine(
    place: dict[str, Any], attempts: int, forwarded: tuple[str, ...]
) -> None:
    said = settings(place, name="shop", forward=["x-tenant"])
    (candidate,) = static_candidates(said)
    assert isinstance(candidate.address, LambdaAddress)
    upstream = Upstream(id=UpstreamId("shop"), target=candidate.address.target)
    status = UpstreamStatus(upstream=upstream.id, state="ready", address=str(candidate.address))
    snapshot = Snapshot(catalog=Catalog.of(upstream), statuses=(status,))
    found = engine_settings(
        snapshot, said, behind=Behind(socket="/weft.sock"), canary_headers=("x-canary",)
    ).calls[upstream.id]
    assert (found.retries.attempts, found.forward) == (attempts, forwarded)
