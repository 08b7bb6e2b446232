"""What all tests share."""

from __future__ import annotations

import os

# A server that a test starts keeps nothing in the user's own folder, unless the test says where.
os.environ.setdefault("ANTIPHON_STORE", "memory")
