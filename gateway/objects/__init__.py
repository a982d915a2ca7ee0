"""Objects: the configuration of the gateway as frozen values.

In: YAML files, or the same as mappings. Out: `Object` values whose ``spec`` is typed, or `ObjectProblems`
with every mistake, its file, line and member.

- ``base``: references, metadata, origins.
- ``routes``: Gateway, HTTPRoute, GRPCRoute.
- ``backends``: Backend, HTTPRouteFilter, Secret, ConfigMap.
- ``security``: SecurityPolicy.
- ``traffic``: BackendTrafficPolicy.
- ``clients``: ClientTrafficPolicy, EnvoyExtensionPolicy.
- ``weft``: FunctionCall, Transformation, Canary.
- ``kinds``: all kinds.
- ``load``: YAML to objects.
- ``crds``: files held to the schemas of a cluster.
"""

from .base import Object, Origin
from .load import ObjectProblems, load_objects, read_object

__all__ = ["Object", "ObjectProblems", "Origin", "load_objects", "read_object"]
