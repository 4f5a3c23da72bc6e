"""Write the made office documents of Spruce Instruments in knowledge/: `python tests/support/build_company.py`.

Contracts, orders, complaints, a report, slides and a price list whose names and numbers agree with each other and with
the documents written by hand. The PDF is printed by Chromium.
"""

from __future__ import annotations

import csv
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from build_knowledge import KNOWLEDGE, print_pdf
from docx import Document
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet
from pptx import Presentation
from pptx.util import Inches, Pt

SEED = 2026
MADE = datetime(2026, 4, 20, 9, 0, tzinfo=timezone.utc)
Rows = Sequence[Sequence[object]]
_PRINTED = re.compile(rb"(/(?:Creation|Mod)Date \(D:)\d{14}")
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")

PRICES = {"AL-100": 699, "AL-200": 1299, "AL-200P": 1899}  # as price_list.csv has them; AL-500 comes in June
REGIONS = {
    "华东": ["云栖大学", "江南设计院", "苏州晨光电子"],
    "华南": ["南海检测所", "深圳蓝海物业"],
    "华北": ["北辰幼儿园集团", "天津泰和酒店"],
    "西南": ["锦江写字楼管理", "渝州医院"],
}
TARGETS = {"华东": 420_000, "华南": 300_000, "华北": 260_000, "西南": 220_000}  # 元, first quarter

LEASE = [
    (
        "一、租赁物",
        [
            "出租方（甲方）：苏州恒泽科技园。承租方（乙方）：云杉仪器。",
            "甲方将苏州市吴中区恒泽科技园 B 座厂房出租给乙方，建筑面积四千二百平方米，用于空气检测仪器的生产和仓储。",
        ],
    ),
    (
        "二、租期",
        [
            "租期自2025年3月1日起至2030年2月28日止。",
            "乙方要求续租的，应在租期届满六个月前书面提出；在同等条件下乙方优先承租。",
        ],
    ),
    (
        "三、租金和押金",
        [
            "月租金为每平方米32元，合计每月134,400元。自第三年起月租金上调百分之五。",
            "租金按季度支付，乙方应在每季度开始前十日内付清。",
            "押金相当于三个月租金，即403,200元，在合同终止并验收后三十日内无息退还。",
            "物业费为每平方米每月4元，水电费按实际用量结算。",
        ],
    ),
    (
        "四、使用和维修",
        [
            "厂房主体结构和消防系统由甲方维修，甲方应在接到通知后四十八小时内到场。",
            "乙方自行安装的设备由乙方维修。未经甲方书面同意，乙方不得转租或者改变厂房结构。",
        ],
    ),
    (
        "五、违约和解除",
        [
            "乙方逾期支付租金的，每逾期一日按欠付金额的万分之五支付违约金；逾期超过三十日的，甲方可以解除合同。",
            "任何一方提前解除合同的，应当提前一百八十天书面通知对方，并支付相当于两个月租金的违约金。",
        ],
    ),
    ("六、争议解决", ["因本合同发生的争议，由双方协商解决；协商不成的，提交苏州市吴中区人民法院裁决。"]),
]

HOSPITAL = [
    (
        "第一条 标的和价款",
        [
            "甲方（买方）：蓝湾医院。乙方（卖方）：云杉仪器。",
            "甲方向乙方购买 AirLeaf 500 工业版六十台，单价5,396元，为标准价5,680元的九五折，合同总价为323,760元。",
        ],
    ),
    (
        "第二条 付款",
        [
            "合同签订后十日内，甲方支付总价的百分之三十，即97,128元。",
            "验收合格后十五日内，甲方支付总价的百分之六十，即194,256元。",
            "其余百分之十即32,376元为质量保证金，在验收满一年后支付。",
        ],
    ),
    (
        "第三条 交货和验收",
        [
            "乙方应在2026年7月10日前将货物送达甲方指定的院区，运费由乙方承担。",
            "甲方应在到货后七日内完成验收；逾期未提出异议的，视为验收合格。",
            "免费提供两次操作培训，每次半天。",
        ],
    ),
    (
        "第四条 保修和校准",
        [
            "整机保修期为三十六个月，传感器模块保修期为十二个月，均自验收合格之日起计算。",
            "保修期内乙方每年免费上门校准一次，并出具校准证书。",
        ],
    ),
    (
        "第五条 违约责任",
        [
            "乙方逾期交货的，每逾期一日按合同总价的千分之三支付违约金，但累计不超过合同总价的百分之十。",
            "甲方逾期付款的，每逾期一日按未付金额的万分之五支付违约金。",
        ],
    ),
    ("第六条 生效", ["本合同自双方盖章之日起生效，签订日期为2026年4月10日。合同编号为 LW-2026-017。"]),
]

