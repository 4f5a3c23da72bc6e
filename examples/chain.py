"""The chain as a LangChain Runnable: an answer from the documents, with its citations and the runs that made it.

python -m minicpm_rag ingest ./knowledge && python examples/chain.py "工龄满十年的员工年假有多少天？"
"""

from __future__ import annotations

import asyncio
import sys

from minicpm_rag import load_settings, open_workspace


async def main(question: str) -> None:
    """Print each run as it ends, then the answer."""
    with open_workspace(load_settings()) as workspace:
        chain = workspace.chain()
        async for event in chain.astream_events(question, version="v2"):
            if event["event"].endswith("_end"):
                print("·", event["name"])
        answer = chain.invoke(question)
        print(answer.text)
        for citation in answer.citations:
            print(f"[{citation.number}] {citation.document.metadata['title']}: {citation.quote}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "What is the agreed defect rate?"))
