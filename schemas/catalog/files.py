"""Files as values of arguments."""

from __future__ import annotations

from typing import Any


class UploadedFile(bytes):
    """A file that a client sent beside its operation: its content, and what the client says of it.

    Attributes:
        filename: As the client has it; ``""`` if it has none. Never a path on this machine.
        content_type: As the client says.
    """

    filename: str
    content_type: str

    def __new__(
        cls, content: bytes, filename: str = "", content_type: str = "application/octet-stream"
    ) -> UploadedFile:
        """Take the content, and what the client says of it."""
        made = super().__new__(cls, content)
        made.filename = filename
        made.content_type = content_type
        return made

    def __repr__(self) -> str:
        """Its size: the content is the client's own."""
        return f"UploadedFile({len(self)} bytes)"


def encode_file(value: Any) -> bytes:
    """A file in JSON is its bytes; for msgspec's ``enc_hook``.

    Raises:
        TypeError: *value* is something else that JSON does not have.
    """
    if isinstance(value, UploadedFile):
        return bytes(value)
    raise TypeError(f"{type(value).__name__} is no value of JSON")
