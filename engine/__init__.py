"""A query in, the fewest upstream calls, a response out.

Packages, highest first (imports go down only):

- ``endpoint``: GraphQL over HTTP, GraphiQL, health, schema.
- ``execute``: runs a plan: schedules its fetches, completes their answers.
- ``codegen``: a plan as types and generated functions: the fast way.
- ``transport``: one client for each wire: HTTP, gRPC, Lambda.
- ``passes``: one rewrite of a plan per file.
- ``plan``: steps, and the compiler from an operation to a plan; ``explain`` prints it.
- ``operation``: parses, validates and normalises a document.
- ``identity``: arguments as bytes that are equal exactly for equal ones.
- ``numbers``: JSON in which no digit is lost.
- ``errors``: errors as GraphQL errors.
"""
