"""Bindings: how the call of a function goes on the wire."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from .security import Requirement
from .shapes import ScalarKind
from .xml import XmlForm

ParameterLocation: TypeAlias = Literal["path", "query", "header", "cookie"]

ParameterStyle: TypeAlias = Literal[
    "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited"
]
"""OpenAPI 3.1, "Style Values"; ``tabDelimited`` is the ``tsv`` collectionFormat of Swagger 2.0."""


class Parameter(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where one argument of a function goes in an HTTP request.

    Attributes:
        argument: Name of the function's argument.
        name: Name on the wire.
        location: ``in`` of OpenAPI.
        content_type: Media type of a parameter described by ``content``; ``""`` for one with a schema.
    """

    argument: str
    name: str
    location: ParameterLocation
    style: ParameterStyle = "form"
    explode: bool = True
    allow_reserved: bool = False
    content_type: str = ""


class Body(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which argument is the request body. Of a form the argument is an object: its members are the fields.

    Attributes:
        argument: Name of the function's argument; its value is the whole body.
        media_type: The best media type of those the description offers.
        member_styles: How members of a form are written where that is not one pair for each item of a list
            and JSON for an object: ``deepObject``, or the style that joins the items of a list.
        member_types: Media types of a multipart form's parts, where the description says them.
        binary_members: Members of a multipart form that are files, base64 in the argument.
        choice: Name of the argument that takes another media type in place of *media_type*; ``""`` for none.
        xml: How the value is written, where *media_type* is XML.
        as_text: The value is base64 on the wire too, although the media type is one of bytes.
        one_needed: It, or one of the function's other bodies, must be given.
    """

    argument: str
    media_type: str = "application/json"
    member_styles: dict[str, ParameterStyle] = {}
    member_types: dict[str, str] = {}
    binary_members: tuple[str, ...] = ()
    choice: str = ""
    xml: XmlForm | None = None
    as_text: bool = False
    one_needed: bool = False


class HttpBinding(Struct, frozen=True, omit_defaults=True, tag="http", kw_only=True):
    """An OpenAPI operation.

    Attributes:
        method: Upper case.
        path: Path template, beginning with ``/``, relative to the server's URL.
        other_bodies: Bodies of other types, in other media types; the one whose argument is given is sent.
        accept: Media types of the successful answer, best first; empty if it has no body.
        server: URL of a server of this operation's own; ``""`` for the upstream's.
        security: Alternatives of which one is to be fulfilled; ``None`` for the upstream's.
        xml: How the answer is read, where it is XML with a type.
        described_headers: Headers of the answer that the description knows, by lower-case name.
        shown_headers: Those of the answer's headers that stand beside its body: the result is then an object
            with ``body`` and them.
        errors: Statuses, such as ``404``, ``4XX`` or ``default``, whose body is described, in JSON.
    """

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    other_bodies: tuple[Body, ...] = ()
    accept: tuple[str, ...] = ()
    server: str = ""
    security: tuple[Requirement, ...] | None = None
    xml: XmlForm | None = None
    described_headers: dict[str, ScalarKind] = {}
    shown_headers: dict[str, ScalarKind] = {}
    errors: tuple[str, ...] = ()


class FieldMaskBinding(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A request's field mask, by which the server leaves members of its answer out.

    Attributes:
        argument: Takes the mask.
        items: Members that lead from the answer to the entity that the mask speaks of; its items, if it is a
            list.
        unnamed: Names of members, anywhere in the entity, that no mask can name: where one of them is
            wanted, there is no mask.
    """

    argument: str
    items: tuple[str, ...] = ()
    unnamed: frozenset[str] = frozenset()


class GrpcBinding(Struct, frozen=True, omit_defaults=True, tag="grpc", kw_only=True):
    """A gRPC method. Arguments are the members of the request message, by their JSON names.

    Attributes:
        service: Fully-qualified name of the service.
        method: Name of the method.
        request: Fully-qualified name of the request message.
        response: Fully-qualified name of the response message.
        first: The argument, none of the request's, that bounds how many messages of the server's stream are
            answered as a list; ``""`` for a function that is called as its method is.
        mask: The request's mask of what is read, if there is one that may be filled.
    """

    service: str
    method: str
    request: str
    response: str
    first: str = ""
    mask: FieldMaskBinding | None = None


class LambdaBatch(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How one invocation takes the inputs of many.

    Attributes:
        argument: The function's argument that takes the list of keys; every input has one of them, and the
            other arguments.
        key: Member of an input that holds its key; every result has it too.
        items: Member of the payload that holds the list of inputs; ``""`` where the payload is that list.
        results: Member of the answer that holds the list of results; ``""`` where the answer is that list.
    """

    argument: str
    key: str
    items: str = ""
    results: str = ""


class ProxyEvent(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An event as API Gateway makes it of an HTTP request.

    Attributes:
        http: The request that is made into the event, and how the answer in it is read.
        version: ``payloadFormatVersion`` of the integration.
        resource: The route as API Gateway knows it, such as ``/orders/{id}``.
    """

    http: HttpBinding
    version: Literal["1.0", "2.0"] = "1.0"
    resource: str = ""


Invocation: TypeAlias = Literal["request", "event", "stream"]
"""How a Lambda function is invoked: ``request`` waits for its result, ``event`` only for Lambda to take the
payload, ``stream`` reads the result while the function writes it."""


class LambdaBinding(Struct, frozen=True, omit_defaults=True, tag="lambda", kw_only=True):
    """An AWS Lambda function.

    Attributes:
        function_name: Name or ARN, as Invoke takes it.
        qualifier: Version or alias; ``""`` for none.
        payload: ``arguments`` if the payload is an object of the function's arguments; ``whole`` if the
            single argument named ``payload`` is the payload itself.
        arn: Its ARN without a qualifier, as ListFunctions gave it; ``""`` where it is not known.
        batch: The payload is a list of inputs; ``None`` for one.
        proxy: The payload is an event of API Gateway, and the answer is one for it; ``None`` for neither.
        invocation: How it is invoked.
    """

    function_name: str
    qualifier: str = ""
    arn: str = ""
    payload: Literal["arguments", "whole"] = "arguments"
    batch: LambdaBatch | None = None
    proxy: ProxyEvent | None = None
    invocation: Invocation = "request"


class HookBinding(Struct, frozen=True, omit_defaults=True, tag="hook", kw_only=True):
    """A webhook or callback of an OpenAPI document: the upstream calls, and the function streams what it sends.

    Attributes:
        method: Upper case.
        media_type: Of what is sent, as the description says; ``""`` for nothing.
        xml: How it is read, where it is XML with a type.
    """

    method: str = "POST"
    media_type: str = ""
    xml: XmlForm | None = None


Binding: TypeAlias = HttpBinding | GrpcBinding | LambdaBinding | HookBinding
