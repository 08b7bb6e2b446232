"""From a vendor's times to ours: where words begin, where segments end, and what is told of neither."""

from __future__ import annotations

from antiphon.providers.base import SpeechChunk, WordTime
from antiphon.providers.tts.alignment import CharacterAlignment, WordAlignment

RATE = 1000  # Hz: a sample is a millisecond
EACH = 10  # ms a character


def aligned(*texts: str) -> CharacterAlignment:
    alignment = CharacterAlignment(RATE)
    for text in texts:
        alignment.add(text)
    return alignment


def read(alignment: CharacterAlignment, said: str, *, more: int = 0) -> list[SpeechChunk]:
    """A message whose characters all take as long; `more`: ms of audio after them."""
    starts = [EACH * place for place in range(len(said))]
    pcm = bytes(2 * (EACH * len(said) + more))
    return list(alignment.read(pcm, said, starts, [EACH] * len(said)))


def lengths(chunks: list[SpeechChunk]) -> list[tuple[int, bool]]:
    """Samples of each chunk, and whether it is its segment's last."""
    return [(len(chunk.pcm) // 2, chunk.last) for chunk in chunks]


def test_words_are_counted_from_their_segment() -> None:
    alignment = aligned("One two.", "Three.")
    assert read(alignment, "One t")[0].words == (WordTime(0, 0), WordTime(4, 40))
    assert read(alignment, "wo. ")[0] == SpeechChunk(bytes(80), (), last=True)
    assert read(alignment, "Three. ")[0].words == (WordTime(0, 0),)


def test_a_message_that_holds_two_segments_is_cut_where_the_second_begins() -> None:
    chunks = read(aligned("One two.", "Three."), "One two. Three. ")
    assert lengths(chunks) == [(90, True), (70, True)]
    assert [chunk.words for chunk in chunks] == [(WordTime(0, 0), WordTime(4, 40)), (WordTime(0, 0),)]


def test_a_segment_ends_where_its_last_character_ends() -> None:
    alignment = aligned("One.")
    chunks = list(alignment.read(bytes(2 * 35), "One.", [0, 10, 20, 30], [10, 10, 10, 10]))
    chunks += alignment.read(bytes(2 * 5), "", [], [])
    assert lengths(chunks) == [(35, False), (5, True)]


def test_what_is_read_out_otherwise_is_passed_over() -> None:
    alignment = aligned("It is 9 pm.")
    assert [word.char for word in read(alignment, "It is nine pm.")[0].words] == [0, 3, 8]


def test_what_was_told_of_nothing_has_ended_when_nothing_comes() -> None:
    alignment = aligned("こんにちは。", "元気?")
    assert lengths(read(alignment, "konnichiwa", more=5)) == [(105, False)]
    assert lengths(list(alignment.quiet())) == [(0, True), (0, True)]


def test_what_was_told_in_part_has_not_ended_when_nothing_comes() -> None:
    alignment = aligned("One two three.")
    assert not list(alignment.quiet())
    read(alignment, "One ")
    assert not list(alignment.quiet())


def test_all_has_ended_when_the_vendor_says_so() -> None:
    alignment = aligned("One.", "Two.")
    read(alignment, "O")
    assert lengths(list(alignment.finish())) == [(0, True), (0, True)]


def test_words_are_found_in_order_and_whole() -> None:
    words = WordAlignment("A cat and a dog cost $5, a lot.")
    assert [words.find(word) for word in ("A", "cat", "a", "five", "", "dog", "a")] == [0, 2, 10, None, None, 12, 25]


def test_words_are_found_where_nothing_stands_between_them() -> None:
    words = WordAlignment("我们,今天去")
    assert [words.find(word) for word in ("我们", "今天", "去")] == [0, 3, 5]
