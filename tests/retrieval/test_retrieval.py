from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import stores
from embedders import minilm
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_tests.integration_tests import RetrieversIntegrationTests
from small_library import DOCUMENTS, build_library

from minicpm_rag import records
from minicpm_rag.embedding.embedder import ReadPassage, ReadQuestion
from minicpm_rag.errors import NotFoundError
from minicpm_rag.library import Library
from minicpm_rag.records import Candidate
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.retrieval.evidence import SETTING, features
from minicpm_rag.retrieval.fusion import dense_trust
from minicpm_rag.retrieval.matching import QuestionMatch
from minicpm_rag.retrieval.search import DEPTH
from minicpm_rag.text.sentences import sentence_spans

ANSWERED = [
    ("水泵保修多久？", "水泵说明书.txt"),
    ("RX-7800 的扬程是多少", "水泵说明书.txt"),
    ("报销单要在几天之内提交？", "报销制度.txt"),
    ("鐵道博物館幾點開放？", "博物館.txt"),
    ("铁道博物馆在哪里？", "博物館.txt"),
    ("泡龙井用多少度的水？", "茶叶.txt"),
    ("谁负责清洗主镜", "天文台笔记.txt"),
    ("What does error E-4412 mean?", "camera-manual.txt"),
    ("How long must I charge the battery?", "camera-manual.txt"),
    ("When do I have to pay my rent?", "lease.txt"),
    ("Who built the mill at Oakford?", "river-history.txt"),
    ("How hot should the oven be for sourdough?", "bread.txt"),
    ("What keeps slugs off the raised beds?", "garden.txt"),
    ("保修期？", "水泵说明书.txt"),
    ("报销期限", "报销制度.txt"),
    ("Subletting?", "lease.txt"),
    ("deposit", "lease.txt"),
    ("Who will present the noise measurements?", "meeting.txt"),
    ("What should I do about a burn on my hand?", "first-aid.txt"),
]
UNANSWERED = [
    "云南白药的主要成分是什么？",
    "巴西的首都在哪里？",
    "怎样申请护照？",
    "康熙皇帝在位多少年？",
    "Who won the football world cup in 1998?",
    "What is the boiling point of mercury?",
    "How do I renew my passport?",
    "Which composer wrote the opera Carmen?",
]
SMALL_TALK = ["你好", "谢谢", "Hello!", "thanks", "?", ""]


@pytest.fixture(scope="module")
def embedder() -> Any:
    return minilm()


@pytest.fixture(scope="module", params=["embedded", "postgres"])
def library(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, embedder: Any
) -> Iterator[Library]:
    with stores.chosen(request):
        built = build_library(tmp_path_factory.mktemp("small"), embedder)
    with built:
        yield built


@pytest.fixture
def retriever(library: Library, embedder: Any) -> HybridRetriever:
    return HybridRetriever(library=library, embedder=embedder, knowledge_base="default")


