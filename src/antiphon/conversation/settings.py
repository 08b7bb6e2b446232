"""How one conversation is run. Milliseconds of received audio where the field's comment says ms, else seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from antiphon.conversation.endpointing import Patience
from antiphon.types import ToolSpec


class Speculation(StrEnum):
    """What is prepared of a reply before it is certain that the caller's turn is over."""

    OFF = "off"
    LLM = "llm"  # what the model writes: in vain, it costs tokens
    LLM_TTS = "llm+tts"  # and the voice of its first sentence: it costs characters, too


class Mode(Enum):
    STREAMING = auto()  # stages overlap
    CASCADE = auto()  # each stage ends before the next begins


@dataclass(frozen=True, slots=True)
class Settings:
    mode: Mode = Mode.STREAMING

    # Endpointing
    patience: Patience | None = None  # how long a pause may be follows from what is known of it; None: `min_silence`
    judges: bool = False  # there is a turn detector
    reads_endings: bool = False  # there is a model of language that reads final transcripts
    min_silence: int = 600  # ms; the pause that ends a turn
    max_silence: int = 3000  # ms; the longest pause; less `min_silence`, the longest wait for a transcript
    early_final: int = 200  # ms; the pause at which the STT is asked for its final, dropped if speech goes on
    whole_values: bool = True  # a number that a tool needs is waited for until `max_silence` if it seems unfinished
    wordless_turn: int = 10_000  # ms; an open turn in which no word changes for so long is closed

    # Barge-in
    interruptible: bool = True
    greeting_interruptible: bool = True
    language: str = "en"  # of the backchannels
    partials: bool = True  # the STT tells words while they are said: a voice without any is hardly one
    decide_after: int = 500  # ms of voice that take the floor where it does not, if the voice is still there
    few_words_after: int = 700  # ms; the same with a word or two
    wordless_after: int = 1300  # ms; the same without any, where the STT would have told them
    give_up_after: int = 800  # ms; a hold undecided for so long is a false alarm: the agent goes on
    at_once: float = 0.6  # seconds from an answer's first sound in which a voice has begun together with it

    answer_window: float = 1.0  # seconds; a backchannel ("Yes.") so shortly before a reply's end is an answer to it

    # A caller who stays silent is asked again `idle_asks` times, then let go. None: never.
    idle_after: float | None = 30.0  # seconds since anyone last spoke
    idle_asks: int = 2
    idle_line: str = "Are you still there?"
    goodbye_line: str = "I can't hear you, so I'll let you go. Goodbye."

    # A tool that takes long: one of the lines is spoken, each in its turn. None: never.
    filler_after: float | None = 1.5  # seconds of silence
    filler_lines: tuple[str, ...] = ("One moment, please.", "Just a second.", "I'm still working on it.")

    # A session that has to end, for its time or its budget is spent, says so. "": it does not.
    farewell_line: str = "I'm sorry, I have to end our call here. Goodbye."
    farewell_patience: float = 8.0  # seconds that whoever is speaking may go on

    consent_line: str = ""  # said before all else, to its end, where the call is recorded. "": it is not

    # Watchdogs. What is not audible in time is given up, and the fallback line is spoken.
    answer_within: float = 3.0  # seconds from the end of the caller's turn to a sound; the same for a pause in a reply
    reply_timeout: float = 10.0  # the same in cascade mode, where nothing is spoken before all is written
    fallback_line: str = "Sorry, I'm having trouble answering right now."

    silent_rounds: int = 8  # replies in a row that only call tools, after which the caller is told instead

    # The model
    system_prompt: str = ""
    tools: tuple[ToolSpec, ...] = ()
    context_window: int = 128_000  # tokens, prompt and reply together
    max_tokens: int = 150  # of the reply
    speculation: Speculation = Speculation.OFF
    speculation_waste: float = 0.35  # at most so many of the replies made to the caller's turns are thrown away
