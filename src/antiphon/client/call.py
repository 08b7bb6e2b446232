"""A whole call with a recorded caller: what was said on both sides, and how long each answer took to be heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from antiphon.audio import wav
from antiphon.client.client import Client
from antiphon.client.conversation import Conversation, ToolHandler
from antiphon.client.hosted import extensions_for
from antiphon.client.microphone import Utterance
from antiphon.client.report import CallReport
from antiphon.client.session import SessionFields
from antiphon.types import PCM_24K


async def call(
    url: str,
    recording: Path | str,
    *,
    api_key: str | None = None,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    extensions: Sequence[str] = ("metrics", "playout"),
    on_tool: ToolHandler | None = None,
    patience: float = 15.0,
    calm: float = 1.0,
    timeout: float = 10.0,
    reply_wav: Path | str | None = None,
    stereo_wav: Path | str | None = None,
    **session: Unpack[SessionFields],
) -> CallReport:
    """Call `url` in real time, as the caller of `recording`: a file that `antiphon.audio.wav` reads, of any length.

    The recording starts once the greeting, if there is one, has been heard. Quiet follows it until the last answer has
    been heard and nothing has come for `calm` seconds more, or for `patience` seconds. `on_tool` answers tool calls;
    without it they are answered with an error. `extensions` are not asked of a vendor's server, which has none.
    `reply_wav` gets all that the agent was heard to say, `stereo_wav` the call as it was: caller left, agent right.
    `session` is what `Client.configure` takes; `timeout` is the Client's.

    Raises ConfigError for a recording that cannot be read, ClientError when no session comes about. A session that
    breaks later is reported as far as it came, with the reason in `failure`.
    """
    heard = wav.read(recording)
    extensions = extensions_for(url, extensions)
    client = Client(url, api_key=api_key, token=token, headers=headers, extensions=extensions, timeout=timeout)
    async with client:
        ready = await client.configure(**session)
        greets = bool(session.get("greeting") or (ready.config or {}).get("greeting"))
        conversation = Conversation(
            client,
            RecordedCaller(heard, greets=greets, patience=patience, calm=calm),
            input_format=session.get("input_format", PCM_24K),
            output_format=session.get("output_format", PCM_24K),
            on_tool=on_tool,
            acknowledges="playout" in extensions,
        )
        await conversation.run(timeout=timeout)
    if reply_wav is not None:
        wav.write(reply_wav, conversation.playback.audio(), rate=conversation.playback.rate)
    if stereo_wav is not None:
        conversation.write_stereo(stereo_wav)
    return conversation.report(ready)


class RecordedCaller:
    """Hears the greeting out, plays a recording, and waits for the last answer. Times in seconds."""

    def __init__(self, recording: wav.Recording, *, greets: bool, patience: float, calm: float) -> None:
        self._recording = recording
        self._greets = greets  # there is a greeting to be heard out
        self._patience = patience
        self._calm = calm

        # Made when the recording begins; the time of its last voiced sample, found when it ends.
        self._utterance: Utterance | None = None
        self._voiced_at: float | None = None

    @property
    def finished(self) -> bool:
        return self._utterance is not None and self._utterance.ends is not None

    def attend(self, conversation: Conversation, now: float) -> bool:
        if self._utterance is None:
            if self._may_speak(conversation, now):
                self._utterance = conversation.microphone.say(self._recording.pcm, rate=self._recording.rate)
            return True
        return self._utterance.ends is None or not self._over(conversation, self._utterance.ends, now)

    def _may_speak(self, conversation: Conversation, now: float) -> bool:
        if not self._greets:
            return True
        began, heard = conversation.began, now >= conversation.playback.ends
        greeted = heard and conversation.progress.settled(now, since=began, calm=0.0)
        return greeted or now - began > self._patience

    def _over(self, conversation: Conversation, ended: float, now: float) -> bool:
        if self._voiced_at is None:
            self._voiced_at = conversation.microphone.last_voiced(now) or ended
        heard = now >= conversation.playback.ends + self._calm
        answered = heard and conversation.progress.settled(now, since=self._voiced_at, calm=self._calm)
        return answered or now - ended > self._patience
