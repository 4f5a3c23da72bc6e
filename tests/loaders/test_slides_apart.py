"""What stands beside the text of slides: comments with their authors, hidden slides, objects of other programs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from office_files import make_zip

from minicpm_rag.loaders import load_file

RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
OLD = f'<p:cmLst {P}><p:cm authorId="0"><p:text>请补充数据</p:text></p:cm></p:cmLst>'
OLD_AUTHORS = f'<p:cmAuthorLst {P}><p:cmAuthor id="0" name="王敏"/></p:cmAuthorLst>'
BODY = "<c:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></c:txBody>"
NEW = (
    f'<c:cmLst xmlns:c="c" {A}><c:cm authorId="{{1}}"><c:replyLst><c:reply authorId="{{1}}">{BODY.format("已补充")}'
    f"</c:reply></c:replyLst>{BODY.format('请补充数据')}</c:cm></c:cmLst>"
)
NEW_AUTHORS = '<c:authorLst xmlns:c="c"><c:author id="{1}" name="王敏"/></c:authorLst>'


def slides(path: Path, *, parts: dict[str, tuple[str, str, str]] | None = None, hidden: bool = False) -> Path:
    """A presentation of one slide; `parts` has, by name, where it is referred from, its kind and its content."""
    import pptx

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "路线图"
    if hidden:
        slide._element.set("show", "0")
    presentation.save(str(path))
    with zipfile.ZipFile(path) as archive:
        members: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    for number, (name, (source, kind, content)) in enumerate((parts or {}).items()):
        relation = f'<Relationship Id="rId9{number}" Type="{kind}" Target="/ppt/{name}"/></Relationships>'
        members[source] = bytes(members[source]).decode().replace("</Relationships>", relation).encode()  # type: ignore[arg-type]
        members[f"ppt/{name}"] = content
    return make_zip(path, members)


@pytest.mark.parametrize(
    ("comments", "authors", "kind", "expected"),
    [
        (OLD, OLD_AUTHORS, f"{RELATIONS}/commentAuthors", "王敏: 请补充数据"),
        (
            NEW,
            NEW_AUTHORS,
            "http://schemas.microsoft.com/office/2018/10/relationships/authors",
            "王敏: 请补充数据\n\n王敏: 已补充",
        ),
    ],
    ids=["until 2019", "since"],
)
def test_comments_stand_behind_the_slide_with_their_authors(
    tmp_path: Path, comments: str, authors: str, kind: str, expected: str
) -> None:
    slide, book = "ppt/slides/_rels/slide1.xml.rels", "ppt/_rels/presentation.xml.rels"
    parts = {"comments/c1.xml": (slide, f"{RELATIONS}/comments", comments), "authors.xml": (book, kind, authors)}
    (page,) = load_file(slides(tmp_path / "a.pptx", parts=parts)).pages
    assert page.text == f"路线图\n\n{expected}"


def test_comments_that_are_damaged_are_read_as_far_as_they_go_and_named(tmp_path: Path) -> None:
    slide, book = "ppt/slides/_rels/slide1.xml.rels", "ppt/_rels/presentation.xml.rels"
    parts = {
        "comments/c1.xml": (slide, f"{RELATIONS}/comments", OLD[:-9]),
        "authors.xml": (book, f"{RELATIONS}/commentAuthors", OLD_AUTHORS[:-9]),
    }
    loaded = load_file(slides(tmp_path / "a.pptx", parts=parts))
    assert loaded.pages[0].text == "路线图\n\n王敏: 请补充数据"
    assert str(loaded.note) == "Damaged or missing parts, of which text may be lost: c1.xml."


def test_a_hidden_slide_says_so(tmp_path: Path) -> None:
    (page,) = load_file(slides(tmp_path / "a.pptx", hidden=True)).pages
    assert page.label == "1 (hidden / 隐藏)"


def test_an_object_of_another_program_is_named(tmp_path: Path) -> None:
    import io

    import pptx
    from pptx.util import Inches

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "路线图"
    slide.shapes.add_ole_object(io.BytesIO(b"x"), "Excel.Sheet.12", Inches(1), Inches(1), Inches(1), Inches(1))
    presentation.save(str(tmp_path / "a.pptx"))
    loaded = load_file(tmp_path / "a.pptx")
    assert str(loaded.note) == "Embedded parts that were not read: Excel.Sheet.12."
