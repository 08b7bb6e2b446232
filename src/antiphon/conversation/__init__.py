"""The conversation core: a pure function, `step(state, event, now) -> (state, actions)`.

No asyncio, no I/O, no clock of its own. Events are facts, actions are orders; everything that can go wrong between the
caller, the STT, the LLM, the TTS and the tools is decided here. Read `state.py` first, then `machine.py`; `turns.py`
and `overlap.py` are the caller's side (`values.py`: is a number being dictated?), `replies.py`, `endings.py`,
`fillers.py` and `parting.py` the agent's, `tools.py` and `recovery.py` what the model runs, `history.py` what is
remembered; `presence.py` is for a connection that is lost and comes back.

Two kinds of time. Speech and silence are counted in milliseconds of *received audio*, so a stalled network does not
end a turn. `now` is a monotonic clock in seconds and serves only watchdogs and the caller's long silences.
"""
