from __future__ import annotations

import pytest

from minicpm_rag.text.relations import says_an_aim, turns_round


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("Kestrel is the supplier of Norrland.", "Norrland is the supplier of Kestrel Logistics."),
        ("Kestrel is Norrland's supplier.", "Norrland is Kestrel's supplier."),
        ("Anna reports to Ben.", "Ben reports to Anna."),
        ("The mill is north of the lake.", "The lake is north of the mill."),
        ("云杉是北岭的供应商。", "北岭是云杉的供应商。"),
        ("甲公司收购了乙公司。", "乙公司收购了甲公司。"),
        ("李明向王芳汇报。", "王芳向李明汇报。"),
    ],
)
def test_a_relation_turned_round_is_told(claim: str, source: str) -> None:
    assert turns_round(claim, source)
    assert not turns_round(source, source)


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("Norrland supplies Kestrel.", "Kestrel is supplied by Norrland."),
        ("The capital of France is Paris.", "Paris is the capital of France."),
        ("The contract between Norrland and Kestrel ends.", "The contract between Kestrel and Norrland ends."),
        ("The warranty lasts 24 months for parts.", "The warranty covers parts and labour for 24 months."),
        ("陈嘉树是技术总监。", "技术总监是陈嘉树先生。"),
        ("公司的技术总监是陈嘉树。", "陈嘉树是公司的技术总监。"),
        ("杭州是公司总部所在地。", "公司总部位于杭州。"),
    ],
)
def test_the_same_said_in_another_order_is_not_turned_round(claim: str, source: str) -> None:
    assert not turns_round(claim, source)


def test_an_aim_is_no_finding() -> None:
    assert says_an_aim("The aim of this study was to determine whether it helps.")
    assert says_an_aim("本研究旨在探讨其疗效。")
    assert not says_an_aim("No difference was found.") and not says_an_aim("为了避免误差，每年校准一次。")
