"""Those who answer the same queries. Each is started by a context manager that yields a `Serving`.

- ``base``: what a contender is.
- ``weft``: Weft itself, discovered and served by its command line.
- ``bare``: the bare limit, written by hand; ``bare_http`` is its application.
"""
