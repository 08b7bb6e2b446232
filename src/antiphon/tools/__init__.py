"""What the model may run: Python functions, HTTP endpoints, the tools of MCP servers, and ending the call.

`base.py` is the contract between a session and a tool. A tool always answers: whatever it returns, raises or never
does becomes a text for the model.
"""
