"""Envoy itself: the program, what it starts with, and how it is asked.

- ``binary``: where it is.
- ``bootstrap``: the file it starts with.
- ``admin``: its admin interface, on a Unix socket.
- ``preflight``: resources checked by ``envoy --mode validate``.
- ``process``: Envoy as a child process that is started again when it dies.
"""
