"""Every door, and where it is: a door that is added is added here, and under `protocols/`."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.routing import BaseRoute

from antiphon.protocols.phone import Carrier
from antiphon.protocols.telnyx import Telnyx
from antiphon.protocols.twilio import Twilio
from antiphon.protocols.vonage import Vonage
from antiphon.server.doors import calls, embed, realtime, webrtc
from antiphon.server.runtime import Runtime
from antiphon.server.service import Service

CARRIERS = (Twilio, Telnyx, Vonage)


def carriers(environment: Mapping[str, str]) -> tuple[Carrier, ...]:
    """Those that the environment has credentials for."""
    found = (carrier.from_environment(environment) for carrier in CARRIERS)
    return tuple(carrier for carrier in found if carrier is not None)


def doors(runtime: Runtime, service: Service) -> list[BaseRoute]:
    return [
        *realtime.routes(runtime, service),
        *webrtc.routes(runtime, service),
        *embed.routes(),
        *calls.routes(runtime, service),
    ]
