"""An agent that searches, reads pages and computes tables in several steps, with any chat model that calls tools.

MINICPM_RAG_LLM_URL=http://127.0.0.1:8000/v1 python examples/agent.py "Which two prices differ most?"
"""

from __future__ import annotations

import sys

from minicpm_rag import load_settings, open_workspace
from minicpm_rag.agent import run
from minicpm_rag.records import Answer, Question

with open_workspace(load_settings()) as workspace:
    question = Question(sys.argv[1] if len(sys.argv) > 1 else "What is the agreed defect rate?")
    for step in run(workspace, workspace.settings.knowledge_base, question):
        print(step.text if isinstance(step, Answer) else f"· {step.name} {step.arguments}")
