"""Files held to the schemas of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.gateway_pages import FILES
from weft.gateway.objects.crds import check_files, load_crds
from weft.schemas.errors import ConfigError

ROUTE = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\n"


def said(folder: Path, text: str) -> list[str]:
    (folder / "crds.yaml").write_text(FILES["crds.yaml"]())
    (folder / "objects").mkdir()
    (folder / "objects" / "a.yaml").write_text(text)
    problems = check_files([folder / "objects"], load_crds([folder / "crds.yaml"]))
    return [str(problem).removeprefix(f"{folder}/objects/") for problem in problems]


def test_what_the_schema_takes_is_right(tmp_path: Path) -> None:
    spec = "spec: {rules: [{name: a, backendRefs: [{name: b, port: null, filters: {any: text}}]}]}\n"
    assert said(tmp_path, f"{ROUTE}{spec}---\nkind: Secret\napiVersion: v1\n---\njust text\n") == []


def test_each_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    wrong = "spec: {rules: [{nmae: a, backendRefs: [{port: x}]}]}\n"
    assert said(tmp_path, f"# first\n{ROUTE}{wrong}---\n{ROUTE}") == [
        "a.yaml:2: HTTPRoute/r spec.rules[0]: Additional properties are not allowed ('nmae' was unexpected)",
        "a.yaml:2: HTTPRoute/r spec.rules[0].backendRefs[0]: 'name' is a required property",
        "a.yaml:2: HTTPRoute/r spec.rules[0].backendRefs[0].port: 'x' is not of type 'integer', 'null'",
        "a.yaml:7: HTTPRoute/r: 'spec' is a required property",
    ]


def test_a_file_without_definitions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ROUTE)
    with pytest.raises(ConfigError, match="holds no CustomResourceDefinition"):
        load_crds([tmp_path / "a.yaml"])
