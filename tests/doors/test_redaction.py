"""What is not to be kept is not, through whichever door the words come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from antiphon.conversation import notices as out
from antiphon.server.journal import AgentSaid, UserSaid, read
from tests.doors.phoning import CALLS, phoned
from tests.doors.serving import Served, with_server
from tests.doors.test_phone import ORDER, Watch
from tests.server.serving import CODE, agent


@pytest.mark.parametrize("carrier", sorted(CALLS))
def test_of_a_telephone_call_only_the_redacted_words_are_stored(carrier: str) -> None:
    watch = Watch()
    hooks = replace(watch.hooks, redact=lambda text: text.replace("table", "[thing]"))

    async def test(here: Served) -> None:
        async with phoned(here, carrier) as call:
            await call.until(lambda: watch.all(out.ReplyDone))
            call.say(CODE.speak(ORDER, 8000)[0], 8000)
            await call.until(lambda: len(watch.all(out.ReplyDone)) == 2)
            (booking,) = here.service._live.values()
            await booking.journal.durable()
            entries = [read(entry) for entry in await here.service.store.journal(booking.record.id)]
        said = [entry.text for entry in entries if isinstance(entry, UserSaid | AgentSaid)]
        assert not [text for text in said if "table" in text]
        assert "i want to book a [thing] please" in said and "Your [thing] is booked." in said

    with_server(test, agent(hooks=hooks))
