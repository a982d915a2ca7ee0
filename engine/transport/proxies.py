"""The proxy that the environment names.

``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` are read as curl reads them.
"""

from __future__ import annotations

import ipaddress
from urllib.request import getproxies_environment, proxy_bypass

from .http1 import Origin


def proxy_for(origin: Origin) -> str:
    """URL of the proxy through which the environment wants *origin* reached; ``""`` for none.

    This machine's own addresses never go through one.
    """
    if _is_loopback(origin.host):
        return ""
    proxies = getproxies_environment()
    proxy = proxies.get(origin.scheme) or proxies.get("all") or ""
    if proxy and proxy_bypass(f"{origin.host}:{origin.port}"):
        return ""
    return proxy if "://" in proxy or not proxy else f"http://{proxy}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