DISTRIBUTION = [
    (
        "Parties and territory",
        [
            "This agreement is made between Spruce Instruments Co., Ltd., Hangzhou, and AirView B.V., Utrecht.",
            "AirView may sell AirLeaf devices in Belgium, the Netherlands and Luxembourg. The right is not exclusive.",
        ],
    ),
    (
        "Term and notice",
        [
            "The agreement runs from 1 April 2026 to 31 March 2028.",
            "Either side may end it with 90 days' written notice. After a serious breach it may be ended at once.",
        ],
    ),
    (
        "Prices and payment",
        [
            "AirView buys at a discount of 18 percent on the European price list.",
            "Invoices are due within 30 days. Late payments bear interest of 1 percent a month.",
            "Spruce Instruments announces new prices 60 days in advance.",
        ],
    ),
    (
        "Minimum purchase",
        [
            "AirView orders at least 800 devices in each contract year.",
            "If it orders fewer than 600, Spruce Instruments may reduce the discount to 12 percent.",
        ],
    ),
    (
        "Delivery and warranty",
        [
            "Goods are delivered from the Rotterdam warehouse within four working days.",
            "The warranty is 24 months. AirView handles returns and is paid 25 euros for each device that it inspects.",
        ],
    ),
    (
        "Confidentiality and law",
        [
            "What is marked as confidential stays so for five years after the agreement ends.",
            "Dutch law applies. Disputes go to the court of Amsterdam.",
        ],
    ),
]

EUROPE_DEVICES: Rows = [
    ("Model", "Name", "Price (EUR)", "Minimum order", "Delivery (days)", "Warranty (months)"),
    ("AL-100", "AirLeaf 100 Desk", 89, 1, 4, 24),
    ("AL-200", "AirLeaf 200 Standard", 169, 1, 4, 24),
    ("AL-200P", "AirLeaf 200 Pro", 245, 1, 4, 24),
    ("AL-500", "AirLeaf 500 Industrial", 739, 2, 12, 24),
]
EUROPE_SERVICES: Rows = [
    ("Number", "Service or part", "Price (EUR)", "Remark"),
    ("SP-GS-0420", "Gas sensor module", 42, "for AL-200 and AL-200P"),
    ("SP-FL-0031", "Inlet filter, 3 pieces", 7.5, "replace every six months"),
    ("SV-CAL-02", "Calibration in Rotterdam, per device", 35, "with certificate"),
    ("SV-TRN-02", "Online training, two hours", 180, "up to 10 people"),
]

COMPLAINTS = {  # category -> how many, 46 together; 31 are of one fault, as the minutes of March say
    "CO2 reading drift": 31,
    "Display too dark": 7,
    "Wi-Fi connection lost": 5,
    "Damaged in transport": 3,
}

FIRMWARE_DAY = 72  # of the year, from 0: 14 March, when firmware 3.2.0 was released

QUALITY_PAGES = [
    (
        "Quality report, first quarter of 2026",
        [
            "Prepared by Zhou Qiming, quality department, 9 April 2026.",
            "The quarter was shaped by one fault: firmware 3.1.4 let the carbon dioxide reading drift after long power "
            "cuts. It caused 31 of the 46 complaints. Firmware 3.2.0 of 14 March removed it, and no new case has been "
            "reported since.",
            "<table><tr><th>Cause</th><th>Complaints</th><th>Closed</th></tr>{causes}</table>",
        ],
    ),
    (
        "Incoming inspection",
        [
            "Norrland Components delivered 25,000 particle sensors NC-PM25-7. Six were defective, which is 240 parts "
            "per million. The supplier agreement allows 200, so a corrective plan was requested by 8 May 2026.",
            "<table><tr><th>Part</th><th>Supplier</th><th>Received</th><th>Defective</th><th>ppm</th></tr>"
            "<tr><td>NC-PM25-7</td><td>Norrland Components</td><td>25,000</td><td>6</td><td>240</td></tr>"
            "<tr><td>SP-GS-0420</td><td>Hefei Qingyuan Sensors</td><td>12,000</td><td>1</td><td>83</td></tr>"
            "<tr><td>LCD-24-A</td><td>Dongguan Mingtai</td><td>15,500</td><td>2</td><td>129</td></tr></table>",
        ],
    ),
    (
        "Calibration laboratory",
        [
            "The laboratory in Suzhou calibrated 214 devices, 62 of them at customers' sites. The mean deviation of "
            "the carbon dioxide reading before adjustment was 18 ppm, well within the promised 50 ppm.",
            "The reference instrument was checked by the Zhejiang metrology institute on 3 March 2026. Its certificate "
            "is valid for one year.",
        ],
    ),
]

