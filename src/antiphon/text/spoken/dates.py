"""When: dates, times of day and durations."""

from __future__ import annotations

import re

from antiphon.text.spoken.language import Language
from antiphon.text.spoken.numbers import Numbers, changed
from antiphon.text.spoken.rules import WORD_END, Pieces, Rule, ends_sentence, one_of, rule, word_before, words_before

_DASH = r"\s?[-‐‑–—]\s?"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_YEAR = r"(?:1[0-9]|20|21)\d\d"
_HOUR, _MINUTE = r"(?:2[0-4]|1\d|0?\d)", r"[0-5]\d"
_HALF_DAY = r"(?:[ap]m|[AP]M|[ap]\.\s?m\.?|[AP]\.\s?M\.?)(?![^\W_])"


class Dates:
    def __init__(self, language: Language, numbers: Numbers) -> None:
        self._language = language
        self._numbers = numbers
        self._months = {month.lower(): i for i, month in enumerate(language.months, 1)}
        self._months |= {abbreviation.lower(): i for abbreviation, i in language.month_abbreviations.items()}
        names = [*language.months, *language.month_abbreviations, *(f"{m}." for m in language.month_abbreviations)]
        self._month_names = f"(?:{one_of(names)}){WORD_END}"
        self._marks = f"(?:{'|'.join(mark for mark, _ in language.ordinals) or '(?!)'})?"

    def rules(self) -> list[Rule]:
        language = self._language
        first, second = ("month", "day") if language.month_first else ("day", "month")
        clock = rf"(?P<hour>{_HOUR})(?:{language.hour_marks})(?P<minute>{_MINUTE})(?!\d|:\d)"
        after = rf"\s?(?:(?P<half>{_HALF_DAY})|(?:{language.hour_words}){WORD_END})"
        span = rf"""
            (?P<hour>{_HOUR})(?::(?P<minute>{_MINUTE}))?(?P<dash>{_DASH})
            (?={_HOUR}(?::{_MINUTE})?\s?{_HALF_DAY})
        """
        found = [
            rule("0", r"(?P<year>\d{4})-(?P<month>0\d|1[0-2])-(?P<day>[0-3]\d)(?!\d)", self._date),
            rule("0", self._numeric(), self._date),
            rule("0", rf"(?:{language.short_date})(?![\d/])", self._date),
            rule("0", rf"(?P<{first}>\d{{1,2}})/(?P<{second}>\d{{1,2}})(?![\d/])", self._named_date),
            rule("0", rf"(?P<h>\d{{1,2}}):(?P<m>{_MINUTE}):(?P<s>{_MINUTE})(?!\d)", self._duration),
            rule("0", span, self._from_hour),
            rule("0", rf"{clock}(?:{after})?", self._time),
            rule("0", rf"(?P<hour>{_HOUR})\.(?P<minute>{_MINUTE})(?![\d.,]\d|\d)(?:{after})?", self._dotted_time),
            rule("0", rf"(?P<hour>{_HOUR}){after}", self._time),
            rule("0", self._day_first(), self._date),
            rule("$", rf"[-‐‑–—](?=\s?{_HOUR}(?:(?:{language.hour_marks}){_MINUTE}|{after}))", self._to_time),
        ]
        if language.month_first:
            found.append(rule("a", self._month_first(), self._date))
        decade = rf"['’]?(?P<decade>(?:(?<=['’])|1\d|20)\d0|[2-9]0)['’]?(?:{language.decade_mark}){WORD_END}"
        return [*found, rule("0$", decade, self._decade)]

    def _numeric(self) -> str:
        first, second = ("month", "day") if self._language.month_first else ("day", "month")
        return rf"""
            (?P<{first}>\d{{1,2}})(?P<sign>[/.-])(?P<{second}>\d{{1,2}})(?P=sign)(?P<year>\d{{4}}|\d\d)(?![\d/])
        """

    def _month_first(self) -> str:
        return rf"""
            (?P<month>{self._month_names})\s(?P<day>{_DAY}){self._marks}(?![\d:]|\.\d)
            (?:{_DASH}(?P<to>{_DAY}){self._marks}(?!\d))?
            (?:,?\s(?P<year>{_YEAR})(?![\d-]))?
        """

    def _day_first(self) -> str:
        joint = rf"(?:\s(?:{self._language.written_joint}))?"
        return rf"""
            (?P<day>{_DAY}){self._marks}(?:{_DASH}(?P<to>{_DAY}){self._marks})?{joint}
            \s(?P<month>{self._month_names})(?:{joint},?\s(?P<year>{_YEAR})(?![\d-]))?
        """

    # --- reading ----------------------------------------------------------------------------------------------------

    def _date(self, match: re.Match[str]) -> Pieces | None:
        """Pieces in the order in which they are written; where they are read in another, all stand for the first."""
        language, groups = self._language, match.groupdict()
        day, name = int(groups.get("day") or groups["Day"]), groups.get("month") or groups["Month"]
        month = int(name) if name.isdecimal() else self._months[name.lower().rstrip(".")]
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None
        year = groups.get("year")
        words = {"month": language.months[month - 1], "day": self._day(day, match)}
        if groups.get("to"):
            words["day"] += f" {language.range_word} {self._day(int(groups['to']), match)}"
        template = language.date
        if year:
            template = language.date_with_year
            words["year"] = self._year(year)
        if language.date_day_first and not name.isdecimal() and match.start("day") < match.start("month"):
            template = language.date_day_first if year else language.date_day_first.replace(" {year}", "")
        if template.partition(" ")[0] == word_before(match).lower():
            template = template.partition(" ")[2]
        starts = {name: match.start(name) for name in words if match.start(name) >= 0}
        return _fill(template, words, {name: starts.get(name, match.start()) for name in words})

    def _named_date(self, match: re.Match[str]) -> Pieces | None:
        """ "3/12", which is a date if the word before says so, and it is no fraction."""
        top, bottom = (int(part) for part in match.group().split("/"))
        named = word_before(match).lower() in self._language.date_words
        return self._date(match) if named and not (top < bottom and bottom in self._language.fractions) else None

    def _day(self, day: int, match: re.Match[str]) -> str:
        language = self._language
        if day == 1 and language.first_day:
            end = max(match.end("day"), match.start() + 1)
            marked = match.string[end : end + 1] not in (" ", "/", "-")
            if marked or not language.first_day_marked:
                return language.first_day
        if language.day_is_ordinal:
            return self._numbers.ordinal(day, before=" ".join(words_before(match, 2)))
        return self._numbers.cardinal(day)

    def _year(self, text: str) -> str:
        if len(text) == 2:
            return self._numbers.year(int(text) + (2000 if int(text) < 70 else 1900))
        return self._numbers.year(int(text))

    def _time(self, match: re.Match[str]) -> Pieces | None:
        groups = match.groupdict()
        half, minute = groups.get("half"), groups.get("minute")
        word = half is None and match.group()[-1].isalpha()
        pieces = [(self._clock(int(match["hour"]), minute, half=half is not None, word=word), match.start("hour"))]
        if half:
            pieces.append((f"{half[0].upper()} M", match.start("half")))
            if half.endswith(".") and ends_sentence(match.string, match.end()):
                pieces.append((".", match.end() - 1))
        return pieces

    def _dotted_time(self, match: re.Match[str]) -> Pieces | None:
        """ "20.15", which is a time if something says so."""
        said = match["half"] or match.group()[-1].isalpha()
        return self._time(match) if said or word_before(match).lower() in self._language.dotted_times else None

    def _from_hour(self, match: re.Match[str]) -> Pieces:
        hour = self._clock(int(match["hour"]), match["minute"], half=True)
        return [(hour, match.start("hour")), (self._language.range_word, match.start("dash"))]

    def _to_time(self, match: re.Match[str]) -> Pieces | None:
        """The dash between two times."""
        before = match.string[max(match.start() - 8, 0) : match.start()]
        language = self._language
        times = rf"(?:\d(?:{language.hour_marks})\d\d|[AaPp]\.?[Mm]\.?|\d\s?(?:{language.hour_words}))\s?\Z"
        is_time = re.search(times, before)
        return [(language.range_word, match.start())] if is_time else None

    def _clock(self, hour: int, minute: str | None, *, half: bool, word: bool = False) -> str:
        """`half`: of the day, which follows; `word`: one for the hour is written."""
        language = self._language
        h = self._numbers.cardinal(hour, noun=language.hour)
        hours = language.hour.one if hour == 1 else language.hour.many
        if minute is None or not int(minute):
            template = (language.said_hour if word else "") or language.full_hour
            return h if half else template.format(h=h, hours=hours)
        m = self._numbers.cardinal(int(minute))
        if int(minute) < 10:
            m = language.padded_minute.format(m=m)
        return language.time.format(h=h, m=m, hours=hours)

    def _duration(self, match: re.Match[str]) -> Pieces:
        said = []
        for name, noun in zip("hms", self._language.duration, strict=True):
            number = int(match[name])
            form = noun.many if self._numbers.is_many(number) else noun.one
            said.append((f"{self._numbers.cardinal(number, noun=noun)} {form}", match.start(name)))
        said[-1] = (f"{self._language.and_} {said[-1][0]}", said[-1][1])
        return said

    def _decade(self, match: re.Match[str]) -> Pieces:
        digits = match["decade"]
        words = self._numbers.year(int(digits)) if len(digits) == 4 else self._numbers.cardinal(int(digits))
        return [(changed(words, self._language.decade), match.start("decade"))]


def _fill(template: str, words: dict[str, str], starts: dict[str, int]) -> Pieces:
    """The template with its words, each at where it is written as far as that is in order."""
    pieces: Pieces = []
    at = min(starts.values())
    for literal, name in re.findall(r"([^{}]*)\{(\w+)\}", template):
        at = max(at, starts[name])
        text = f"{literal}{words[name]}"
        if text[0] in ",.":
            pieces.append((text[0], at))
            text = text[1:]
        pieces.append((text.strip(), at))
    return pieces
