"""What a few words mean for the floor: a backchannel does not take it."""

from __future__ import annotations

import re

# Sounds and phrases that say "I am listening". Normalised as `normalise` does: no hyphens, single spaces.
_BACKCHANNELS = frozenset(
    phrase.strip()
    for phrase in """
    ah, aha, ahh, ah ha, alright, all right, ay, cool, er, erm, exactly, fine, gotcha, got it, great, ha, hm, hmm, hmmm,
    huh, i see, m, mhm, mm, mm hm, mm hmm, mm mm, mmm, mmhm, mmhmm, nice, of course, oh, oh okay, oh right, ok, okay,
    okey, ooh, right, sure, true, uh, uh huh, uh uh, uhhuh, uhm, um, umm, um hm, um hum, wow, ya, yah, yeah, yep, yes,
    yup
    """.split(",")
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def normalise(text: str) -> str:
    """Lower case, letters and digits only, single spaces: "Mm-hmm." becomes "mm hmm"."""
    return " ".join(_WORD.findall(text.lower()))


def is_backchannel(text: str) -> bool:
    """True for a text made of backchannels only ("Yeah, yeah. Okay."), and for one without any word."""
    words = normalise(text).split()
    while words:
        for length in (2, 1):
            if " ".join(words[:length]) in _BACKCHANNELS:
                del words[:length]
                break
        else:
            return False
    return True


def may_become_backchannel(text: str) -> bool:
    """True for a partial transcript with words that are, or may still turn out to be, only backchannels ("Uh-hu")."""
    text = normalise(text)
    if not text:
        return False
    if is_backchannel(text):
        return True
    head, _, last = text.rpartition(" ")
    return is_backchannel(head) and any(phrase.startswith(last) for phrase in _BACKCHANNELS)


def same_words(one: str, other: str) -> bool:
    """True if two transcripts say the same, whatever their case and punctuation."""
    return normalise(one) == normalise(other)
