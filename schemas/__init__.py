"""Documents in, one GraphQL schema out: pure functions over values.

In: OpenAPI documents, protobuf file descriptors, AWS Lambda descriptions.
Out: a catalog of typed functions, the links between them, and one GraphQL schema.

Modules, lowest first (imports go down only):

- ``errors``: every error Weft raises.
- ``collecting``: the collector of garbage, put off while much is built.
- ``names``: words of one notation turned into names of another.
- ``catalog``: upstreams, functions, shapes and bindings; the snapshot format.
- ``openapi``, ``grpc``, ``aws_lambda``: one reader each, from a description to an upstream.
- ``links``: which function answers a field of another function's result, and on what evidence.
- ``stitch``: catalog and links to one schema of graphql-core types.
- ``sdl``: the schema as text and as introspection JSON.
"""
