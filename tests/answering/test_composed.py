from __future__ import annotations

from langchain_core.documents import Document

from minicpm_rag.answering.composed import Composed
from minicpm_rag.records import HEADINGS, Answer, Citation


def test_each_quote_of_a_passage_keeps_the_section_it_stands_in() -> None:
    place = {"document_id": 1, "page": 1, "start": 0, "end": 40}
    passage = Document("The fee is 9. It runs for two years.", metadata=place | {HEADINGS: "Services"})
    composed = Composed(Answer(standalone_question="fee and term?"))
    for section in ("Fees", "Term"):
        quoted = passage.model_copy(update={"metadata": passage.metadata | {HEADINGS: section}})
        composed.add_cited("said[1]", [Citation(1, 0, 4, "said", 0, 4, 1.0, quoted)], [passage])
    assert composed.answer.text == "said[1]said[1]"
    assert [one.document.metadata[HEADINGS] for one in composed.answer.citations] == ["Fees", "Term"]