LAUNCH_SLIDES: list[tuple[str, list[str], Rows]] = [
    (
        "目标客户",
        ["医院、实验室、地铁站和工厂车间", "蓝湾医院订购六十台", "欧洲由经销商 AirView 销售"],
        (),
    ),
    (
        "价格和渠道",
        ["建议零售价5,680元，首批渠道价低百分之十八，即4,657.6元", "首批生产1200台，其中300台供应欧洲"],
        (),
    ),
    (
        "时间表",
        [],
        [
            ("日期", "里程碑", "负责人"),
            ("4月3日", "补齐 CE 认证资料", "周启明"),
            ("5月11日", "鹿特丹仓库启用", "Daniel Reyes"),
            ("6月9日", "正式开售", "林若溪"),
            ("7月10日", "蓝湾医院交货", "何敏"),
        ],
    ),
    (
        "推广预算",
        ["预算合计860,000元，由总经理沈听澜批准"],
        [
            ("项目", "金额（元）"),
            ("展会", 320_000),
            ("线上推广", 260_000),
            ("样机", 180_000),
            ("渠道培训", 100_000),
        ],
    ),
]


def orders(chance: random.Random) -> list[tuple[str, date, str, str, str, int, int]]:
    """(number, date, region, customer, model, pieces, amount in yuan) of the first quarter's orders, by date."""
    days = sorted(chance.sample(range(90), 36))
    found = []
    for number, day in enumerate(days, start=1):
        region = chance.choices(list(REGIONS), weights=[5, 3, 3, 2])[0]
        model, pieces = chance.choice(list(PRICES)), chance.randrange(5, 45)
        ordered, customer = date(2026, 1, 1) + timedelta(days=day), chance.choice(REGIONS[region])
        found.append((f"SO-26{number:03}", ordered, region, customer, model, pieces, pieces * PRICES[model]))
    return found


def save(write: Callable[[str], None], target: Path) -> None:
    """Have an office document written, with the same bytes each time: the times in its zip file are those of `MADE`."""
    write(str(target))
    with zipfile.ZipFile(target) as written:
        members = [(one.filename, written.read(one)) for one in written.infolist()]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            if name == "docProps/core.xml":  # openpyxl notes when it saved
                content = _MODIFIED.sub(rf"\g<1>{MADE:%Y-%m-%dT%H:%M:%SZ}".encode(), content)
            member = zipfile.ZipInfo(name, date_time=MADE.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)


def write_contract(target: Path, title: str, sections: Sequence[tuple[str, list[str]]]) -> None:
    """Write headings and paragraphs as a Word document."""
    document = Document()
    document.core_properties.title = title
    document.core_properties.created = document.core_properties.modified = MADE
    document.add_heading(title, level=0)
    for heading, paragraphs in sections:
        document.add_heading(heading, level=1)
        for text in paragraphs:
            document.add_paragraph(text)
    save(document.save, target)


def write_report(target: Path, found: list[tuple[str, date, str, str, str, int, int]]) -> None:
    """Write the report on the quarter, with the sums of the orders by region."""
    by_region, pieces = Counter[str](), Counter[str]()
    for _, _, region, _, model, count, amount in found:
        by_region[region] += amount
        pieces[model] += count
    total = sum(by_region.values())
    best = max(by_region, key=by_region.__getitem__)
    document = Document()
    document.core_properties.title = "第一季度经营报告"
    document.core_properties.created = document.core_properties.modified = MADE
    document.add_heading("第一季度经营报告", level=0)
    document.add_heading("一、销售", level=1)
    document.add_paragraph(
        f"第一季度国内签订订单{len(found)}份，金额合计{total:,}元，完成季度目标{sum(TARGETS.values()):,}元的"
        f"{total / sum(TARGETS.values()):.1%}。{best}区最多，为{by_region[best]:,}元。"
    )
    table = document.add_table(rows=0, cols=4, style="Table Grid")
    rows = [("区域", "销售额（元）", "目标（元）", "完成率")]
    rows += [
        (region, f"{by_region[region]:,}", f"{TARGETS[region]:,}", f"{by_region[region] / TARGETS[region]:.1%}")
        for region in REGIONS
    ]
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.add_paragraph(
        "按型号计，" + "，".join(f"{model} 售出{pieces[model]}台" for model in PRICES) + "。AirLeaf 500 尚未上市。"
    )
    document.add_heading("二、质量和服务", level=1)
    document.add_paragraph("本季度收到投诉46件，其中31件与固件3.1.4的二氧化碳读数漂移有关，固件3.2.0发布后没有新增。")
    document.add_paragraph("校准实验室完成校准214台，其中上门校准62台。")
    document.add_heading("三、下季度重点", level=1)
    for text in (
        "AirLeaf 500 于6月9日上市，首批生产1200台。",
        "鹿特丹仓库于5月11日启用。",
        "蓝湾医院的六十台 AirLeaf 500 在7月10日前交付。",
    ):
        document.add_paragraph(text, style="List Bullet")
    save(document.save, target)


