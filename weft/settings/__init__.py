"""The settings: what ``weft.yaml`` says, checked, as frozen values.

In: a YAML file, or the same as a mapping in Python. Out: ``Settings``, or ``ConfigErrors`` with every
mistake, its line, and what would be accepted.

- ``values``: durations, sizes, URLs, secrets.
- ``problems``: mistakes with lines and keys.
- ``section``: what every section is.
- ``auth``: the sections ``auth`` and ``cost``.
- ``gateway``: the section of the gateway; ``short_forms``: the objects that it stands for.
- ``credentials``, ``hooks``, ``links``, ``websockets``: what is shown to upstreams, what they send, how functions go
  together, how sockets are taken.
- ``model``: one model per section; ``grpc``: what is said of gRPC servers; ``lambda_types``: what is said of the
  types of Lambda functions; ``aws_lambda``: where Lambda functions are, and which of them.
- ``load``: the file.
- ``json_schema``: the form, for editors.
- ``upstreams``: the settings as discovery takes them.
"""

from .auth import AuthSection, CostSection
from .aws_lambda import LambdaPlace
from .gateway import GatewaySection
from .json_schema import settings_json_schema
from .links import BulkEntry, LinkEntry
from .load import load_settings
from .model import (
    CacheSection,
    DiscoverySection,
    LambdaUpstream,
    NamesSection,
    RetriesSection,
    ServerSection,
    ServerUpstream,
    Settings,
    UpstreamEntry,
)
from .problems import ConfigErrors
from .upstreams import discovery_settings, entries_by_upstream, registries, static_candidates

__all__ = [
    "AuthSection",
    "BulkEntry",
    "CacheSection",
    "ConfigErrors",
    "CostSection",
    "DiscoverySection",
    "GatewaySection",
    "LambdaPlace",
    "LambdaUpstream",
    "LinkEntry",
    "NamesSection",
    "RetriesSection",
    "ServerSection",
    "ServerUpstream",
    "Settings",
    "UpstreamEntry",
    "discovery_settings",
    "entries_by_upstream",
    "load_settings",
    "registries",
    "settings_json_schema",
    "static_candidates",
]
