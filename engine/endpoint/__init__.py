"""The endpoint: GraphQL over HTTP, on granian's RSGI interface.

In: an engine, as an async context manager, and the endpoint's settings.
Out: an RSGI application, and a server that runs it.

Modules, lowest first:

- ``settings``: how the endpoint is set up.
- ``service``: what the endpoint needs of an engine.
- ``requests``: HTTP requests into GraphQL requests.
- ``uploads``: requests with files.
- ``negotiate``: media types and status codes of responses.
- ``cors``: which pages of other origins may read responses.
- ``events``: responses as Server-Sent Events.
- ``graphiql``: the page and its assets.
- ``protocol``: what is used of RSGI.
- ``pressure``: event streams as fast as their clients read.
- ``vigil``: deadlines, and clients that go away.
- ``operations``: one GraphQL request, answered.
- ``hooks``: events that upstreams send.
- ``messages``: the messages of ``graphql-transport-ws``.
- ``connection``: one client over one WebSocket.
- ``sockets``: GraphQL over WebSocket, on a listener of its own.
- ``rsgi``: the application.
- ``supervisor``: worker processes that die, started again.
- ``server``: the application on granian.
"""

from .rsgi import Application, Lifespan
from .server import running, serve
from .service import Engine
from .settings import EndpointSettings

__all__ = ["Application", "EndpointSettings", "Engine", "Lifespan", "running", "serve"]
