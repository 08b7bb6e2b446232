"""Names for sessions, replies and items, in the form the Voice Agent API gives them."""

from __future__ import annotations

import os
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]


def new_id(prefix: str, *, random_bytes: RandomBytes = os.urandom) -> str:
    """`<prefix>_<32 hex>`: "sess" names a session, "resp" a reply, "msg" an item.

    A replay passes `random.Random(seed).randbytes` and gets the same names again.
    """
    return f"{prefix}_{random_bytes(16).hex()}"
