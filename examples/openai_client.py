"""The `openai` client, asking `minicpm-rag serve`.

minicpm-rag serve --token "$TOKEN" &
python examples/openai_client.py http://127.0.0.1:8600/v1 "$TOKEN"
"""

from __future__ import annotations

import sys

from openai import OpenAI

address, token = sys.argv[1:3]
client = OpenAI(base_url=address, api_key=token)
model = client.models.list().data[0].id  # a knowledge base
question = sys.argv[3] if len(sys.argv) > 3 else "What is the agreed defect rate?"
answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])
print(answer.choices[0].message.content)
for citation in answer.citations:  # type: ignore[attr-defined]
    print(f"[{citation['number']}] {citation['title']}: {citation['quote']}\n    {citation['link']}")
