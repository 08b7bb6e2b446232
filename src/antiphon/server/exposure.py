"""What a server may be reached by: nobody but this machine without keys, and TLS where there is a certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from antiphon.errors import ConfigError
from antiphon.server.auth import is_loopback
from antiphon.server.keys import ENVIRONMENT, Keys


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: the certificate with its chain, and its key."""

    cert: Path
    key: Path


def check_exposure(host: str, keys: Keys, *, no_auth: bool = False) -> str:
    """One line for the operator about a server without keys; empty with keys.

    Raises ConfigError where such a server would be open to a network and nobody said that it may.
    """
    if keys:
        return ""
    if is_loopback(host):
        return "no API key is configured: only this machine is served"
    if no_auth:
        return f"no API key is configured: whoever reaches {host} is served"
    raise ConfigError(
        f"without an API key only this machine is served, not {host}; "
        f"give one with --api-keys FILE or in {ENVIRONMENT}, or say --no-auth"
    )


def check_tls(cert: Path | None, key: Path | None) -> Tls | None:
    """The certificate, if the server can use it. Raises ConfigError."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise ConfigError("TLS needs both --tls-cert and --tls-key")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(f"cannot use the certificate {cert} with the key {key}: {error}") from error
    return Tls(cert, key)