def write_workbook(target: Path, sheets: dict[str, Rows]) -> None:
    """Write rows as sheets of a workbook, each with a header."""
    workbook = Workbook()
    workbook.remove(workbook.active)
    workbook.properties.created = workbook.properties.modified = MADE.replace(tzinfo=None)
    for name, rows in sheets.items():
        sheet: Worksheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for column in sheet.columns:
            width = max(len(str(cell.value or "")) for cell in column)
            sheet.column_dimensions[column[0].column_letter].width = 4 + 1.6 * width
        sheet.freeze_panes = "A2"
    save(workbook.save, target)


def write_complaints(target: Path, chance: random.Random) -> None:
    """Write the list of complaints, one a row."""
    reports = sorted(
        # No drift is reported once firmware 3.2.0 is out.
        (chance.randrange(FIRMWARE_DAY if cause.startswith("CO2") else 90), cause)
        for cause, count in COMPLAINTS.items()
        for _ in range(count)
    )
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("Ticket", "Date", "Model", "Firmware", "Cause", "Days to close"))
        for number, (day, cause) in enumerate(reports, start=1):
            firmware = "3.1.4" if day < FIRMWARE_DAY else "3.2.0"
            model = chance.choice(("AL-200", "AL-200P"))
            reported = date(2026, 1, 1) + timedelta(days=day)
            writer.writerow((f"C-26{number:03}", reported, model, firmware, cause, chance.randrange(1, 15)))


def write_slides(target: Path) -> None:
    """Write the plan for the launch of the AirLeaf 500."""
    slides = Presentation()
    slides.core_properties.created = slides.core_properties.modified = MADE
    first = slides.slides.add_slide(slides.slide_layouts[0])
    first.shapes.title.text = "AirLeaf 500 推广方案"
    first.placeholders[1].text = "市场部"
    for title, lines, rows in LAUNCH_SLIDES:
        slide = slides.slides.add_slide(slides.slide_layouts[1 if lines else 5])
        slide.shapes.title.text = title
        if lines:
            slide.placeholders[1].text = "\n".join(lines)
        if rows:
            place = (Inches(0.8), Inches(3.2 if lines else 1.8), Inches(8.4), Inches(0.5 * len(rows)))
            table = slide.shapes.add_table(len(rows), len(rows[0]), *place).table
            for at, row in enumerate(rows):
                for column, value in enumerate(row):
                    cell = table.cell(at, column)
                    cell.text = f"{value:,}" if isinstance(value, int) else str(value)
                    cell.text_frame.paragraphs[0].font.size = Pt(16)
    save(slides.save, target)


def write_quality_report(target: Path) -> None:
    """Print the quality report, one section a page."""
    causes = "".join(
        f"<tr><td>{cause}</td><td>{count}</td><td>{count - (cause == 'Damaged in transport')}</td></tr>"
        for cause, count in COMPLAINTS.items()
    )
    print_pdf(
        target,
        [(title, [text.replace("{causes}", causes) for text in texts]) for title, texts in QUALITY_PAGES],
        head="Spruce Instruments · Quality department",
        language="en",
    )
    target.write_bytes(_PRINTED.sub(rf"\g<1>{MADE:%Y%m%d%H%M%S}".encode(), target.read_bytes()))


def write_all(folder: Path) -> None:
    """Write every document of this module into a folder."""
    chance = random.Random(SEED)
    found = orders(chance)
    write_contract(folder / "厂房租赁合同.docx", "厂房租赁合同", LEASE)
    write_contract(folder / "蓝湾医院销售合同.docx", "蓝湾医院销售合同", HOSPITAL)
    write_contract(folder / "distribution_agreement.docx", "Distribution agreement with AirView", DISTRIBUTION)
    write_report(folder / "经营报告_2026Q1.docx", found)
    listed: Rows = [("订单号", "日期", "区域", "客户", "型号", "数量", "金额（元）"), *found]
    goals: Rows = [("区域", "季度目标（元）"), *TARGETS.items()]
    write_workbook(folder / "销售订单_2026Q1.xlsx", {"订单": listed, "目标": goals})
    write_workbook(
        folder / "price_list_europe.xlsx", {"Devices": EUROPE_DEVICES, "Services and parts": EUROPE_SERVICES}
    )
    write_complaints(folder / "complaints_2026_q1.csv", chance)
    write_slides(folder / "AirLeaf_500_推广方案.pptx")
    write_quality_report(folder / "quality_report_2026_q1.pdf")


if __name__ == "__main__":
    write_all(KNOWLEDGE)
