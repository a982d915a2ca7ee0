from pathlib import Path
from typing import Any

import pytest

from weft import Settings
from weft.engine.transport.base import TlsFiles
from weft.engine.transport.credentials import Basic, ClientCredentials, Forwarded, Secret
from weft.schemas.errors import ConfigError
from weft.settings.upstreams import forwarded_headers, plain_credentials, tls_files


def settings(**more: Any) -> Settings:
    return Settings.from_mapping(
        {"upstreams": [{"url": "https://a.test", **more}]}, environment={"KEY": "hush"}
    )


def test_credentials_are_read_by_the_names_of_their_schemes() -> None:
    entry = settings(
        credentials={
            "key": "${KEY}",
            "basic": {"username": "u", "password": "${KEY}"},
            "oauth": {
                "client_id": "weft",
                "client_secret": "${KEY}",
                "scopes": ["a"],
                "token_url": "https://t.test/x",
            },
            "mine": {"forward": "Authorization"},
            "other": {"value": "${KEY}", "query": "key"},
        },
        forward=["x-tenant"],
    ).upstreams[0]
    assert plain_credentials(entry) == {
        "key": Secret("hush"),
        "basic": Basic("u", "hush"),
        "oauth": ClientCredentials("weft", "hush", token_url="https://t.test/x", scopes=("a",)),
        "mine": Forwarded("authorization"),
        "other": Secret("hush", "query", "key"),
    }
    assert forwarded_headers(entry) == ("x-tenant", "authorization")
    assert "hush" not in repr(entry)


@pytest.mark.parametrize(
    ("credential", "told"),
    [
        ({}, "says nothing"),
        ({"value": "a", "forward": "b"}, "says both"),
        ({"username": "a"}, "half of a user"),
        ({"client_id": "a"}, "half of a client"),
        ({"username": "a", "password": "b", "header": "x"}, "go with `value` alone"),
        ({"value": "a", "header": "x", "query": "y"}, "more than one place"),
        ({"value": "a", "scopes": ["b"]}, "go with `client_id` alone"),
        ({"value": "${NOBODY}"}, "NOBODY is not set"),
        ({"value": "a", "cookie": "a b"}, "cookie"),
    ],
)
def test_credential_of_another_form_is_refused(credential: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(credentials={"key": credential})
    assert told in str(caught.value)


def test_files_of_tls_are_relative_to_the_settings(tmp_path: Path) -> None:
    config = {
        "upstreams": [
            {"url": "https://a.test", "tls": {"certificate": "c.pem", "key": "k.pem", "key_password": "hush"}}
        ]
    }
    entry = Settings.from_mapping(config, base=tmp_path).upstreams[0]
    assert tls_files(entry) == TlsFiles(
        certificate=str(tmp_path / "c.pem"), key=str(tmp_path / "k.pem"), key_password="hush"
    )
    assert "hush" not in repr(entry)
    for tls in ({}, {"key": "k.pem"}):
        with pytest.raises(ConfigError):
            settings(tls=tls)


def test_credentials_are_for_http_servers_and_tls_for_those_that_speak_it() -> None:
    for url, section in (
        ("grpcs://a.test:1", {"credentials": {"key": "a"}}),
        ("grpcs://a.test:1", {"tls": {"ca": "a.pem"}}),
        ("http://a.test", {"tls": {"ca": "a.pem"}}),
    ):
        with pytest.raises(ConfigError):
            Settings.from_mapping({"upstreams": [{"url": url, **section}]})
    Settings.from_mapping({"upstreams": [{"url": "https://a.test", "tls": {"ca": "a.pem"}}]})


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"hooks": {"secret": "short"}}, "no secret for a path"),
        ({"hooks": {"secret": "a/b" * 10}}, "no secret for a path"),
        ({"hooks": {"secret": "a" * 16}, "workers": 2}, "do not go together"),
        ({"hooks": {}}, "secret"),
    ],
)
def test_hooks_need_a_secret_and_one_worker(server: Any, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.from_mapping({"upstreams": [], "server": server})
    assert told in str(caught.value)


def test_secret_of_hooks_is_not_shown() -> None:
    found = Settings.from_mapping(
        {"upstreams": [], "server": {"workers": 1, "hooks": {"secret": "hush" * 4}}}
    )
    assert found.server.hooks is not None
    assert "hush" not in repr(found)
