"""The official MCP client, starting `minicpm-rag mcp` and searching with it.

python -m minicpm_rag ingest ./knowledge && python examples/mcp_client.py
"""

from __future__ import annotations

import asyncio
import os
import sys

from mcp import Client, StdioServerParameters


async def main(question: str) -> None:
    """Print the tools, and what search finds."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "minicpm_rag", "mcp"], env=dict(os.environ))
    async with Client(server) as client:
        print("tools:", ", ".join(tool.name for tool in (await client.list_tools()).tools))
        found = (await client.call_tool("search", {"query": question, "limit": 3})).structured_content or {}
        for passage in found["passages"]:
            print(f"- {passage['title']}, page {passage['page']}: {passage['text'][:80]}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "What is the agreed defect rate?"))
