"""The retriever as a node of a LangGraph graph of your own.

python -m minicpm_rag ingest ./knowledge && python examples/retriever_in_langgraph.py
"""

from __future__ import annotations

import sys
from typing import TypedDict

from langchain_core.documents import Document
from langgraph.graph import END, START, StateGraph

from minicpm_rag import load_settings, open_workspace


class State(TypedDict, total=False):
    """What the nodes pass on."""

    question: str
    documents: list[Document]
    enough: bool


with open_workspace(load_settings()) as workspace:
    retriever = workspace.retriever()

    def retrieve(state: State) -> State:
        """Find passages, and whether they hold the answer."""
        found = retriever.retrieve(state["question"])
        return {"documents": found.documents, "enough": found.evidence >= found.threshold}

    graph = StateGraph(State)
    graph.add_node("retrieve", retrieve)
    graph.add_edge(START, "retrieve")
    graph.add_edge("retrieve", END)
    question = sys.argv[1] if len(sys.argv) > 1 else "What is the agreed defect rate?"
    result = graph.compile().invoke({"question": question})
    print("enough evidence" if result["enough"] else "too little evidence")
    for document in result["documents"]:
        print(f"- {document.metadata['title']}: {document.page_content[:80]}")