class TestStandard(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _library(self, library: Library, embedder: Any) -> None:
        self.parameters = {"library": library, "embedder": embedder, "knowledge_base": "default"}

    @property
    def retriever_constructor(self) -> type[HybridRetriever]:
        return HybridRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return self.parameters

    @property
    def retriever_query_example(self) -> str:
        return "How long is the warranty of the camera?"


class TestStandardByItsOwnName(TestStandard):
    @property
    def num_results_arg_name(self) -> str:
        return "passages"


@pytest.mark.parametrize(("question", "title"), ANSWERED)
def test_the_document_that_answers_comes_first_with_evidence(
    retriever: HybridRetriever, question: str, title: str
) -> None:
    found = retriever.retrieve(question, 3)
    assert found.documents[0].metadata[records.TITLE] == title
    assert found.evidence >= found.threshold == retriever.threshold


@pytest.mark.parametrize("question", UNANSWERED)
def test_a_question_about_something_else_has_no_evidence(retriever: HybridRetriever, question: str) -> None:
    assert retriever.retrieve(question, 3).evidence < retriever.threshold


@pytest.mark.parametrize("question", SMALL_TALK)
def test_small_talk_has_no_evidence(retriever: HybridRetriever, question: str) -> None:
    assert retriever.retrieve(question, 3).evidence < retriever.threshold / 2


def test_every_sentence_finds_its_own_document(retriever: HybridRetriever) -> None:
    for title, text in DOCUMENTS.items():
        for start, end in sentence_spans(text):
            found = [d.metadata[records.TITLE] for d in retriever.retrieve(text[start:end], 3).documents]
            assert title in found, text[start:end]


@pytest.mark.parametrize(("question", "title"), ANSWERED)
def test_passages_quote_their_page_and_carry_every_key(
    retriever: HybridRetriever, library: Library, question: str, title: str
) -> None:
    documents = retriever.invoke(question)
    assert 0 < len(documents) <= 5
    for document in documents:
        metadata = document.metadata
        page = library.page_text(metadata[records.DOCUMENT_ID], metadata[records.PAGE])
        assert page[metadata[records.START] : metadata[records.END]] == document.page_content
        assert 0 <= metadata[records.SCORE] <= 1
        assert 0 <= metadata[records.EVIDENCE] <= 1
        assert metadata[records.CHUNK_ID] and metadata[records.SOURCE]
    assert len({document.id for document in documents}) == len(documents)


def test_an_empty_knowledge_base_finds_nothing(tmp_path: Path, embedder: Any) -> None:
    with Library(tmp_path, embedder=embedder) as empty:
        empty.create("leer")
        nothing = HybridRetriever(library=empty, embedder=embedder, knowledge_base="leer")
        found = nothing.retrieve("保修期")
        assert (found.documents, found.evidence) == ([], 0.0)


def test_a_document_that_leaves_during_a_search_is_not_an_error(
    library: Library, embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    whole = library.page_text

    def page_text(document_id: int, page_number: int) -> str:
        asked.append(document_id)
        if len(asked) == 1:
            raise NotFoundError(f"No document {document_id}.")
        return whole(document_id, page_number)

    monkeypatch.setattr(library, "page_text", page_text)
    retriever = HybridRetriever(library=library, embedder=embedder)
    assert retriever.retrieve("水泵保修多久？").documents[0].metadata[records.TITLE] == "水泵说明书.txt"
    unknown = HybridRetriever(library=library, embedder=embedder, knowledge_base="nowhere")
    with pytest.raises(NotFoundError):
        unknown.retrieve("水泵")


def test_the_inspector_tells_what_became_of_each_candidate(retriever: HybridRetriever) -> None:
    found = retriever.retrieve("水泵保修期多久？冬季怎样停机？", 2)
    assert found.trace is not None
    first = found.trace.candidates[0]
    assert str(first.fate) == "passage 1"
    assert first.keyword_score is not None
    noted = first.document.metadata
    assert (first.evidence, first.score) == (noted[records.EVIDENCE], noted[records.SCORE])
    assert found.trace.dense_weight < 0.1
    read = retriever.retrieve("How do I prune the apple trees?").trace
    assert read is not None and read.dense_weight == pytest.approx(0.5)


def test_each_candidate_has_its_part_from_each_search(retriever: HybridRetriever, library: Library) -> None:
    question = "Who built the mill at Oakford? 水泵"
    trace = retriever.retrieve(question).trace
    assert trace is not None
    keyword = library.keyword_search("default", question, DEPTH)
    dense = library.dense_search("default", retriever.embedder.embed_query(question), DEPTH)
    for one in trace.candidates:
        name = one.document.id
        assert (name, one.keyword_score) == (keyword[one.keyword_rank - 1] if one.keyword_rank else (name, None))
        if one.dense_rank:
            assert dense[one.dense_rank - 1][0] == name
            assert one.dense_score == pytest.approx(dense[one.dense_rank - 1][1], abs=1e-4)
    assert {one.closeness is None for one in trace.candidates} == {True, False}


def test_a_passage_that_only_words_found_is_compared_with_the_question_too(
    retriever: HybridRetriever, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large library it stands behind the nearest, which is no sign that it is far."""
    question = "Who built the mill at Oakford? 水泵"
    cosines = dict(library.dense_search("default", retriever.embedder.embed_query(question), 1000))
    monkeypatch.setattr("minicpm_rag.retrieval.search.DEPTH", 3)
    trace = retriever.retrieve(question).trace
    assert trace is not None
    by_words = [one for one in trace.candidates if one.dense_rank is None]
    assert by_words
    for one in by_words:
        assert one.dense_score == pytest.approx(cosines[str(one.document.id)], abs=1e-4)


def test_callbacks_see_a_retriever_run_with_its_passages(retriever: HybridRetriever) -> None:
    seen: list[Any] = []

    class Watch(BaseCallbackHandler):
        def on_retriever_start(self, serialized: Any, query: str, **_: Any) -> None:
            seen.append(query)

        def on_retriever_end(self, documents: Any, **_: Any) -> None:
            seen.append(documents)

    found = retriever.retrieve("水泵保修多久？", config={"callbacks": [Watch()]})
    assert seen == ["水泵保修多久？", found.documents]


def test_absent_documents_are_passed_over(retriever: HybridRetriever, library: Library) -> None:
    rows = {row.title: row.id for row in library.documents("default")}
    question = "Who built the mill at Oakford?"
    found = retriever.retrieve(question, without={rows["river-history.txt"]})
    assert all(d.metadata[records.TITLE] != "river-history.txt" for d in found.documents)
    assert found.evidence < retriever.threshold


def test_a_calibration_beside_the_index_is_used_for_its_embedder_only(
    retriever: HybridRetriever, library: Library
) -> None:
    shipped = retriever.calibration()
    try:
        library.set_setting("default", SETTING, {**shipped.as_json(), "threshold": 0.77})
        assert retriever.threshold == 0.77
        library.set_setting("default", SETTING, {**shipped.as_json(), "threshold": 0.77, "revision": "other"})
        assert retriever.threshold == shipped.threshold
    finally:
        library.set_setting("default", SETTING, None)


def test_a_reranker_decides_the_order(library: Library, embedder: Any) -> None:
    class Backwards:
        def scores(self, question: str, texts: Sequence[str]) -> list[float]:
            return [float("Sourdough" in text) for text in texts]

    reranked = HybridRetriever(library=library, embedder=embedder, reranker=Backwards())
    found = reranked.retrieve("Sourdough or the battery of the camera", 3).documents
    assert found[0].metadata[records.TITLE] == "bread.txt"
    assert found[0].metadata[records.SCORE] == 1


def test_words_that_mean_the_same_in_their_context_win_over_the_same_words(tmp_path: Path, embedder: Any) -> None:
    ships = {
        "sale.txt": "In 1990 the vessel was purchased by William Harvey for nine thousand pounds.",
        "voyage.txt": "In 1990 the ship sailed to Norway and the crew who were on board caught nine tons of cod.",
        "repair.txt": "The ship was painted green, and its captain thought about who would look after the sails.",
    }
    with build_library(tmp_path, embedder, DOCUMENTS | ships) as built:
        retriever = HybridRetriever(library=built, embedder=embedder)
        assert retriever.retrieve("Who bought the ship?").documents[0].metadata[records.TITLE] == "sale.txt"
        with built.ledger.writing() as connection:  # as in a library from before there were token signs
            connection.execute("DELETE FROM token_signs")
        assert retriever.retrieve("Who bought the ship?").documents[0].metadata[records.TITLE] != "sale.txt"


@pytest.mark.parametrize("question", ["What is the rated head of RX-7800?", "rated head RX-7800"])
def test_a_part_number_in_a_text_the_embedder_cannot_read_is_found(
    tmp_path: Path, embedder: Any, question: str
) -> None:
    pumps = {
        "pumps.txt": "The rated head of a pump says how high it lifts water. The rated head is stamped on the plate.",
        "水泵二.txt": "型号 RX-7801 的额定扬程是四十米，额定流量为每小时八吨。",
    }
    with build_library(tmp_path, embedder, DOCUMENTS | pumps) as built:
        found = HybridRetriever(library=built, embedder=embedder).retrieve(question, 3)
        titles = [document.metadata[records.TITLE] for document in found.documents]
        assert "水泵说明书.txt" in titles[:2]
        assert "水泵二.txt" not in titles[:2]


class ConceptEmbedder:
    """Reads both languages: one number for each idea, whatever its word."""

    name, revision, dimension, limit_tokens = "concepts", "1", 8, 512
    ideas = (
        ("水泵", "pump"),
        ("租金", "rent"),
        ("茶", "tea"),
        ("磨坊", "mill"),
        ("烧伤", "burn"),
        ("面包", "bread"),
    )

    def count_tokens(self, text: str) -> int:
        return len(text) // 2

    def readable_share(self, text: str) -> float:
        return 1.0

    def embed_query(self, text: str) -> list[float]:
        numbers = [float(any(word in text.lower() for word in words)) for words in self.ideas]
        length = sum(numbers) ** 0.5 or 1.0
        return [*(number / length for number in numbers), 0.0, 0.01]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def read_passages(self, texts: list[str]) -> list[ReadPassage]:
        return [ReadPassage(vector, b"") for vector in self.embed_documents(texts)]

    def read_question(self, text: str) -> ReadQuestion:
        return ReadQuestion(self.embed_query(text), [], numpy.empty((0, self.dimension), "f4"))


@pytest.mark.parametrize(
    ("question", "title"), [("租金何时支付", "lease.txt"), ("磨坊", "river-history.txt"), ("tea", "茶叶.txt")]
)
def test_an_embedder_that_reads_both_languages_finds_across_them(tmp_path: Path, question: str, title: str) -> None:
    concepts = ConceptEmbedder()
    with build_library(tmp_path, concepts) as built:
        both = HybridRetriever(library=built, embedder=concepts)
        assert both.retrieve(question).documents[0].metadata[records.TITLE] == title


def test_an_embedder_that_reads_nothing_does_no_harm(tmp_path: Path) -> None:
    class Noise(ConceptEmbedder):
        name = "noise"

        def readable_share(self, text: str) -> float:
            return 0.1

        def embed_query(self, text: str) -> list[float]:
            return [float(hash(text) >> shift & 15) + 0.1 for shift in range(8)]

    noise = Noise()
    with build_library(tmp_path, noise) as built:
        deaf = HybridRetriever(library=built, embedder=noise)
        for question, title in ANSWERED:
            if question != "What should I do about a burn on my hand?":
                assert deaf.retrieve(question).documents[0].metadata[records.TITLE] == title


def part(number: int) -> str:
    return f"{'KXT'[number % 3]}{'ABCD'[number % 4]}-{40000 + number * 37}-{'RS'[number % 2]}{number % 7}"


def name(number: int) -> str:
    family, given = (
        "赵钱孙李周吴郑王冯陈"[number % 10],
        "明建国伟芳秀英敏静丽强磊洋艳勇军杰娟涛超"[number % 20],
    )
    return f"{family}{given}{'安宁平康乐'[number % 5]}{number}号"


def test_part_numbers_and_names_always_win(tmp_path: Path) -> None:
    line = "Part {} is kept on shelf {} and looked after by {}。"
    sheets = {
        f"sheet {sheet:02}.txt": "\n".join(
            line.format(part(number), number % 9, name(number)) for number in range(sheet * 5, sheet * 5 + 5)
        )
        for sheet in range(60)
    }
    concepts = ConceptEmbedder()
    with build_library(tmp_path, concepts, sheets) as built:
        retriever = HybridRetriever(library=built, embedder=concepts)
        for number in range(0, 300, 3):
            plain = part(number).lower().replace("-", "")
            for question in (part(number), plain, f"Where is {part(number)}?", name(number)):
                best = retriever.retrieve(question, 3).documents[0]
                assert best.metadata[records.TITLE] == f"sheet {number // 5:02}.txt", question


def test_what_other_subjects_hold_as_well_is_less_evidence() -> None:
    def found(number: int, text: str, headings: str = "") -> Document:
        metadata = {records.DOCUMENT_ID: number, records.HEADINGS: headings}
        return Document(id=str(number), page_content=text, metadata=metadata)

    def lead(*others: Document) -> float:
        match = QuestionMatch("水泵的保修期", lambda wanted: dict.fromkeys(wanted, 1.0))
        passages = [found(1, "水泵的保修期为两年。", "水泵"), *others]
        return features([Candidate(passage, 0.0) for passage in passages], match, 0.0)[0].lead

    alone, fan = lead(), "风机装在厂房的北侧，保修期从安装那天算起。"
    assert lead(found(2, "天气很好。")) == alone
    assert lead(found(2, fan)) < alone
    assert lead(found(2, fan, "水泵")) == alone, "the same heading is the same subject"
    assert lead(found(1, fan)) == alone, "so is the same document"


def test_passages_far_off_in_the_same_document_are_rivals_too() -> None:
    def found(start: int, text: str, page: int = 1) -> Document:
        place = {records.PAGE: page, records.START: start, records.END: start + len(text)}
        return Document(id=f"{page} {start}", page_content=text, metadata={records.DOCUMENT_ID: 1, **place})

    def lead(*others: Document) -> float:
        match = QuestionMatch("水泵的保修期", lambda wanted: dict.fromkeys(wanted, 1.0))
        passages = [found(0, "水泵的保修期为两年。"), *others]
        return features([Candidate(passage, 0.0) for passage in passages], match, 0.0)[0].lead

    fan = "风机装在厂房的北侧，保修期从安装那天算起。"
    assert lead(found(20, fan)) == lead(), "beside it the same subject goes on"
    assert lead(found(5000, fan)) < lead()
    assert lead(found(20, fan, page=2)) < lead()


def test_other_versions_of_a_document_do_not_lower_the_evidence_for_it(tmp_path: Path, embedder: Any) -> None:
    versions = {
        f"{Path(name).stem} v{number}.txt": f"{text} Revision {number}, 第{number}版。"
        for name, text in DOCUMENTS.items()
        for number in range(1, 4)
    }
    with build_library(tmp_path, embedder, versions) as library:
        retriever = HybridRetriever(library=library, embedder=embedder)
        refused = [question for question, _ in ANSWERED if retriever.retrieve(question).evidence < retriever.threshold]
        accepted = [question for question in UNANSWERED if retriever.retrieve(question).evidence >= retriever.threshold]
    assert (refused, accepted) == ([], [])


def test_a_dense_ranking_counts_more_the_clearer_its_best_stands_out() -> None:
    flat = [(str(number), 0.3) for number in range(DEPTH)]
    clear = [("best", 0.7), *flat[1:]]
    assert dense_trust(clear, DEPTH) > dense_trust(flat, DEPTH) == 1
    assert dense_trust([], DEPTH) == 1
