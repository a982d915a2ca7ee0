"""A rate limit service: the standard API, with budgets in memory.

In: `GlobalLimit` values. Out: ``envoy.service.ratelimit.v3.RateLimitService`` over gRPC. Any other service of
that API can take its place, such as the one with Redis that Envoy's project has.

- ``budgets``: fixed windows, counted.
- ``service``: the API.
"""
