import pytest

from weft.engine.transport.credentials import (
    Basic,
    Carried,
    ClientCredentials,
    Credential,
    Forwarded,
    Secret,
    carried_by,
)
from weft.schemas.catalog import HttpBinding, HttpTarget, Requirement, SecurityScheme

SCHEMES = (
    SecurityScheme(name="key", kind="apiKey", location="header", parameter="X-Key"),
    SecurityScheme(name="in_query", kind="apiKey", location="query", parameter="api key"),
    SecurityScheme(name="in_cookie", kind="apiKey", location="cookie", parameter="session"),
    SecurityScheme(name="basic", kind="basic"),
    SecurityScheme(name="bearer", kind="bearer"),
    SecurityScheme(name="oauth", kind="oauth2"),
    SecurityScheme(name="tls", kind="mutualTLS"),
)


def carried(
    *requirements: Requirement,
    stated: bool = True,
    root: tuple[Requirement, ...] | None = None,
    **credentials: Credential,
) -> Carried:
    binding = HttpBinding(method="GET", path="/", security=requirements if stated else None)
    return carried_by(binding, HttpTarget(base_url="http://a", schemes=SCHEMES, security=root), credentials)


def test_api_key_goes_where_its_scheme_says() -> None:
    assert carried({"key": ()}, key=Secret("k")).headers == {"X-Key": "k"}
    assert carried({"in_query": ()}, in_query=Secret("a&b")).query == "api%20key=a%26b"
    assert carried({"in_cookie": ()}, in_cookie=Secret("c")).cookies == "session=c"


def test_user_and_token_become_authorization() -> None:
    assert carried({"basic": ()}, basic=Basic("Aladdin", "open sesame")).headers == {
        "Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    }
    assert carried({"bearer": ()}, bearer=Secret("t")).headers == {"Authorization": "Bearer t"}


def test_schemes_of_one_alternative_go_together() -> None:
    found = carried({"key": (), "in_query": ()}, key=Secret("k"), in_query=Secret("q"))
    assert (found.headers, found.query) == ({"X-Key": "k"}, "api%20key=q")


def test_first_alternative_that_can_be_fulfilled_is_taken() -> None:
    found = carried({"bearer": ()}, {"key": ()}, {"in_query": ()}, key=Secret("k"), in_query=Secret("q"))
    assert (found.headers, found.query) == ({"X-Key": "k"}, "")


def test_half_an_alternative_is_none() -> None:
    assert carried({"bearer": (), "key": ()}, key=Secret("k")) == Carried()


def test_function_that_asks_for_nothing_gets_nothing() -> None:
    assert carried(root=({"key": ()},), key=Secret("k")) == Carried()


def test_optional_credentials_are_sent_where_there_are_some() -> None:
    assert carried({}, {"key": ()}, key=Secret("k")).headers == {"X-Key": "k"}


def test_function_without_requirements_has_those_of_its_upstream() -> None:
    assert carried(stated=False, root=({"key": ()},), key=Secret("k")).headers == {"X-Key": "k"}


def test_description_that_says_nothing_of_requirements_gets_every_credential() -> None:
    assert carried(stated=False, key=Secret("k")).headers == {"X-Key": "k"}


def test_credential_that_the_description_does_not_know_is_always_sent() -> None:
    assert carried(other=Secret("k", "header", "x-other")).headers == {"x-other": "k"}


def test_certificate_and_the_callers_own_header_fulfil_their_schemes() -> None:
    found = carried({"tls": (), "key": ()}, key=Secret("k"))
    assert found.headers == {"X-Key": "k"}
    assert (
        carried({"bearer": ()}, {"key": ()}, bearer=Forwarded("authorization"), key=Secret("k")) == Carried()
    )


def test_token_has_the_scopes_of_its_function_unless_they_are_configured() -> None:
    found = carried({"oauth": ("write", "read")}, oauth=ClientCredentials("id", "secret"))
    assert found.token is not None
    assert found.token.scopes == ("read", "write")
    found = carried({"oauth": ("read",)}, oauth=ClientCredentials("id", "secret", scopes=("all",)))
    assert found.token is not None
    assert found.token.scopes == ("all",)


@pytest.mark.parametrize(
    "value",
    [
        Secret("hush"),
        Basic("hush", "hush"),
        ClientCredentials("hush", "hush"),
        carried({"key": ()}, key=Secret("hush")),
        carried({"in_query": ()}, in_query=Secret("hush")),
        carried({"in_cookie": ()}, in_cookie=Secret("hush")),
        carried({"oauth": ()}, oauth=ClientCredentials("hush", "hush")),
    ],
)
def test_repr_holds_no_secret(value: object) -> None:
    assert "hush" not in repr(value)
