"""The asyncio shell around the conversation core: it runs one session.

`session.py` carries out what the core orders. `listening.py` turns the caller's audio into facts; `speaking.py` makes
replies, and `playout.py` plays them; `calling.py` runs the tools that the model calls. What the shell needs from above,
a peer to talk to, is a contract it owns (`peer.py`) and is handed.
"""
