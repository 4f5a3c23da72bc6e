"""A small library of the tests' own documents: Chinese in both scripts, and English."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library

DOCUMENTS = {
    "水泵说明书.txt": (
        "云溪牌水泵的保修期为两年，电池除外。型号 RX-7800 的额定扬程是三十五米，额定流量为每小时六吨。"
        "首次启动前必须向泵腔灌满清水，否则机械密封会烧毁。冬季停机后应排空积水，以防泵体冻裂。"
    ),
    "报销制度.txt": (
        "员工出差的住宿费凭发票报销，一线城市每晚上限六百元。报销单须在返回后三十天内提交，"
        "逾期不予受理。市内交通费按实际金额报销，每天不超过八十元。"
    ),
    "博物館.txt": (
        "鐵道博物館位於彰化縣，館內保存一座扇形車庫與十二股軌道。開放時間為週二至週日上午十點到下午四點，"
        "參觀免費，但須出示身分證件。館藏中最古老的蒸汽機車製造於一九一七年。"
    ),
    "茶叶.txt": (
        "龙井茶产于杭州西湖一带，以清明前采摘的嫩芽为上品。炒制时锅温约八十度，手法有抖、"
        "搭、捺、甩十种。冲泡宜用八十五度左右的水，先注三分之一，摇香后再注满。"
    ),
    "天文台笔记.txt": (
        "观测站的主镜口径为两点四米，由老周负责每月清洗一次。去年秋天我们记录到一次罕见的双星掩食。"
        "夜间值班人员须在日志中写明云量、湿度和视宁度。"
    ),
    "camera-manual.txt": (
        "The shutter of the Alder M3 camera is rated for two hundred thousand exposures. "
        "Charge the battery for ninety minutes before first use. Error code E-4412 means "
        "that the memory card is locked; slide the tab on the card's side to release it."
    ),
    "lease.txt": (
        "The tenant pays the rent on the third working day of each month. Subletting needs "
        "the landlord's written consent. The deposit of 1,850 euros is returned within six "
        "weeks after the keys have been handed over."
    ),
    "river-history.txt": (
        "The mill at Oakford was built in 1786 by the brothers Harlan. It ground barley until "
        "the flood of 1903 carried its wheel away. A museum of rural crafts has used the "
        "building since 1974."
    ),
    "bread.txt": (
        "Sourdough needs a lively starter. Fold the dough four times during the first two "
        "hours, then let it rest in the refrigerator overnight. Bake it in a covered pot "
        "at 245 degrees for thirty minutes."
    ),
    "garden.txt": (
        "Prune the apple trees in late winter, before the buds swell. Slugs avoid copper "
        "tape around the raised beds. Compost must reach sixty degrees to kill the seeds "
        "of weeds."
    ),
    "meeting.txt": (
        "Present: Ms Okafor, Mr Lindqvist, Dr Sato. The board approved the budget for the "
        "new ferry terminal. Dr Sato will present the noise measurements in March."
    ),
    "first-aid.txt": (
        "Cool a burn under running water for twenty minutes and remove rings from the hand."
        " Do not put butter or ice on it. Call the emergency number if the burn is larger "
        "than the palm."
    ),
}


def build_library(folder: Path, embedder: Any, documents: dict[str, str] = DOCUMENTS) -> Library:
    """Ingest the documents into a library at `folder`, as a user's files are."""
    files = folder / "files"
    files.mkdir(parents=True)
    for name, text in documents.items():
        (files / name).write_text(text, encoding="utf-8")
    library = Library(folder / "home", embedder=embedder)
    with Worker(library) as worker:
        worker.start()
        verdicts = [p.verdict for p in follow(library, submit_ingest(library, "default", [files])) if p.verdict]
    assert [verdict.status for verdict in verdicts] == ["indexed"] * len(documents), verdicts
    return library
