from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from embedders import minilm
from langchain_core.documents import Document
from small_library import build_library

from minicpm_rag import records
from minicpm_rag.cli import main, program
from minicpm_rag.cli.evaluate import _worse
from minicpm_rag.errors import DocumentError
from minicpm_rag.evaluation import Scorecard, calibrate_abilities, calibrate_evidence, evaluate
from minicpm_rag.evaluation.drafting import drafted
from minicpm_rag.evaluation.question_sets import ReferenceQuestion, load_questions, sentence_questions
from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.records import Answer, Citation
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.retrieval.evidence import SETTING
from minicpm_rag.workspace import Workspace

QUESTIONS = [
    ReferenceQuestion("水泵保修多久？", "水泵说明书.txt", (1,), ("两年",)),
    ReferenceQuestion("Who built the mill at Oakford?", "river-history", (), ("Harlan",)),
    ReferenceQuestion("How do I keep slugs away?", "nowhere.txt"),
    ReferenceQuestion("康熙皇帝在位多少年？", None, kind="removed_article"),
    ReferenceQuestion("Which composer wrote the opera Carmen?", None, kind="removed_article"),
]


@pytest.fixture(scope="module")
def embedder() -> Any:
    return minilm()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, embedder: Any) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    build_library(folder, embedder).close()
    return folder / "home"


@pytest.fixture
def retriever(home: Path, embedder: Any) -> Iterator[HybridRetriever]:
    with Library(home, embedder=embedder) as library:
        yield HybridRetriever(library=library, embedder=embedder)
        library.set_setting("default", SETTING, None)


def test_the_scorecard_counts_hits_answers_and_refusals(retriever: HybridRetriever) -> None:
    scores = evaluate(retriever, QUESTIONS).as_json()
    assert scores["questions"] == 3
    assert scores["recall@1"] == scores["recall@5"] == scores["mrr@5"] == pytest.approx(2 / 3)
    assert scores["answer_shown"] == 1
    assert scores["unanswerable"] == {"removed_article": {"questions": 2, "refused": 1}}
    assert 0 < scores["seconds_p50"] <= scores["seconds_p95"]


def test_a_hit_on_the_wrong_page_is_no_hit(retriever: HybridRetriever) -> None:
    wrong = [ReferenceQuestion("水泵保修多久？", "水泵说明书.txt", (2,))]
    assert evaluate(retriever, wrong).recall(5) == 0


def test_a_copy_under_another_name_is_the_same_place(tmp_path: Path, embedder: Any) -> None:
    text = "The ferry terminal at Oakford opens at six in the morning."
    with build_library(tmp_path, embedder, {"first.txt": text}) as library:
        (tmp_path / "copy.txt").write_text(text, encoding="utf-8")
        with Worker(library) as worker:
            worker.start()
            list(follow(library, submit_ingest(library, "default", [tmp_path / "copy.txt"])))
        retriever = HybridRetriever(library=library, embedder=embedder)
        asked = [ReferenceQuestion("When does the ferry terminal open?", name) for name in ("first.txt", "copy")]
        assert evaluate(retriever, asked).recall(1) == 1


def test_no_questions_score_nothing(retriever: HybridRetriever) -> None:
    assert Scorecard([], retriever.calibration()).as_json()["recall@5"] == 0


def test_the_documents_own_sentences_are_spread_over_documents(retriever: HybridRetriever) -> None:
    questions = sentence_questions(retriever.library, "default", 12)
    assert len({question.document for question in questions}) == 12
    assert sentence_questions(retriever.library, "default", 12) == questions
    assert len(sentence_questions(retriever.library, "default", 10_000)) > 30
    assert evaluate(retriever, questions).recall(3) == 1


def test_a_heading_is_no_sentence_to_ask_for(tmp_path: Path, embedder: Any) -> None:
    heading = "Terms of payment for all suppliers"
    texts = {f"{name}.md": f"# {heading}\n\nPay {name} on the third day of each month." for name in ("Ash", "Birch")}
    with build_library(tmp_path, embedder, texts) as library:
        asked = {question.text.strip() for question in sentence_questions(library, "default", 10)}
        assert asked == {"Pay Ash on the third day of each month.", "Pay Birch on the third day of each month."}


def test_calibrating_on_own_questions_is_kept_beside_the_index(retriever: HybridRetriever) -> None:
    shipped = retriever.calibration()
    sentences = sentence_questions(retriever.library, "default", 40)
    calibrate_abilities(retriever)
    calibrate_evidence(retriever, evaluate(retriever, sentences))
    own = retriever.calibration()
    assert own != shipped
    assert (own.embedder, own.revision) == (shipped.embedder, shipped.revision)
    refused = [own.probability(o.features) < own.threshold for o in evaluate(retriever, sentences).outcomes]
    assert sum(refused) / len(refused) <= 0.05


