"""Descriptors to an upstream."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.descriptor import ServiceDescriptor

from ..catalog import GrpcTarget, Upstream, UpstreamId
from ..catalog.reading import ReadOptions
from .files import Files, load_files
from .methods import read_functions, request_messages, whole_messages
from .naming import suggest_title, suggest_version
from .resources import implied_resource
from .shapes import ShapeReader


def read_descriptors(
    descriptors: bytes,
    services: Sequence[str],
    *,
    upstream: UpstreamId,
    address: str,
    tls: bool,
    options: ReadOptions | None = None,
) -> Upstream:
    """The upstream that serves *services*.

    Args:
        descriptors: A serialized ``google.protobuf.FileDescriptorSet``, in any order; well-known types may be
            missing.
        services: Fully-qualified names; those that *options* do not want are passed over.
        upstream: Its id.
        address: ``host:port``.
        tls: Whether the channel is encrypted.
        options: What the configuration says of how they are read.

    Returns:
        Its functions and shapes. What cannot be read costs only what it touches, and is in ``warnings``.

    Raises:
        DocumentError: *descriptors* is no ``FileDescriptorSet``.
    """
    options = options or ReadOptions()
    wanted = sorted({name for name in services if options.wants(name)})
    files = load_files(descriptors, wanted, source=address)
    found = _find_services(files, wanted)
    _imply_resources(files, found)
    packages = frozenset(service.file.package for service in found)
    shapes = ShapeReader(files, whole_messages(found), request_messages(found), packages, options)
    functions = read_functions(found, shapes, files, upstream, options)
    return Upstream(
        id=upstream,
        target=GrpcTarget(address=address, tls=tls, descriptors=files.encode()),
        title=suggest_title(wanted),
        version=suggest_version(wanted),
        description=files.comments.get(found[0].full_name, "") if len(found) == 1 else "",
        functions=functions,
        shapes=shapes.read_shapes(),
        warnings=tuple(dict.fromkeys(files.warnings)),
    )


def _find_services(files: Files, names: Sequence[str]) -> list[ServiceDescriptor]:
    found = []
    for name in names:
        try:
            found.append(files.pool.FindServiceByName(name))
        except KeyError:
            files.warn("unknown-service", name, "left out: no descriptor of it is served")
    return found


def _imply_resources(files: Files, services: Sequence[ServiceDescriptor]) -> None:
    """Note resources that no option speaks of, but methods do."""
    for service in services:
        for method in service.methods:
            implied = implied_resource(method)
            if implied is None:
                continue
            field, got = implied
            said = files.references.get(field.full_name, got.full_name)
            kind, member = files.resources.setdefault(got.full_name, (said, "name"))
            if member == "name":
                files.references.setdefault(field.full_name, kind)
