"""The Voice Agent API as a plain class: text messages in, commands out; notices in, text messages out."""

from antiphon.protocols.voice_agent.commands import (
    AddMessage,
    Audio,
    BindAgent,
    CancelReply,
    Command,
    Configure,
    CreateReply,
    End,
    PlayoutPosition,
    Resume,
    ToolResult,
)
from antiphon.protocols.voice_agent.config import Settings
from antiphon.protocols.voice_agent.eventlog import EventLog, Told
from antiphon.protocols.voice_agent.ids import new_id
from antiphon.protocols.voice_agent.protocol import EXTENSIONS, Phase, VoiceAgentProtocol
from antiphon.protocols.voice_agent.refusals import ErrorCode, close_code

__all__ = [
    "EXTENSIONS",
    "AddMessage",
    "Audio",
    "BindAgent",
    "CancelReply",
    "Command",
    "Configure",
    "CreateReply",
    "End",
    "ErrorCode",
    "EventLog",
    "Phase",
    "PlayoutPosition",
    "Resume",
    "Settings",
    "Told",
    "ToolResult",
    "VoiceAgentProtocol",
    "close_code",
    "new_id",
]
