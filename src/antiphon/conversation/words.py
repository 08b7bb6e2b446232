"""What a few words mean for the floor: a backchannel does not take it."""

from __future__ import annotations

import unicodedata

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

# Sounds that say nothing at all. "mm" and "uh huh" may be an answer.
_HESITATIONS = frozenset(("er", "erm", "uhm", "um", "umm"))


def normalise(text: str) -> str:
    """Lower case, letters, their marks and digits only, single spaces: "Mm-hmm." becomes "mm hmm", "I’m" "im"."""
    kept = (c if unicodedata.category(c)[0] in "LMN" else "" if c in "'’" else " " for c in text.lower())
    return " ".join("".join(kept).split())


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
    words = normalise(text).split()
    return bool(words) and any(
        is_backchannel(" ".join(words[:cut])) and _begins_one(" ".join(words[cut:]))
        for cut in range(max(len(words) - 2, 0), len(words) + 1)
    )


def _begins_one(text: str) -> bool:
    return any(phrase.startswith(text) for phrase in _BACKCHANNELS)


def same_words(one: str, other: str) -> bool:
    """True if two transcripts say the same, whatever their case, punctuation and hesitations ("um")."""
    return _without_hesitation(one) == _without_hesitation(other)


def _without_hesitation(text: str) -> list[str]:
    return [word for word in normalise(text).split() if word not in _HESITATIONS]
