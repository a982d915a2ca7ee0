"""The schema as text and as introspection JSON: ``export``."""

from .export import introspection_json, print_sdl

__all__ = ["introspection_json", "print_sdl"]
