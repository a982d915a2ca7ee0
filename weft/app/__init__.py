"""The composition root: settings in, running parts out.

- ``discovering``: the configured upstreams, looked at once or for ever.
- ``learning``: what calls have shown of functions without types.
- ``stitching``: a snapshot and the settings to one schema.
- ``transports``: one transport for each upstream of a catalog.
- ``live``: the engine of the newest snapshot, swapped without dropping an operation.
- ``behind``: what an engine knows of the gateway in front of it.
- ``gateway``: Envoy with the engine behind it.
- ``fleet``: the control plane for Envoys that others run.
- ``sockets``: where GraphQL over WebSocket is taken.
- ``serving``: the endpoint around it, in worker processes.
- ``embedding``: the same inside another Python program.
- ``machine``: what the machine gives: cores, and a port.
- ``processes``: processes that must not outlive this one.
- ``logs``: what they log.
"""
