"""Write the two binary sample documents of knowledge/: `python tests/support/build_knowledge.py`.

The PDF is printed by Chromium, which embeds the Chinese font, so that every reader shows the same page.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docx import Document

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"

HANDBOOK_PAGES = [
    (
        "第一章 公司概况",
        [
            "云杉仪器有限公司成立于2012年，总部位于杭州市滨江区，专门研制室内空气检测仪器。公司现有员工三百二十六人，"
            "在苏州设有生产基地，在荷兰鹿特丹设有欧洲仓库。",
            "公司的使命是让每个人都能看见自己呼吸的空气。我们的价值观是：准确、诚实、耐心。",
            "公司创始人兼总经理是沈听澜女士，技术总监是陈嘉树先生，采购负责人是何敏女士。",
        ],
    ),
    (
        "第二章 工作时间与考勤",
        [
            "公司实行弹性工作制，核心工作时间为上午十点至下午四点，每周工作四十小时。员工每天应在早上七点半至十点之间到岗。",
            "忘记打卡的员工应在三个工作日内在系统中补签，每月最多补签四次。",
            "每周三为远程办公日，员工可以在家工作，但须保持通讯畅通。试用期内的员工不参加远程办公。",
            "加班须事先由部门经理批准。工作日加班按工资的百分之一百五十支付，或者折算为同等时间的调休，调休须在六个月内使用。",
        ],
    ),
    (
        "第三章 休假",
        [
            "员工入职满一年后享有带薪年假：工龄满一年不满十年的为十天，满十年不满二十年的为十五天，满二十年的为二十天。"
            "未休完的年假最多可以结转五天，须在次年三月三十一日之前使用。",
            "病假须在当天上午十点前通知主管。连续病假三天以上的，应当提交医院证明。",
            "员工结婚享有十三天婚假。女员工享有一百五十八天产假，男员工享有十五天陪产假。",
            "直系亲属去世的，员工享有三天丧假，路程时间另计。",
        ],
    ),
    (
        "第四章 差旅与报销",
        [
            "国内出差住宿标准为：一线城市每晚不超过五百五十元，其他城市每晚不超过三百八十元。餐费补贴为每天一百元。",
            "高铁乘坐二等座，行程超过六小时的可以乘坐一等座。飞机乘坐经济舱，须提前七天预订。",
            "报销单应在出差结束后十五天内提交，附上发票原件。财务部每周二和周五付款，单笔超过两万元的须由总经理签字。",
        ],
    ),
    (
        "第五章 信息安全",
        [
            "员工不得把客户资料、源代码和未公布的产品参数上传到任何外部网站或在线人工智能服务。"
            "需要使用人工智能处理文件时，应当使用部署在本机的工具。",
            "密码长度不得少于十四位，每一百八十天更换一次。笔记本电脑必须开启全盘加密。",
            "发现电脑丢失或者账号异常，应当在两小时内拨打信息安全热线8119报告。",
        ],
    ),
]

HANDBOOK_STYLE = """
@page { size: A4; margin: 24mm 22mm }
body { font-family: 'Noto Serif CJK SC', 'Noto Sans CJK SC', serif; font-size: 12pt; line-height: 1.9; color: #1c2b2a }
section { break-after: page } section:last-child { break-after: auto }
h1 { font-size: 21pt; border-bottom: 2px solid #2f6f68; padding-bottom: 6px } h2 { font-size: 12pt; color: #2f6f68 }
p { text-align: justify } :lang(zh) p { text-indent: 2em }
table { border-collapse: collapse } td, th { border: 1px solid #9bb; padding: 2px 10px; text-align: left }
"""

ENGLISH_HANDBOOK = [
    (
        "Welcome",
        [
            "Spruce Instruments was founded in Hangzhou in 2012. This handbook is for colleagues in the European office in Rotterdam."
        ],
    ),
    (
        "Working hours",
        [
            "The office is open from 7:30 to 19:00. Core hours are 10:00 to 15:00, Monday to Thursday.",
            "You may work from home two days a week. Tell your manager by Friday noon which days you choose for the next week.",
        ],
    ),
    (
        "Leave",
        [
            "Full-time colleagues have 27 days of paid leave a year, and one more for every five years of service.",
            "Report sickness before 9:30 by calling the front desk at extension 204.",
            "New parents receive 18 weeks of paid parental leave, to be taken within two years of the birth.",
        ],
    ),
    (
        "Equipment",
        [
            "Every colleague receives a laptop and may spend up to 600 euros on a home office within the first year.",
            "Lost or stolen equipment must be reported to the help desk within 24 hours.",
        ],
    ),
    (
        "Training",
        [
            "The yearly training budget is 1,500 euros a person. Courses longer than three days need the approval of the department head."
        ],
    ),
]
EXPENSE_LIMITS = [
    ("Expense", "Limit", "Receipt needed"),
    ("Hotel, per night", "165 euros", "yes"),
    ("Breakfast", "18 euros", "no"),
    ("Dinner", "42 euros", "yes"),
    ("Taxi, per trip", "60 euros", "yes"),
    ("Mileage, own car", "0.31 euros per kilometre", "no"),
]


def write_handbook_pdf(target: Path) -> None:
    """Print the Chinese staff handbook, one chapter a page."""
    print_pdf(target, HANDBOOK_PAGES, head="云杉仪器有限公司 员工手册（2026年版）", language="zh", title="员工手册")


def print_pdf(
    target: Path, pages: Sequence[tuple[str, list[str]]], *, head: str, language: str, title: str = ""
) -> None:
    """Print titles with paragraphs, each on a page of its own; a paragraph may be a table in HTML."""
    sections = "".join(
        f"<section><h2>{head}</h2><h1>{name}</h1>"
        + "".join(text if text.startswith("<") else f"<p>{text}</p>" for text in paragraphs)
        + "</section>"
        for name, paragraphs in pages
    )
    html = (
        f"<!DOCTYPE html><html lang='{language}'><meta charset='utf-8'><title>{title or pages[0][0]}</title>"
        f"<style>{HANDBOOK_STYLE}</style>{sections}</html>"
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("Chromium is needed to print the PDF: apt-get install chromium fonts-noto-cjk")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "handbook.html")
        page.write_text(html, encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile",
        ]
        subprocess.run([chromium, *flags, f"--print-to-pdf={target}", page.as_uri()], check=True, capture_output=True)


def write_handbook_docx(target: Path) -> None:
    """Write the English handbook, with headings and a table."""
    document = Document()
    document.core_properties.title = "Employee handbook, European office"
    document.add_heading("Employee handbook, European office", level=0)
    for title, paragraphs in ENGLISH_HANDBOOK:
        document.add_heading(title, level=1)
        for text in paragraphs:
            document.add_paragraph(text)
    document.add_heading("Travel expenses", level=1)
    document.add_paragraph("Hand in expenses within 20 days of the end of the trip. These limits hold:")
    table = document.add_table(rows=0, cols=3, style="Table Grid")
    for row in EXPENSE_LIMITS:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(str(target))


if __name__ == "__main__":
    write_handbook_pdf(KNOWLEDGE / "员工手册.pdf")
    write_handbook_docx(KNOWLEDGE / "employee_handbook.docx")
