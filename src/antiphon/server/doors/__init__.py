"""The doors beside `/v1/ws`: whoever comes in by another protocol talks to the same session.

What a door's protocol says is in a file of its own under `protocols/`; here is what carries it, the same for all, and
`routes.py`, which names them.
"""
