"""HTTP/1.1 from the client's side: the hot path of calls.

In: the bytes of a request's head, its body and a deadline. Out: a `Reply`, or one error of a small family.
Callers encode what is constant in a head once; see `encode_head`.

- ``errors``: what can go wrong, told apart by what a caller does about it.
- ``head``: requests' heads as bytes.
- ``decompress``: content codings, in bounded pieces.
- ``reader``: the bytes of an answer as a `Reply`, on httptools. It knows no sockets.
- ``dial``: where a server is, and how a connection to it is opened.
- ``connection``: one connection, with one request on it at a time.
- ``streamed``: answers whose body is read piece by piece.
- ``alarm``: one timer for the deadlines of all requests of a pool.
- ``pool``: connections to one origin, kept open between requests.
"""

from .decompress import ACCEPT_ENCODING
from .dial import Origin, client_tls_context, tls_context
from .errors import BadAnswer, BadHead, ConnectFailed, ConnectionLost, HttpError, Timeout, TooLarge
from .head import encode_head
from .pool import Pool
from .reader import Reply
from .streamed import StreamedReply

__all__ = [
    "ACCEPT_ENCODING",
    "BadAnswer",
    "BadHead",
    "ConnectFailed",
    "ConnectionLost",
    "HttpError",
    "Origin",
    "Pool",
    "Reply",
    "StreamedReply",
    "Timeout",
    "TooLarge",
    "client_tls_context",
    "encode_head",
    "tls_context",
]
