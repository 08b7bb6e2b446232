"""The process that speaks with espeak-ng: its library is one global state, so one process speaks one text at a time.

Run by espeak.py as a plain file, `espeak_worker.py LIBRARY DATA`, with a socket for its standard input; it imports
only what it needs, so that it is there in a few hundredths of a second. It ends when the socket does, which is also
how it notices that its parent was killed.

Both ways go frames: kind (1 byte), job (4 bytes), length of the rest (4 bytes), the rest. Little-endian and UTF-8
throughout.

    to the worker      SAY     words a minute (2 bytes), 1 if [[…]] is phonemes (1 byte), voice, a zero byte, text
                       CANCEL  nothing; a job that is not the present one is not to be begun
                       SPELL   voice, a zero byte, text: to be written as it would be said
    from the worker    READY   the sample rate (4 bytes), once
                       WORDS   pairs of 4 bytes: character offset in the text, first sample of the word
                       AUDIO   16-bit mono
                       SPELLED text in the International Phonetic Alphabet
                       DONE    1 byte: 1 if the voice is unknown and the default one spoke instead
"""

from __future__ import annotations

import ctypes
import os
import queue
import socket
import struct
import sys
import threading
from array import array

SAY, CANCEL, READY, WORDS, AUDIO, DONE, SPELL, SPELLED = range(8)
HEADER = struct.Struct("<BII")
DEFAULT_VOICE = "en-us"

_SYNCHRONOUS, _NO_EXIT = 2, 0x8000
_BUFFER = 60  # ms of audio the library gathers before it hands them on
_RATE, _CHARACTERS, _UTF8, _PHONEMES, _IPA = 1, 1, 1, 0x100, 2
_MARKS = ".,!?;:…—"  # what ends a clause and is kept when it is spelled: models of voices know it
_EVENT_END, _EVENT_WORD = 0, 1

_AUDIBLE = 100  # of 32768: quieter samples at either end are silence
_BLOCK = 0.005  # seconds looked at together when silence is cut away
_TAIL = 0.120  # seconds of silence left at the end, so that sentences do not run into each other


class Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h. The last field is a union of a number, a pointer and eight characters."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class Voice(ctypes.Structure):
    """The beginning of `espeak_VOICE`, which is as much as is read of it."""

    _fields_ = (("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p))


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))


class Trimmer:
    """Cuts the silence before the first sound, and all but a little of the silence after the last."""

    def __init__(self, rate: int) -> None:
        self._block = int(rate * _BLOCK)
        self._tail = int(rate * _TAIL)
        self._quiet = array("h")  # silence that is passed on only if sound follows it
        self.started = False
        self.cut = 0  # samples cut from the front

    def feed(self, samples: array[int]) -> array[int]:
        """Takes what was spoken; returns what is to be heard of it so far."""
        heard = array("h")
        for at in range(0, len(samples), self._block):
            block = samples[at : at + self._block]
            if max(block) >= _AUDIBLE or min(block) <= -_AUDIBLE:
                heard += self._quiet + block
                self.started, self._quiet = True, array("h")
            elif self.started:
                self._quiet += block
            else:
                self.cut += len(block)
        return heard

    def end(self) -> array[int]:
        return self._quiet[: self._tail]


