"""Speech to text by Deepgram: Flux, which tells when a turn is over, and Nova.

Two wires behind one name. Source: Deepgram's references of /v2/listen and /v1/listen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from antiphon.providers.base import SttCapabilities
from antiphon.providers.sockets import CONNECT_TIMEOUT
from antiphon.providers.stt.deepgram_flux import FluxStream
from antiphon.providers.stt.deepgram_nova import NovaStream
from antiphon.providers.stt.socket_stt import SocketStt
from antiphon.providers.stt.vendor_stream import FINAL_TIMEOUT

_URL = "wss://api.deepgram.com"
_RATE = 16_000  # Hz


class Deepgram(SocketStt[FluxStream | NovaStream]):
    """The STT named "deepgram/<model>"; a model whose name begins with "flux" is spoken to on the wire of Flux.

    The key is `api_key`, else $DEEPGRAM_API_KEY. `base_url` names a server of one's own. `eager` is the confidence, 0.3
    to 0.9, at which Flux says that a turn is likely over; None: it does not. `extra` is added to the query of every
    session, for what is not named here: {"smart_format": True}; a list is written as a field repeated.
    """

    def __init__(
        self,
        model: str = "",
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        eager: float | None = 0.5,
        connect_timeout: float = CONNECT_TIMEOUT,
        final_timeout: float = FINAL_TIMEOUT,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self._model = model or "flux-general-en"
        self._flux = self._model.startswith("flux")
        self._eager = eager
        self._extra = dict(extra or {})
        super().__init__(
            f"deepgram/{self._model}",
            SttCapabilities(sample_rate=_RATE, partials=True, end_of_turn=True, keyterms=True),
            official_url=_URL,
            base_url=base_url,
            api_key=api_key,
            key_names=("DEEPGRAM_API_KEY",),
            connect_timeout=connect_timeout,
            final_timeout=final_timeout,
        )

    def make(self, keyterms: tuple[str, ...], language: str | None) -> FluxStream | NovaStream:
        fields: dict[str, Any] = {"model": self._model, "encoding": "linear16", "sample_rate": _RATE}
        if keyterms:
            # Models before Nova 3 know keywords only.
            fields["keyterm" if self._flux or self._model.startswith("nova-3") else "keywords"] = keyterms
        if self._flux:
            fields["eager_eot_threshold"] = self._eager
            fields["language_hint"] = language if "multi" in self._model else None
        else:
            fields |= {"channels": 1, "interim_results": True, "punctuate": True, "endpointing": 300}
            fields["language"] = language
        fields |= self._extra
        query = urlencode({k: _written(v) for k, v in fields.items() if v is not None}, doseq=True)
        socket = self.connect(f"{self.base_url}/{'v2' if self._flux else 'v1'}/listen?{query}")
        return FluxStream(self, socket) if self._flux else NovaStream(self, socket)

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Token {key}"}


def _written(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
