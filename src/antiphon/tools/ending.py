"""The tool by which the agent ends the call itself."""

from __future__ import annotations

from antiphon.tools.base import ToolContext
from antiphon.tools.function import FunctionTool, tool

END_CALL = "end_call"


def end_call_tool() -> FunctionTool:
    """`end_call`: the call ends once the agent's goodbye has been heard, unless the caller speaks on."""

    @tool(name=END_CALL, idempotent=True, timeout=10.0)
    async def end_call(context: ToolContext) -> str:
        """End the phone call. Use it when the caller says goodbye, or when there is nothing left to do and the caller
        wants nothing more. Say goodbye in the same answer."""
        context.end_call()
        return "The call will end. If you have not said goodbye yet, do it now, in one short sentence."

    return end_call
