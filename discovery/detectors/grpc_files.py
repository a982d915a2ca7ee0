"""Descriptors from files: what protoc or buf wrote, or the .proto files themselves.

.proto files are compiled by protoc, which comes with grpcio-tools (the extra ``protos``). It runs in a process
of its own: what it says of a mistake is then ours to show.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message import DecodeError

from ...schemas.errors import DocumentError

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of descriptors; as much as is taken from reflection."""
MAX_PROTOS: Final = 10_000
_PROTOC_S: Final = 60.0
_SAID: Final = 300


async def load_descriptor_files(path: Path) -> bytes:
    """A serialized ``FileDescriptorSet``.

    Args:
        path: Such a set, as ``protoc --include_imports --descriptor_set_out`` or ``buf build -o`` writes it; a
            .proto file; or a folder, in which .proto files are found and imported from each other.

    Raises:
        DocumentError: It cannot be read, or does not compile.
    """
    found = await asyncio.to_thread(_protos, path)
    if found is None:
        return await asyncio.to_thread(_read, path)
    return await _compile(*found)


def services_of(descriptors: bytes) -> list[str]:
    """Fully-qualified names of the services in a serialized ``FileDescriptorSet``, sorted.

    Raises:
        DecodeError: It is none.
    """
    files = FileDescriptorSet.FromString(descriptors).file
    return sorted(
        f"{file.package}.{service.name}" if file.package else service.name
        for file in files
        for service in file.service
    )


def _protos(path: Path) -> tuple[Path, list[str]] | None:
    """The folder that imports begin in, and the files to compile; ``None`` for a file that is compiled."""
    if not path.is_dir():
        return (path.parent, [path.name]) if path.suffix == ".proto" else None
    found = [str(one.relative_to(path)) for one in sorted(path.rglob("*.proto"))[: MAX_PROTOS + 1]]
    if not found:
        raise DocumentError(str(path), "", "the folder holds no .proto file")
    if len(found) > MAX_PROTOS:
        raise DocumentError(str(path), "", f"the folder holds more than {MAX_PROTOS} .proto files")
    return path, found


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise DocumentError(str(path), "", f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise DocumentError(str(path), "", f"is larger than {MAX_BYTES} bytes")
    try:
        services_of(data)
    except DecodeError as error:
        reason = "is no FileDescriptorSet, as protoc --descriptor_set_out writes it"
        raise DocumentError(str(path), "", reason) from error
    return data


async def _compile(folder: Path, names: list[str]) -> bytes:
    if importlib.util.find_spec("grpc_tools") is None:
        reason = (
            "to compile .proto files, install weft[protos]; or give what protoc --descriptor_set_out wrote"
        )
        raise DocumentError(str(folder), "", reason)
    with tempfile.TemporaryDirectory() as made:
        out = Path(made, "set")
        # In a file: they may be more than a command line holds.
        argument_file = Path(made, "names")
        await asyncio.to_thread(argument_file.write_text, "\n".join(names))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "grpc_tools.protoc", f"-I{folder}", *_includes()),
            *("--include_imports", "--include_source_info", f"--descriptor_set_out={out}"),
            f"@{argument_file}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_PROTOC_S):
                _, said = await process.communicate()
        except TimeoutError as error:
            raise DocumentError(str(folder), "", f"protoc took longer than {_PROTOC_S:.0f} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            text = " ".join(said.decode(errors="replace").split())[:_SAID]
            raise DocumentError(str(folder), "", f"protoc: {text}")
        return await asyncio.to_thread(_read, out)


def _includes() -> list[str]:
    """Where imports are found that are not in the folder: well-known types, and ``google/api``, if it is there."""
    found = []
    for package, inner in (("grpc_tools", "_proto"), ("google.api", "../..")):
        try:
            spec = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        found += [f"-I{Path(place, inner).resolve()}" for place in places[:1]]
    return found
