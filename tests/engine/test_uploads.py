"""A file from the client's request to the upstream's form."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from weft.engine.execute.engine import Engine
from weft.engine.operation import GraphQLRequest
from weft.engine.transport import TransportSettings
from weft.engine.transport.http import HttpTransport
from weft.schemas.catalog import Catalog, UploadedFile, UpstreamId
from weft.schemas.links import Weave
from weft.schemas.openapi import parse_document, read_openapi
from weft.schemas.stitch import stitch

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "files", "version": "1"},
    "paths": {
        "/form": {
            "post": {
                "operationId": "sendForm",
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "title": {"type": "string"},
                                    "file": {"type": "string", "format": "binary"},
                                    "more": {
                                        "type": "array",
                                        "items": {"type": "string", "format": "binary"},
                                    },
                                },
                            },
                            "encoding": {"more": {"contentType": "image/png"}},
                        }
                    }
                },
                "responses": {"200": {"content": {"application/json": {"schema": {}}}}},
            }
        },
        "/raw": {
            "post": {
                "operationId": "sendRaw",
                "requestBody": {
                    "content": {
                        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
                    }
                },
                "responses": {"200": {"content": {"application/json": {"schema": {}}}}},
            }
        },
        "/json": {
            "post": {
                "operationId": "sendJson",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"file": {"type": "string", "format": "binary"}},
                            }
                        }
                    }
                },
                "responses": {"200": {"content": {"application/json": {"schema": {}}}}},
            }
        },
    },
}


async def seen(request: web.Request) -> web.Response:
    if request.path != "/form":
        return web.json_response((await request.read()).decode())
    parts = []
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        content = await part.read()  # type: ignore[union-attr]
        parts.append([part.name, part.filename, part.headers.get("content-type"), content.decode()])  # type: ignore[union-attr]
    return web.json_response(parts)


async def send(query: str, **variables: Any) -> Any:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", seen)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    document = parse_document(msgspec.json.encode(DOCUMENT), source="test")
    upstream = read_openapi(document, upstream=UpstreamId("up"), document_url=url)
    stitched = stitch(Catalog.of(upstream), Weave((), ()))
    transport = HttpTransport(upstream, TransportSettings())
    try:
        async with Engine(stitched, {upstream.id: transport}) as engine, asyncio.timeout(5):
            response = await engine.execute(GraphQLRequest(query, variables))
    finally:
        await runner.cleanup()
    return msgspec.json.decode(response.body)


async def test_files_become_parts_with_their_names_and_types() -> None:
    query = 'mutation ($file: Upload, $more: [Upload!]) { sendForm(input: {title: "t", file: $file, more: $more}) }'
    answer = await send(query, file=UploadedFile(b"abc", 'a".txt', "text/plain"), more=["Ynl0ZXM="])
    assert answer == {
        "data": {
            "sendForm": [
                ["title", None, None, "t"],
                ["file", "a%22.txt", "text/plain", "abc"],
                ["more", "more", "image/png", "bytes"],
            ]
        }
    }


async def test_file_is_a_whole_body() -> None:
    query = "mutation ($file: Upload) { sendRaw(input: $file) }"
    assert await send(query, file=UploadedFile(b"abc")) == {"data": {"sendRaw": "abc"}}
    assert await send(query, file="Ynl0ZXM=") == {"data": {"sendRaw": "bytes"}}


async def test_file_in_json_is_base64() -> None:
    query = "mutation ($file: Upload) { sendJson(input: {file: $file}) }"
    assert await send(query, file=UploadedFile(b"bytes")) == {"data": {"sendJson": '{"file":"Ynl0ZXM="}'}}


async def test_what_is_no_file_is_refused_at_its_argument() -> None:
    answer = await send('mutation { sendRaw(input: "no base64!") }')
    assert "Upload takes a file" in answer["errors"][0]["message"]
