"""Objects and catalog to Envoy's resources, as JSON: pure functions.

In: a `World` (objects, catalog, where the engines listen). Out: `Lowered`: the resources, the limits for the
rate limit service, and the routes by function. Nothing here knows protobuf, sockets or files.

- ``world``: what is lowered, and what comes out.
- ``index``: objects by name; which policies hold where.
- ``matches``: conditions of routes, and their order.
- ``addresses``: URLs to endpoints.
- ``clusters``: upstreams, backends and engines to clusters.
- ``canaries``: a function's versions and weights to destinations.
- ``lua``: the calls of functions as scripts.
- ``functions``: functions to routes: paths, methods, transcoding, Lambda.
- ``filters``: the chain of filters, the same for every listener.
- ``security``: who may ask.
- ``limiting``: rate limits.
- ``resilience``: time-outs, retries, hedging, circuit breakers, health.
- ``persistence``: clients that stay with a version or an endpoint.
- ``changes``: headers, paths and bodies that are changed on the way.
- ``routes``: HTTPRoutes and GRPCRoutes to routes.
- ``attach``: which routes belong to which listener and host.
- ``tree``: many routes of one host, by the beginning of their paths.
- ``internal``: the listener under the engine's calls.
- ``listeners``: Gateways to listeners.
- ``lower``: all of it.
"""

from .lower import lower
from .world import EdgeSettings, GlobalLimit, Lowered, World

__all__ = ["EdgeSettings", "GlobalLimit", "Lowered", "World", "lower"]
