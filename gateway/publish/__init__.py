"""Resources to Envoys: staged, so that no request fails while they change.

In: `Resources`. Out: Envoys that have them, and for each of them what it has acknowledged or refused.

- ``views``: what one Envoy is to be told next: make before break.
- ``session``: one Envoy's stream, state-of-the-world or incremental.
- ``ads``: the aggregated discovery service.
- ``files``: the same by files, without protobuf.
"""
