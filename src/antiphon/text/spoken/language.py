"""What a language module fills in: words and their forms. All rules that use them are in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Patterns and what to put in their place, one after the other.
Changes = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Noun:
    """What is counted: "kilometre/kilometres", or "hora/horas f" where the gender matters."""

    one: str
    many: str
    feminine: bool = False

    @classmethod
    def parse(cls, text: str) -> Noun:
        one, _, many = text.removesuffix(" f").partition("/")
        return cls(one, many or one, text.endswith(" f"))


@dataclass(frozen=True, slots=True)
class Currency:
    main: Noun
    cents: Noun | None = None


def lines(table: str) -> dict[str, str]:
    """A table, written "what: how it is read; …"."""
    rows = (entry.partition(": ") for line in table.splitlines() for entry in line.split("; ") if entry.strip())
    return {key.strip(): value.strip() for key, _, value in rows}


def nouns(table: str) -> dict[str, Noun]:
    """The same, of nouns; the left side may name several, parted by spaces."""
    return {name: Noun.parse(value) for names, value in lines(table).items() for name in names.split()}


def currencies(table: str) -> dict[str, Currency]:
    """The same, of currencies: "$ USD: dollar/dollars, cent/cents"."""
    found = {}
    for names, value in lines(table).items():
        main, _, cents = value.partition(", ")
        currency = Currency(Noun.parse(main), Noun.parse(cents) if cents else None)
        found.update(dict.fromkeys(names.split(), currency))
    return found


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def numbered(text: str) -> dict[str, int]:
    """Words counted from 1; "-" stands for none."""
    return {word: number for number, word in enumerate(text.split(), 1) if word != "-"}


def fractions(table: str) -> dict[int, str]:
    """The same, of denominators: "3: third/thirds"."""
    return {int(number): forms for number, forms in lines(table).items()}


@dataclass(frozen=True, kw_only=True)
class Language:
    r"""Everything is as it is written in running text; patterns are regular expressions, in which a space is \s."""

    # Numbers.
    numbers: str  # what num2words calls the language
    decimal: str = ","  # the decimal mark
    group: str = ".\u00a0\u202f'’"  # what may stand between thousands
    point: str  # how the decimal mark is read
    dot: str  # how the mark is read in versions and addresses
    decimals_as_number: int = 0  # so many decimals at most are read as one number, and not digit by digit
    plural_from: float = 0.0  # from which on "many" is used; 0: for all but 1
    masculine: Changes = ()  # makes a number agree with a noun after it
    feminine: Changes = ()
    feminine_nouns: str = r"(?!)"  # which nouns are, where a number must agree with one
    no_nouns: frozenset[str] = frozenset()  # words after a number that it does not count
    nouns_in_capitals: bool = False
    percent_is_noun: bool = False  # a number agrees with it
    repairs: Changes = ()  # of what num2words gets wrong
    magnitudes: Mapping[str, str] = field(default_factory=dict)  # "M" -> "million/millions"
    of_magnitude: str = ""  # "millions of": between a magnitude and what is counted
    elided: str = ""  # the same before a vowel
    year_pairs: tuple[int, int] | None = None  # years read in pairs, "nineteen ninety-nine"
    oh: str = ""  # the zero of "305", where such a name is read in pairs
    fractions: Mapping[int, str] = field(default_factory=dict)  # denominator -> "third/thirds"
    one_in_fractions: str = ""  # "one" of "one third"
    half: tuple[str, str]  # alone, of a masculine and a feminine noun
    and_a_half: tuple[str, str]

    # Ordinals.
    ordinals: tuple[tuple[str, Changes], ...] = ()  # what after digits makes an ordinal, and how it then changes
    ordinal_endings: Mapping[str, str] = field(
        default_factory=dict
    )  # by the word before; with "", by any other in dates

    # Dates and times.
    months: tuple[str, ...]
    month_abbreviations: Mapping[str, int]
    weekdays: Mapping[str, str]  # their abbreviations
    month_first: bool = False
    date: str  # "{month} {day}"
    date_with_year: str
    date_day_first: str = ""  # where a day before its month is said otherwise; {year} may be left out
    short_date: str = r"(?P<day>\d{1,2})/(?P<month>0\d)|(?P<Day>0\d)/(?P<Month>1[0-2])"  # without a year
    date_words: frozenset[str] = frozenset()  # after one of these "3/12" is a date, unless it may be a fraction
    written_joint: str = r"(?!)"  # what may stand between day, month and year: "de"
    day_is_ordinal: bool = False
    first_day: str = ""  # the first of a month, where the others are cardinals
    first_day_marked: bool = False  # only where it is written as an ordinal
    time: str  # "{h} {m}"
    full_hour: str
    said_hour: str = ""  # a full hour with a word for it, where that is read too
    padded_minute: str = "{m}"  # below ten
    hour: Noun = Noun("", "")
    hour_words: str = r"(?!)"  # what may follow a time and is said already
    hour_marks: str = ":"
    dotted_times: frozenset[str] = frozenset()  # after one of these "20.15" is a time
    duration: tuple[Noun, Noun, Noun]  # hours, minutes and seconds
    decade_mark: str = r"(?!)"  # "1980s"
    decade: Changes = ()

    # Money, units and symbols.
    currencies: Mapping[str, Currency]
    money: str  # "{main} and {cents}"
    units: Mapping[str, Noun]
    per: str  # of units that are made of two
    per_words: frozenset[str]  # what else may follow a stroke: "$5/month"
    symbols: Mapping[str, str]
    range_word: str
    ratio_word: str
    by: str  # "3 by 4"
    number_sign: str  # "#5"
    about: str  # "~30"
    percent: str
    power: str

    # Addresses and telephones.
    address_marks: Mapping[str, str]
    hashtag: str
    phone: str  # a pattern of how they are written
    phone_in_pairs: bool = False
    short_numbers: frozenset[str] = frozenset("112 911".split())  # telephones too, where one of these is near
    phone_words: frozenset[str] = frozenset()
    digit_words: frozenset[str] = frozenset()  # after one of these a number is read digit by digit
    pair_words: frozenset[str] = frozenset()  # after one of these three digits are a name: "room 305"

    # Words.
    abbreviations: Mapping[str, str]
    long_abbreviations: tuple[str, ...] = ("approx", "govt")  # how those end that are longer than six letters
    contextual: Changes = ()  # abbreviations that depend on what is around them
    openers: frozenset[str] = frozenset()  # words that begin one of these, and look like any other
    spelled: frozenset[str] = frozenset()  # initialisms that have a vowel and are spelled all the same
    short_words: frozenset[str] = frozenset()  # of three letters; where given, all others in capitals are spelled
    pronounced: frozenset[str] = frozenset()  # those without, or of two letters, that are words
    rulers: frozenset[str] = frozenset()  # names that are counted: "Henry VIII"
    queens: frozenset[str] = frozenset()
    ruler: tuple[str, str] = ("{ordinal}", "{ordinal}")  # how a king is, and a queen
    feminine_ordinal: Changes = ()
    rulers_ordinal_to: int = 1000  # and up to which number; then by a cardinal
    counted: frozenset[str] = frozenset()  # "Chapter IV"
    centuries: frozenset[str] = frozenset()  # words for a century, where its numeral stands before or after
    century_ordinal: bool = False
    version: str = "version"
    and_: str
    code: str  # said in the place of a block of code