def test_questions_are_read_from_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(
        '\ufeff{"question": "一", "file": "a.pdf", "page": 2, "answers": ["x"]}\n\n'
        '{"question": "two", "passage_id": "p1", "page": "Sheet1"}\n'
        '{"question": "three", "passage_id": null, "kind": "adversarial"}\n',
        encoding="utf-8",
    )
    assert load_questions(file) == [
        ReferenceQuestion("一", "a.pdf", (2,), ("x",)),
        ReferenceQuestion("two", "p1"),
        ReferenceQuestion("three", None, kind="adversarial"),
    ]


@pytest.mark.parametrize("line", ["not json", "[1]", '{"q": "no question"}'])
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text('{"question": "good"}\n' + line, encoding="utf-8")
    with pytest.raises(DocumentError, match="Line 2"):
        load_questions(file)


def run(home: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))
    result = CliRunner().invoke(program, ["eval", "--json", *arguments], standalone_mode=False)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return (result.return_value or 0), json.loads(result.stdout)


def test_eval_asks_for_own_sentences_when_no_questions_are_given(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, scores = run(home, monkeypatch, "--count", "15")
    assert scores["questions"] == 15
    assert scores["recall@3"] == 1


def test_eval_checks_whole_answers(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "questions.jsonl"
    lines = [
        {"question": "水泵保修多久？", "file": "水泵说明书.txt", "answers": ["两年"]},
        {"question": "Who built the mill at Oakford?", "file": "river-history.txt", "answers": ["Harlan"]},
        {"question": "Which composer wrote the opera Carmen?"},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    _, scores = run(home, monkeypatch, str(file), "--answers")
    answers = scores["answers"]
    assert answers["mode"] == "extractive"
    assert (answers["answerable"], answers["unanswerable"], answers["unanswerable_refused"]) == (2, 1, 1)
    assert answers["answer_contained"] == answers["quotes_true"] == answers["quoted_right_place"] == 1
    assert answers["retrieve_seconds_p50"] > 0


def test_eval_counts_each_kind_of_question_apart(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "questions.jsonl"
    pump, river = "水泵说明书.txt", "river-history.txt"
    lines: list[dict[str, Any]] = [
        {"question": "总结一下水泵说明书", "file": pump, "facts": ["水泵"], "kind": "summary"},
        {"question": "水泵保修多久？", "file": pump, "answers": ["两年"], "in": [pump], "kind": "scope"},
        {"question": "水泵保修多久？", "file": pump, "answers": ["两年"], "in": [river], "kind": "other scope"},
        {
            "question": "水泵保修多久？Who built the mill at Oakford?",
            "file": river,
            "facts": ["Harlan", "no such fact"],
            "kind": "parts",
        },
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    _, scores = run(home, monkeypatch, str(file), "--answers")
    kinds = scores["answers"]["kinds"]
    assert {kind: found["answer_contained"] for kind, found in kinds.items()} == {
        "summary": 1,
        "scope": 1,
        "other scope": 0,
        "parts": 0,
    }
    assert kinds["other scope"]["answered"] == 0 and kinds["summary"] == {
        "questions": 1,
        "answered": 1,
        "answer_contained": 1,
    }


def test_eval_fails_where_recall_is_too_low_or_got_worse(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))
    file, baseline = tmp_path / "questions.jsonl", tmp_path / "before.json"
    file.write_text('{"question": "水泵保修多久？", "file": "no such.txt"}', encoding="utf-8")
    asked = ["eval", "--json", str(file)]
    assert main(asked) == 0
    assert main([*asked, "--min-recall", "0.5"]) == 1
    baseline.write_text('{"recall@1": 0.9, "recall@5": 0.0, "mrr@5": 0.0}')
    assert main([*asked, "--compare", str(baseline)]) == 1
    assert "recall@1 was 0.900 and is 0.000" in capsys.readouterr().err
    baseline.write_text('{"recall@1": 0.0, "answerable_refused": 0.5, "unanswerable": {}}')
    assert main([*asked, "--compare", str(baseline)]) == 0
    baseline.write_text("[]")
    assert main([*asked, "--compare", str(baseline)]) == 2
    assert "before.json is not what" in capsys.readouterr().err


def test_every_rate_that_got_worse_is_named() -> None:
    scores = {"recall@5": 0.9, "answerable_refused": 0.3, "unanswerable": {"removed_article": {"refused": 0.8}}}
    before = {"recall@5": 0.9, "answerable_refused": 0.1, "unanswerable.removed_article.refused": 0.95, "gone": 1.0}
    assert _worse(scores, before) == [
        "answerable_refused was 0.100 and is 0.300",
        "unanswerable.removed_article.refused was 0.950 and is 0.800",
    ]


PASSAGE = Document(
    "水泵的保修期为两年，自购买之日起计算。", metadata={records.TITLE: "水泵说明书.txt", records.PAGE: 1}
)


def test_a_draft_counts_where_its_answer_is_copied_and_its_question_is_about_the_passage() -> None:
    question = drafted("问题：水泵的保修期是多久？\n答案：“两年”。", PASSAGE)
    assert question == ReferenceQuestion("水泵的保修期是多久？", "水泵说明书.txt", (1,), ("两年",))
    english = Document("The mill was built by Harlan in 1824.", metadata=PASSAGE.metadata)
    assert drafted("Question: Who built the mill?\nAnswer: Harlan", english) is not None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "水泵很好。",
        "问题：水泵的保修期是多久？",
        "问题：水泵的保修期是多久？\n答案：三年",
        "问题：天气好吗？\n答案：两年",
        "问题：水泵保修两年吗？\n答案：两年",
        f"问题：水泵{'的' * 200}\n答案：两年",
    ],
)
def test_a_draft_of_no_use_is_thrown_away(written: str) -> None:
    assert drafted(written, PASSAGE) is None


def test_drafted_questions_are_written_as_eval_reads_them(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from langchain_core.language_models import FakeListLLM

    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))
    file = tmp_path / "drafts.jsonl"
    assert main(["eval", "--make-questions", str(file)]) == 1
    assert "No model is here to draft" in capsys.readouterr().err
    # The same for every passage: only the pump's holds that answer.
    monkeypatch.setattr(Workspace, "llm", FakeListLLM(responses=["问题：水泵保修多久？\n答案：两年"]))
    assert main(["eval", "--make-questions", str(file), "--count", "20"]) == 0
    assert "1 questions of " in capsys.readouterr().err
    (question,) = load_questions(file)
    assert (question.text, question.document, question.answers) == ("水泵保修多久？", "水泵说明书.txt", ("两年",))
    kept = file.read_bytes()
    assert main(["eval", "--make-questions", str(file)]) == 2
    assert file.read_bytes() == kept
    monkeypatch.setattr(Workspace, "llm", FakeListLLM(responses=["I would rather not."]))
    assert main(["eval", "--make-questions", str(tmp_path / "none.jsonl"), "--count", "1"]) == 0
    assert not (tmp_path / "none.jsonl").exists()


def test_answers_that_were_called_good_are_written_as_eval_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(tmp_path))
    metadata = {records.TITLE: "水泵说明书.txt", records.PAGE: 1, records.DOCUMENT_ID: 1}
    passage = Document("水泵保修两年。", id="1:0", metadata=metadata)
    cited = Answer("两年。[1]", "extractive", "水泵保修多久？", [Citation(1, 0, 3, "保修两年", 2, 6, 1.0, passage)])
    conversations = Conversations(Ledger(tmp_path))
    conversation = conversations.create("ann", "default")
    for answer in (cited, Answer("没有依据。", "refused", "Wer?"), Answer("两年。", "model", "没有引用")):
        exchange = conversations.ask("ann", conversation.id, answer.standalone_question)
        conversations.answer("ann", conversation.id, exchange, answer)
        conversations.rate("ann", conversation.id, exchange, 1)
    conversations.close()
    file = tmp_path / "praised.jsonl"
    assert main(["eval", "--praised", str(file)]) == 0
    assert load_questions(file) == [
        ReferenceQuestion("水泵保修多久？", "水泵说明书.txt", (1,), ("保修两年",)),
        ReferenceQuestion("Wer?", None, kind="refused"),
    ]
    kept = file.read_bytes()
    assert main(["eval", "--praised", str(file)]) == 2
    assert file.read_bytes() == kept


