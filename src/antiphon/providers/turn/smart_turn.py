"""The end of a turn by Smart Turn: an encoder of speech and one output, on onnxruntime.

It hears the last eight seconds of a turn, intonation and all, and knows no words. One run takes some 50 ms of a core,
whatever it is given; runs are made one after the other in a thread of their own, so that they cost the loop nothing and
a machine with few cores keeps the others.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from antiphon.errors import ProviderError
from antiphon.providers import models
from antiphon.providers.turn.features import RATE, SECONDS, log_mel

if TYPE_CHECKING:
    import onnxruntime

AUDIO_BYTES = 2 * RATE * SECONDS  # more is not heard


class SmartTurn:
    """The turn detector named "smart-turn". It takes no model and no options."""

    weights = ("smart-turn-v3.2",)  # what the model store must hold

    def __init__(self, model: str = "") -> None:
        if model:
            raise TypeError(f"smart-turn has no model {model!r}")
        self.name = "smart-turn"
        self._session: onnxruntime.InferenceSession | None = None
        self._loading = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smart-turn")

    async def warm(self) -> None:
        """Loads the network and runs it once. Raises ModelStoreError when its weights were not pulled."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.judge, bytes(2 * RATE))

    async def probability(self, pcm: bytes) -> float:
        """That the turn is over. Cancelled while it waits for its turn, it costs nothing."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.judge, pcm)

    def judge(self, pcm: bytes) -> float:
        """As `probability`, in the caller's own thread."""
        outputs: list[Any] = self._load().run(None, {"input_features": log_mel(pcm[-AUDIO_BYTES:])[None]})
        probability = float(outputs[0][0, 0])
        if not 0 <= probability <= 1:
            raise ProviderError(f"no probability: {probability}", stage="turn", provider=self.name)
        return probability

    async def aclose(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> onnxruntime.InferenceSession:
        if self._session is None:
            with self._loading:
                self._session = self._session or _session()
        return self._session


def _session() -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    path = str(models.path("smart-turn-v3.2"))
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
