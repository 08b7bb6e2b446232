"""The server: the Voice Agent API on one WebSocket, over Starlette and uvicorn."""