def test_a_line_separator_inside_a_question_does_not_end_it(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text('{"question": "Does it\u2028occur?"}\n{"question": "二"}\n', encoding="utf-8")
    assert [question.text for question in load_questions(file)] == ["Does it\u2028occur?", "二"]


def test_eval_measures_a_passage_set_without_touching_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passages, questions = tmp_path / "passages.jsonl", tmp_path / "questions.jsonl"
    rows = [
        {"id": "p1", "title": "水泵", "text": "云溪牌水泵的保修期为两年，电池除外。"},
        {"id": "p2", "title": "Mill", "text": "The mill was built in 1786 by the brothers Harlan & <sons>."},
        {"id": "p3", "title": "Pastry", "text": "Sourdough needs a lively starter and a covered pot."},
        {"id": "p4", "title": "茶叶", "text": "龙井茶以清明前采摘的嫩芽为上品。"},
    ]
    passages.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    asked = [
        {"question": "水泵保修多久？", "passage_id": "p1", "answers": ["两年"]},
        {"question": "Who built the mill?", "passage_id": "p2", "answers": ["Harlan & <sons>"]},
        {"question": "What does pastry need?", "passage_id": "p3"},  # only the title says so
        {"question": "龙井茶什么时候采摘？", "passage_id": "p4"},
    ]
    questions.write_text("\n".join(json.dumps(row) for row in asked), encoding="utf-8")
    sets = ("--passages", str(passages), str(questions))
    _, scores = run(tmp_path / "home", monkeypatch, *sets)
    assert (scores["questions"], scores["recall@1"], scores["answer_shown"]) == (4, 1, 1)
    _, halved = run(tmp_path / "home", monkeypatch, *sets, "--absent", "0.5")
    assert halved["questions"] == halved["unanswerable"]["removed_article"]["questions"] == 2
    assert not (tmp_path / "home").exists()