class Speaker:
    """The library, and the job it is at."""

    def __init__(self, library: str, data: str, out: socket.socket) -> None:
        self._espeak = ctypes.CDLL(library)
        self._espeak.espeak_Synth.argtypes = (
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
            *(ctypes.c_void_p, ctypes.c_void_p),
        )
        self.rate: int = self._espeak.espeak_Initialize(_SYNCHRONOUS, _BUFFER, data.encode(), _NO_EXIT)
        if self.rate <= 0:
            raise RuntimeError(f"espeak-ng did not start with the data in {data}")
        self._espeak.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._espeak.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int)
        self._callback = _Callback(self._heard)  # the library keeps only a bare pointer to it
        self._espeak.espeak_SetSynthCallback(self._callback)
        self._espeak.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
        self._out = out
        self._voice = ""
        self._unknown = False
        self._job = 0
        self._trimmer = Trimmer(self.rate)
        self._last_char = -1
        self.cancelled = 0  # every job up to this number is over; set by the thread that reads
        self.send(READY, 0, self.rate.to_bytes(4, "little"))

    def send(self, kind: int, job: int, rest: bytes = b"") -> None:
        self._out.sendall(HEADER.pack(kind, job, len(rest)) + rest)

    def say(self, job: int, order: bytes) -> None:
        if job <= self.cancelled:
            return self.send(DONE, job, b"\0")
        voice, _, text = order[3:].partition(b"\0")
        flags = _UTF8 | (_PHONEMES if order[2] else 0)
        unknown = self._set_voice(voice.decode() or DEFAULT_VOICE)
        self._espeak.espeak_SetParameter(_RATE, int.from_bytes(order[:2], "little"), 0)
        self._job, self._trimmer, self._last_char = job, Trimmer(self.rate), -1
        self._espeak.espeak_Synth(text + b"\0", len(text) + 1, 0, _CHARACTERS, 0, flags, None, None)
        if job > self.cancelled and (tail := self._trimmer.end()):
            self.send(AUDIO, job, tail.tobytes())
        return self.send(DONE, job, bytes([unknown]))

    def spell(self, job: int, order: bytes) -> None:
        voice, _, text = order.partition(b"\0")
        unknown = self._set_voice(voice.decode() or DEFAULT_VOICE)
        memory = ctypes.create_string_buffer(text)
        begin = ctypes.addressof(memory)
        at, rest, clauses = 0, ctypes.c_void_p(begin), []
        while rest.value:  # each call takes a clause, and looks one character further
            said = self._espeak.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
            end = rest.value - begin if rest.value else len(text)
            clause = text[at:end].decode("utf-8", "ignore")
            clauses.append(said.decode() + _mark_at_end(clause[:-1] if rest.value else clause))
            at = end
        self.send(SPELLED, job, " ".join(clauses).encode())
        self.send(DONE, job, bytes([unknown]))

    def _set_voice(self, name: str) -> bool:
        """True if the voice is unknown and the default one is taken."""
        if name != self._voice:
            known = self._set(name) or self._set(self._voice_of(name))
            self._unknown = not known and self._set(DEFAULT_VOICE)
            self._voice = name
        return self._unknown

    def _set(self, name: str) -> bool:
        return bool(name) and self._espeak.espeak_SetVoiceByName(name.encode()) == 0

    def _voice_of(self, language: str) -> str:
        """The voice for a language tag that is no voice's name, such as "en-gb"; "" if there is none."""
        voices = self._espeak.espeak_ListVoices(None)
        at = 0
        while voices[at]:
            tags = ctypes.string_at(voices[at].contents.languages + 1)  # the first byte is a priority
            if tags.decode() == language.lower():
                return str(voices[at].contents.identifier.decode())
            at += 1
        return ""

    def _heard(self, wave: int | None, count: int, events: ctypes._Pointer[Event]) -> int:
        """Called by the library with each piece of speech. Returning 1 stops it."""
        if self._job <= self.cancelled:
            return 1
        heard = self._trimmer.feed(array("h", ctypes.string_at(wave, 2 * count))) if wave and count else array("h")
        if words := self._words(events):
            self.send(WORDS, self._job, words)
        if heard:
            self.send(AUDIO, self._job, heard.tobytes())
        return 0

    def _words(self, events: ctypes._Pointer[Event]) -> bytes:
        words, at = b"", 0
        while (event := events[at]).type != _EVENT_END:
            at += 1
            char = event.text_position - 1
            if event.type == _EVENT_WORD and char > self._last_char:  # "12" is two words at one place
                self._last_char = char
                words += struct.pack("<II", char, max(0, event.sample - self._trimmer.cut))
        return words


def _mark_at_end(clause: str) -> str:
    last = clause.rstrip()[-1:]
    return last if last and last in _MARKS else ""


Order = tuple[int, int, bytes]  # kind, job, the rest


def read_orders(link: socket.socket, speaker: Speaker, jobs: queue.SimpleQueue[Order]) -> None:
    """Runs in a thread of its own, so that a cancel is seen while the library speaks."""
    source = link.makefile("rb")
    try:
        while header := source.read(HEADER.size):
            kind, job, length = HEADER.unpack(header)
            rest = source.read(length)
            if kind == CANCEL:
                speaker.cancelled = max(speaker.cancelled, job)
            else:
                jobs.put((kind, job, rest))
    except ConnectionResetError:  # it was left in the middle of what it said
        pass
    os._exit(0)  # nobody listens any more; do not wait for the library


def main() -> None:
    link = socket.socket(fileno=os.dup(0))
    speaker = Speaker(sys.argv[1], sys.argv[2], link)
    jobs: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=read_orders, args=(link, speaker, jobs), daemon=True).start()
    while True:
        try:
            kind, job, rest = jobs.get()
            if kind == SPELL:
                speaker.spell(job, rest)
            else:
                speaker.say(job, rest)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)


if __name__ == "__main__":
    main()
