"""Those who answer the same queries. Each is started by a context manager that yields a `Serving`.

- ``base``: what a contender is.
- ``weft``: Weft itself, discovered and served by its command line.
- ``bare``: starts the bare limits, written by hand: ``bare_http`` and ``bare_grpc``.
- ``npm``: packages from npm, in ``.bench/``.
- ``node_jit``: starts ``graphql_jit/server.js``: graphql-jit and DataLoader on Node, written by hand.
- ``hive_gateway``: GraphQL Mesh and Hive Gateway, with the configuration in ``hive/``.
- ``strawberry``: starts ``strawberry_app``: Strawberry and DataLoader, written by hand.
"""
