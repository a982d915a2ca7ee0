"""The command line: ``weft``.

One module per command, ``output`` for what all of them print, ``main`` for the program itself.

Exit codes: 0 done; 1 it was tried and failed (an upstream, an operation); 2 the call or the configuration
is wrong, and nothing was tried; 130 interrupted.
"""

from .main import main

__all__ = ["main"]
