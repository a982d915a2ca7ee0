"""``python -m weft``."""

from .cli import main

main()
