"""The command line: ``weft``.

Commands import what they work with when they run: ``weft --help`` loads no client library.

- ``output``: what all commands print, and how.
- ``parameters``: options that several take, and the settings that they name.
- ``snapshots``: the snapshot that a command works on.
- ``discover``, ``serve``, ``up``: look at upstreams, serve them, both.
- ``schema``, ``links``, ``explain``: what was woven, and what a query would call.
- ``call``: one function, straight.
- ``settings``: ``weft config``.
- ``gateway``, ``canary``, ``status``: Envoy in front.
- ``main``: the program itself.

Exit codes: 0 done; 1 it was tried and failed (an upstream, an operation); 2 the call or the configuration
is wrong, and nothing was tried; 130 interrupted.
"""

from .main import main

__all__ = ["main"]
