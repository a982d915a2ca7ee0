"""The snapshot file, and the hash of what is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.support.shop_catalog import SHOP
from tests.support.small_catalogs import Catalog, shape, upstream
from weft.schemas.catalog import Snapshot, UpstreamId, UpstreamStatus, decode_snapshot, encode_snapshot
from weft.schemas.errors import DocumentError

SNAPSHOT = Snapshot(
    catalog=SHOP,
    statuses=(UpstreamStatus(upstream=UpstreamId("orders"), state="ready", kind="openapi", checked_at=1.5),),
)
ROOT = Path(__file__).parents[3]


def test_a_snapshot_comes_back_as_it_was() -> None:
    assert decode_snapshot(encode_snapshot(SNAPSHOT)) == SNAPSHOT


def test_equal_snapshots_give_equal_bytes() -> None:
    again = decode_snapshot(encode_snapshot(SNAPSHOT))
    assert encode_snapshot(again) == encode_snapshot(SNAPSHOT)


def test_the_hash_does_not_see_the_order_of_shapes() -> None:
    one = upstream("a", shape("X", "x"), shape("Y", "y"))
    other = upstream("a", shape("Y", "y"), shape("X", "x"))
    assert Catalog.of(one).content_hash == Catalog.of(other).content_hash


def test_the_hash_does_not_see_the_order_of_upstreams() -> None:
    one, other = upstream("a", shape("X", "x")), upstream("b", shape("Y", "y"))
    assert Catalog.of(one, other).content_hash == Catalog.of(other, one).content_hash


def test_the_hash_sees_every_change() -> None:
    before = Catalog.of(upstream("a", shape("X", "x")))
    after = Catalog.of(upstream("a", shape("X", "y")))
    assert before.content_hash != after.content_hash


@pytest.mark.slow
def test_the_hash_is_the_same_in_every_process() -> None:
    program = "from tests.support.shop_catalog import SHOP; print(SHOP.content_hash)"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {SHOP.content_hash}


def test_another_format_is_refused_with_what_to_do() -> None:
    data = msgspec.json.encode({"format": 2, "snapshot": {}})
    with pytest.raises(DocumentError) as caught:
        decode_snapshot(data, source="weft.snapshot")
    assert str(caught.value) == (
        "weft.snapshot: snapshot format 2, this version reads 1; run `weft discover` again"
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"not json", b'{"format": "1"}', b"\xff\xfe"])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError, match="not a snapshot"):
        decode_snapshot(data)


def test_a_damaged_snapshot_is_refused_with_the_place() -> None:
    data = encode_snapshot(SNAPSHOT).replace(b'"kind":"string"', b'"kind":"strong"', 1)
    with pytest.raises(DocumentError, match=r"damaged snapshot: .*strong.* at `\$\..*; run `weft discover`"):
        decode_snapshot(data)


def test_a_cut_snapshot_is_refused() -> None:
    with pytest.raises(DocumentError):
        decode_snapshot(encode_snapshot(SNAPSHOT)[:-2])


def test_a_member_of_a_later_version_is_passed_over() -> None:
    data = encode_snapshot(SNAPSHOT)[:-1] + b',"written_by":"weft 9"}'
    assert decode_snapshot(data) == SNAPSHOT


def test_renaming_an_upstream_renames_its_functions() -> None:
    renamed = SHOP.upstreams_by_id[UpstreamId("orders")].renamed(UpstreamId("sales"))
    assert {function.upstream for function in renamed.functions} == {"sales"}
    assert renamed.functions[0].id == "sales.listOrders"
