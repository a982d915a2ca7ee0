"""The gateway: what Envoy is told, and Envoy itself.

In: the catalog, and objects in the Gateway API's words. Out: a running Envoy in front of the engine and
under its calls, or resources for Envoys that others run. There is no proxy here.

- ``objects``: Gateway API and Envoy Gateway kinds, and Weft's own, from YAML.
- ``lower``: objects and catalog to Envoy's resources, as JSON.
- ``resources``: those resources as one value.
- ``reasons``: what Envoy says of resources that it does not take.
- ``publish``: resources to Envoys, staged so that no request fails.
- ``envoy``: the binary, its bootstrap, its admin interface, its process.
- ``limits``: a rate limit service, for global limits.
- ``child``: a child process that is started again, and dies with this one.
- ``control``: the control plane: objects, catalog and weights kept current in every Envoy.
- ``figures``: what the control plane tells Prometheus.
- ``canaries``: weights that were set while it runs.
- ``status``: what ``weft status`` shows.
"""
