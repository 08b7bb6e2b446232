"""What differs where the server is a vendor's: AssemblyAI's hosted Voice Agent API, from which this protocol stems.

It speaks the protocol of every client here, and knows none of our extensions. Source: the Voice Agent API reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from antiphon.providers.keys import find_key

DOMAINS = ("assemblyai.com", "assemblyai-labs.com")  # agents.assemblyai.com, agents.eu.assemblyai.com and the like


def is_hosted(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return any(host == domain or host.endswith(f".{domain}") for domain in DOMAINS)


def key_for(url: str, given: str | None = None) -> str | None:
    """The API key to call `url` with: `given`, else $ASSEMBLYAI_API_KEY for the vendor and $ANTIPHON_API_KEY for every
    other server. Neither goes to the other. Raises ConfigError for a key file that cannot be read."""
    return find_key(given, "ASSEMBLYAI_API_KEY" if is_hosted(url) else "ANTIPHON_API_KEY")


def extensions_for(url: str, wanted: Sequence[str]) -> Sequence[str]:
    """Of the extensions wanted, those that the server may know."""
    return () if is_hosted(url) else wanted
