"""Values and names for made documents: numbers with units, dates, people, places; near but different ones too.

Two pools of names: what the reader trains on and what only the test documents use.
"""

from __future__ import annotations

import random
import re

ZH_DIGITS = "零一二三四五六七八九"
# fmt: off
_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]

# fmt: off
# kind: (English units, Chinese units, lowest, highest, step, decimals)
NUMBERS: dict[str, tuple[list[str], list[str], float, float, float, int]] = {
    "days": (["days"], ["天", "日", "个工作日"], 3, 120, 1, 0),
    "weeks": (["weeks"], ["周", "个星期"], 2, 40, 1, 0),
    "months": (["months"], ["个月"], 2, 60, 1, 0),
    "years": (["years"], ["年", "岁"], 2, 80, 1, 0),
    "hours": (["hours"], ["小时", "个小时"], 2, 900, 1, 0),
    "minutes": (["minutes"], ["分钟"], 5, 240, 5, 0),
    "percent": (["percent", "%", " per cent"], ["%"], 1, 95, 0.5, 1),
    "money": (["euros", "dollars", "yuan", "pounds"], ["元", "元人民币", "美元"], 20, 90000, 10, 0),
    "bigmoney": (["million euros", "million dollars", "billion yuan"], ["万元", "亿元", "百万美元"], 2, 900, 0.5, 1),
    "weight": (["grams", "kg", "kilograms"], ["克", "公斤", "千克"], 2, 950, 1, 0),
    "length": (["cm", "metres", "mm"], ["厘米", "米", "毫米"], 2, 900, 1, 0),
    "area": (["square metres"], ["平方米"], 20, 4000, 5, 0),
    "volume": (["litres", "ml"], ["升", "毫升"], 1, 80, 0.5, 1),
    "pressure": (["bar"], ["兆帕", "巴"], 1, 60, 0.5, 1),
    "power": (["kW", "watts"], ["千瓦", "瓦"], 2, 900, 1, 0),
    "rpm": (["revolutions per minute", "rpm"], ["转/分", "转每分钟"], 200, 9000, 50, 0),
    "decibel": (["decibels", "dB"], ["分贝"], 18, 90, 1, 0),
    "temperature": (["°C", "degrees"], ["℃", "摄氏度", "度"], 2, 90, 1, 0),
    "people": (["people", "persons"], ["人", "名", "位"], 3, 9000, 1, 0),
    "tonnes": (["tonnes"], ["吨"], 20, 9000, 10, 0),
    "times": (["accidents"], ["次", "起"], 2, 60, 1, 0),
    "memory": (["GB", "MB"], ["GB", "MB"], 2, 512, 2, 0),
    "points": (["credits", "points"], ["学分"], 2, 12, 1, 0),
    "dose": (["mg", "tablets"], ["毫克", "片"], 1, 500, 1, 0),
}

# The same unit written otherwise; a form that begins with "<" stands before the number
SAME_UNIT: dict[str, tuple[str, ...]] = {
    "grams": ("g",), "kg": ("kilograms", "kilos"), "kilograms": ("kg",), "cm": ("centimetres",), "mm": ("millimetres",),
    "metres": ("m", "meters"), "square metres": ("m²", "sqm"), "litres": ("l", "liters"), "ml": ("millilitres",),
    "kW": ("kilowatts",), "watts": ("W",), "rpm": ("revolutions per minute",), "revolutions per minute": ("rpm",),
    "decibels": ("dB",), "dB": ("decibels",), "°C": (" degrees Celsius", " °C"), "percent": ("%", "per cent"),
    "%": (" percent",), "euros": ("EUR", "<€"), "dollars": ("USD", "<$"), "pounds": ("GBP", "<£"), "hours": ("h", "hrs"),
    "minutes": ("min",), "mg": ("milligrams",), "people": ("persons",), "tonnes": ("t",), "GB": ("gigabytes",),
    "天": ("日",), "周": ("个星期", "个礼拜"), "个星期": ("周",), "小时": ("个小时", "个钟头"), "个小时": ("小时",), "分钟": ("分",),
    "元": ("元人民币", "块钱", "<¥", "<人民币"), "元人民币": ("元",), "美元": ("美金",), "克": ("g",), "公斤": ("千克", "kg"),
    "千克": ("公斤", "kg"), "厘米": ("cm",), "毫米": ("mm",), "米": ("m",), "平方米": ("㎡", "平米"), "升": ("L",), "毫升": ("ml",),
    "千瓦": ("kW",), "瓦": ("W",), "转/分": ("转每分钟",), "分贝": ("dB",), "℃": ("摄氏度", "度"), "摄氏度": ("℃", "度"), "人": ("名", "位"),
    "名": ("人",), "毫克": ("mg",),
}  # fmt: skip

# Kinds whose units stand in the same order in both languages
IN_BOTH_LANGUAGES = ("days", "weeks", "months", "hours", "minutes", "percent", "weight", "length", "area", "volume", "power", "decibel", "temperature", "people", "tonnes", "memory", "date", "year", "time", "phone", "port", "room")

POOLS: dict[str, dict[str, list[list[str]]]] = {
    "first": {"en": [["Anna", "Peter", "Ingrid", "Marcus", "Laura", "Henry", "Sofia", "David", "Ruth", "Oscar", "Helen", "Victor", "Nina", "Paul", "Carla", "Simon", "Eva", "Tomas", "Irene", "Felix"], ["Greta", "Arthur", "Milena", "Joseph", "Paula", "Conrad", "Edith", "Rafael", "Olga", "Walter"]]},
    "last": {"en": [["Keller", "Novak", "Brown", "Lindgren", "Moore", "Rossi", "Hansen", "Fischer", "Clarke", "Duval", "Petrov", "Olsen", "Meyer", "Santos", "Weber", "Kovacs", "Bauer", "Hughes", "Laine", "Costa"], ["Whitaker", "Jansen", "Moretti", "Okafor", "Lindqvist", "Archer", "Baumann", "Delgado", "Sorensen", "Tanaka"]]},
    "surname": {"zh": [list("王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"), list("梁宋郑谢韩唐冯于董萧曹袁邓许傅沈")]},
    "given": {"zh": [["伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "涛", "明", "超", "秀英", "志强", "建国", "晓燕", "海波", "文娟", "国庆", "雪梅", "子轩", "雨桐", "立群", "春生", "佳怡", "思远"], ["振华", "桂兰", "鹏", "霞", "婷婷", "鑫", "玉珍", "浩然", "若曦", "一鸣", "光明", "素云", "凯", "岚"]]},
    "firm": {"en": [["Alder", "Birch", "Cedar", "Harbour", "Summit", "Granite", "Delta", "Orion", "Meridian", "Beacon", "Falcon", "Crescent", "Juniper", "Quarry", "Riverside", "Polar", "Amber", "Cobalt", "Vega", "Tidal"], ["Larch", "Saffron", "Pinnacle", "Zephyr", "Mistral", "Obsidian", "Heron", "Willow", "Copper", "Aurora"]]},
    "trade": {"en": [["Timber", "Logistics", "Foods", "Textiles", "Energy", "Motors", "Paper", "Glass", "Software", "Shipping", "Tools", "Pharma"], ["Ceramics", "Dairy", "Optics", "Rail", "Print", "Seeds"]]},
    "firm_zh": {"zh": [["海川", "明远", "华盛", "东升", "金桥", "恒泰", "瑞丰", "天成", "宏图", "安信", "北辰", "南山", "新光", "长青", "博雅", "同济", "远景", "德隆", "万和", "中岳"], ["星河", "汇通", "启航", "凌云", "泰和", "锦绣", "永嘉", "鼎新", "百川", "嘉禾"]]},
    "trade_zh": {"zh": [["物流", "食品", "纺织", "能源", "汽车", "造纸", "玻璃", "软件", "航运", "工具", "制药", "木业"], ["陶瓷", "乳业", "光电", "铁路", "印刷", "种业"]]},
    "city": {"en": [["Bergen", "Turin", "Leeds", "Ghent", "Lyon", "Krakow", "Aarhus", "Porto", "Graz", "Malmo", "Basel", "Tampere", "Utrecht", "Bremen", "Bilbao", "Cork"], ["Lausanne", "Trieste", "Gdansk", "Uppsala", "Galway", "Linz", "Odense", "Tartu"]],
             "zh": [["苏州", "青岛", "昆明", "太原", "厦门", "大连", "洛阳", "桂林", "兰州", "宁波", "合肥", "长春", "徐州", "唐山", "银川", "汉中"], ["绍兴", "烟台", "遵义", "咸阳", "襄阳", "吉林", "柳州", "保定"]]},
    "product": {"en": [["Corvex", "Lumina", "Tarno", "Velio", "Brisa", "Norvik", "Aquor", "Pelto", "Zentra", "Moxi"], ["Kestra", "Ovido", "Fenwick", "Solano", "Ribo"]], "zh": [["云雀", "青松", "飞燕", "雪豹", "玉衡", "晨星", "海豚", "金石", "蓝鲸", "朝阳"], ["灵犀", "白鹭", "银杏", "赤兔", "丹霞"]]},
    "project": {"en": [["Heron", "Lighthouse", "Granite", "Sparrow", "Northstar", "Compass", "Horizon", "Lantern", "Otter", "Glacier"], ["Magpie", "Anchor", "Prairie", "Comet", "Badger"]], "zh": [["灯塔", "长风", "青藤", "海棠", "春雨", "磐石", "启明", "雨燕", "北斗", "云帆"], ["鲲鹏", "翠竹", "流星", "红岩", "晨曦"]]},
    "leave": {"en": [["annual leave", "sick leave", "parental leave", "marriage leave", "study leave", "care leave", "moving leave", "bereavement leave"], []], "zh": [["年假", "病假", "产假", "婚假", "陪产假", "丧假", "探亲假", "育儿假", "调休假"], []]},
    "species": {"en": [["the brown trout", "the lake char", "the silver bream", "the common roach", "the northern pike", "the whitefish", "the burbot", "the spotted eel", "the red perch", "the river barbel", "the grayling", "the tench"], []], "zh": [["褐鳟", "湖红点鲑", "银鳊", "拟鲤", "白斑狗鱼", "白鲑", "江鳕", "花鳗", "赤鲈", "河鲃", "茴鱼", "丁鱥"], []]},
    "machine": {"en": [["the lathe", "the milling machine", "the band saw", "the hydraulic press", "the compressor", "the welding robot", "the packing line", "the conveyor", "the drill", "the grinder"], []], "zh": [["车床", "铣床", "带锯机", "液压机", "空压机", "焊接机器人", "包装线", "传送带", "钻床", "磨床"], []]},
    "museum": {"en": [[], ["the Harbour Museum", "the Old Mill", "the Glass Tower", "the Town Theatre", "the Maritime Hall", "the Clock House", "the Botanical Palace", "the Railway Museum"]], "zh": [[], ["海港博物馆", "旧磨坊", "玻璃塔", "市立剧院", "航海馆", "钟楼", "植物宫", "铁路博物馆"]]},
    "course": {"en": [[], ["Linear Algebra", "Organic Chemistry", "Roman History", "Soil Science", "Music Theory", "Marine Biology", "Statistics II", "Urban Planning"]], "zh": [[], ["线性代数", "有机化学", "罗马史", "土壤学", "乐理", "海洋生物学", "统计学二", "城市规划"]]},
    "medicine": {"en": [[], ["Doravin", "Lepratol", "Senexil", "Micorin", "Tavobel", "Orfidan", "Pulmacet", "Ribozan"]], "zh": [[], ["多拉文", "乐普妥", "赛奈昔", "米可林", "塔沃贝", "奥菲丹", "普美西", "瑞博安"]]},
    "colour": {"en": [["black", "white", "silver", "dark-blue", "red", "green", "grey", "yellow"], []], "zh": [["黑色", "白色", "银色", "深蓝色", "红色", "绿色", "灰色", "黄色"], []]},
    "food": {"en": [["insect larvae", "small fish", "water snails", "plankton", "crayfish", "algae", "worms", "frogs"], []], "zh": [["昆虫幼虫", "小鱼", "水蜗牛", "浮游生物", "螯虾", "藻类", "蠕虫", "蛙类"], []]},
    "weekday": {"en": [["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], []], "zh": [["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"], []]},
    "kit": {"en": [["travel", "starter", "repair", "camping", "studio", "garden", "safety"], ["holiday", "workshop", "sailing"]], "zh": [["旅行", "入门", "维修", "露营", "工作室", "园艺", "安全"], ["假日", "工坊", "航海"]]},
    "procedure": {"en": [["the residence permit", "the building licence", "the passport renewal", "the trade registration"], []], "zh": [["居住证", "建筑许可证", "护照换发", "营业登记"], []]},
}

# fmt: on


def pick(rng: random.Random, pool: str, lang: str, test: bool) -> str:
    """A name of the pool; the test pool where it has one."""
    train_names, test_names = POOLS[pool][lang]
    return rng.choice((test_names or train_names) if test else (train_names or test_names))


def spelled(number: int, lang: str) -> str:
    """A number from 0 to 99 in words."""
    if lang == "zh":
        tens, ones = divmod(number, 10)
        return (
            ZH_DIGITS[ones]
            if not tens
            else ("" if tens == 1 else ZH_DIGITS[tens]) + "十" + (ZH_DIGITS[ones] if ones else "")
        )
    return _SMALL[number] if number < 20 else _TENS[number // 10] + (f"-{_SMALL[number % 10]}" if number % 10 else "")


def chinese_number(number: int) -> str:
    """A number from 1 to 99,999 in Chinese digits."""
    found, gap = "", False
    for value, sign in ((10000, "万"), (1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, value)
        if digit:
            found += ("零" if gap and found else "") + ZH_DIGITS[digit] + sign
        gap = not digit
    return found.removeprefix("一") if found.startswith("一十") else found


def full_width(text: str) -> str:
    """Digits and Latin letters in full-width form."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


class Value:
    """A value: how the document writes it, other ways to write the same, and how to make a different one."""

    def __init__(
        self, kind: str, lang: str, rng: random.Random, test: bool, number: float | None = None, unit: int | None = None
    ) -> None:
        self.kind, self.lang, self.test = kind, lang, test
        self.number, self.unit = number, unit
        self.forms = self._forms(rng)
        self.text = self.forms[0] if rng.random() < 0.75 else rng.choice(self.forms)

    def _forms(self, rng: random.Random) -> list[str]:
        kind, lang = self.kind, self.lang
        if kind in NUMBERS:
            en, zh, low, high, step, decimals = NUMBERS[kind]
            units = en if lang == "en" else zh
            if self.number is None:
                span = high - low
                top = low + span * rng.choice([0.05, 0.2, 1.0])
                self.number = round(low + round((rng.uniform(low, top) - low) / step) * step, decimals)
            if self.unit is None or self.unit >= len(units):
                self.unit = rng.randrange(len(units))
            unit, number = units[self.unit], self.number
            plain = f"{number:.{decimals}f}"
            plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
            grouped = f"{int(number):,}" if number >= 1000 and number == int(number) else plain
            written = [grouped if rng.random() < 0.6 else plain, plain, grouped]
            if lang == "zh":
                written.append(full_width(plain))
                if number == int(number) and 100 <= number < 100_000:
                    written.append(chinese_number(int(number)))
                if number >= 10_000 and number % 100 == 0:
                    written.append(f"{number / 10_000:g}万")
            forms = []
            others = SAME_UNIT.get(unit, ())
            for form in (unit, *(other for other in others if lang == "en" or other[0] != " ")):
                gap = "" if form in ("%", "°C") or form.startswith(" ") or lang == "zh" else " "
                forms += [f"{form[1:]}{n}" if form.startswith("<") else f"{n}{gap}{form}" for n in written]
            if lang == "zh":
                forms.append(f"{plain} {unit}")
            if (
                number == int(number)
                and 1 < number < 100
                and unit not in ("%", "℃", "°C", "kg", "cm", "mm", "dB", "GB", "MB", "mg", "kW", "ml")
            ):
                forms += [f"{spelled(int(number), lang)}{'' if lang == 'zh' else ' '}{unit.strip()}"] * 2
            return forms
        if kind == "year":
            self.number = rng.randint(1890, 2026) if self.number is None else self.number
            year = str(int(self.number))
            return (
                [year]
                if lang == "en"
                else [
                    f"{year}年",
                    "".join(ZH_DIGITS[int(c)] if c != "0" else "〇" for c in year) + "年",
                    f"{full_width(year)}年",
                ]
            )
        if kind == "month":
            month = rng.randint(1, 12) if self.number is None else int(self.number)
            self.number = month
            return [MONTHS[month - 1]] if lang == "en" else [f"{month}月", f"{spelled(month, 'zh')}月"]
        if kind == "date":
            if self.number is None:
                self.number = rng.randint(2019, 2027) * 10000 + rng.randint(1, 12) * 100 + rng.randint(1, 28)
            y, m, d = int(self.number) // 10000, int(self.number) // 100 % 100, int(self.number) % 100
            if lang == "en":
                month = MONTHS[m - 1]
                return [f"{d} {month} {y}", f"{month} {d}, {y}", f"{y}-{m:02d}-{d:02d}", f"{d} {month[:3]} {y}"]
            year = "".join("〇" if c == "0" else ZH_DIGITS[int(c)] for c in str(y))
            spelled_out = f"{year}年{spelled(m, 'zh')}月{spelled(d, 'zh')}日"
            forms = [f"{y}年{m}月{d}日", f"{y}-{m:02d}-{d:02d}", f"{y}/{m}/{d}", f"{y}.{m}.{d}", spelled_out]
            return forms if rng.random() < 0.9 else [*forms, f"{m}月{d}日"]
        if kind == "time":
            self.number = rng.randint(6 * 4, 22 * 4) if self.number is None else self.number
            hour, minute = divmod(int(self.number) * 15, 60)
            if lang == "en":
                return [
                    f"{hour}:{minute:02d}",
                    f"{(hour - 1) % 12 + 1}{f':{minute:02d}' if minute else ''} {'a.m.' if hour < 12 else 'p.m.'}",
                ]
            return [
                f"{hour}:{minute:02d}",
                f"{'上午' if hour < 12 else '下午'}{(hour - 1) % 12 + 1}点"
                + ("半" if minute == 30 else f"{minute}分" if minute else ""),
            ]
        if kind == "phone":
            return [f"0{rng.randint(20, 99)}-{rng.randint(2000000, 8999999)}"]
        if kind == "port":
            return [str(rng.randint(1024, 65000))]
        if kind == "room":
            return [f"{rng.choice('ABCDE')}{rng.randint(101, 520)}"]
        return [name(kind, lang, rng, self.test)]

    def other_form(self, rng: random.Random) -> str:
        """The same value, perhaps written another way."""
        return rng.choice(self.forms)

    def in_language(self, lang: str, rng: random.Random) -> Value | None:
        """The same value in the other language; None where it is not said with the same unit there."""
        if self.kind not in IN_BOTH_LANGUAGES or (self.lang == "zh" and self.kind == "days" and self.unit == 2):
            return None  # working days are none
        if self.kind in ("phone", "port", "room"):
            return self
        one = len(set(map(len, NUMBERS.get(self.kind, ([], []))[:2]))) > 1 or self.kind in ("weeks", "hours")
        return Value(self.kind, lang, rng, self.test, self.number, 0 if one else self.unit)

    def different(self, rng: random.Random) -> Value:
        """A value of the same kind that is not this one: another number, or the same number in another unit."""
        if self.kind in NUMBERS and self.unit is not None:
            units = NUMBERS[self.kind][0 if self.lang == "en" else 1]
            if rng.random() < 0.2 and self.kind in (
                "weight",
                "length",
                "volume",
                "memory",
                "bigmoney",
                "money",
                "dose",
                "power",
            ):
                others = [
                    u
                    for u in range(len(units))
                    if u != self.unit
                    and {units[u], units[self.unit]} not in ({"kg", "kilograms"}, {"公斤", "千克"}, {"元", "元人民币"})
                ]
                if others:
                    return Value(self.kind, self.lang, rng, self.test, self.number, rng.choice(others))
            if rng.random() < 0.2 and self.kind in ("days", "weeks", "months", "hours", "minutes"):
                other = rng.choice([k for k in ("days", "weeks", "months", "hours", "minutes") if k != self.kind])
                return Value(other, self.lang, rng, self.test, self.number, 0)
            for _ in range(20):
                number = self.number or 0
                close = rng.choice(
                    [
                        number + NUMBERS[self.kind][4],
                        number * 10,
                        number * 2,
                        number + rng.randint(2, 9),
                        _swapped(number, rng),
                    ]
                )
                found = Value(self.kind, self.lang, rng, self.test, close if rng.random() < 0.6 else None, self.unit)
                if found.number != self.number:
                    return found
        if self.kind in ("year", "date") and self.number and rng.random() < 0.5:
            step = rng.choice([-2, -1, 1, 2]) * (10000 if self.kind == "date" else 1)
            return Value(self.kind, self.lang, rng, self.test, self.number + step)
        for _ in range(50):
            found = Value(self.kind, self.lang, rng, self.test)
            if not set(found.forms) & set(self.forms):
                return found
        raise ValueError(f"no other value of kind {self.kind}")


def _swapped(number: float, rng: random.Random) -> float:
    digits = list(str(int(number)))
    place = rng.randrange(len(digits))
    digits[place] = rng.choice([d for d in "123456789" if d != digits[place]])
    return float("".join(digits))


def name(kind: str, lang: str, rng: random.Random, test: bool) -> str:
    """A thing of a kind: a product, a company, a person; names of one series are alike."""
    if kind == "person":
        if lang == "zh":
            return pick(rng, "surname", "zh", test) + pick(rng, "given", "zh", test)
        return f"{rng.choice(['', '', '', 'Dr. '])}{pick(rng, 'first', 'en', test)} {pick(rng, 'last', 'en', test)}"
    if kind == "company":
        if lang == "zh":
            return (
                pick(rng, "firm_zh", "zh", test)
                + pick(rng, "trade_zh", "zh", test)
                + rng.choice(["", "公司", "公司", "集团"])
            )
        return f"{pick(rng, 'firm', 'en', test)} {pick(rng, 'trade', 'en', test)}"
    if kind == "product":
        return (
            pick(rng, "product", lang, test)
            + (" " if lang == "en" else "")
            + rng.choice(["", "", "X", "S", "T-"])
            + str(rng.choice([3, 5, 7, 10, 12, 20, 30, 50, 100, 200, 300, 400, 500, 600, 1000]))
        )
    if kind == "project":
        return (
            f"Project {pick(rng, 'project', 'en', test)}"
            if lang == "en"
            else pick(rng, "project", "zh", test) + rng.choice(["项目", "计划", "工程"])
        )
    if kind == "branch":
        city = pick(rng, "city", lang, test)
        return (
            f"the {city} {rng.choice(['branch', 'office', 'shop'])}"
            if lang == "en"
            else city + rng.choice(["分店", "分公司", "门店"])
        )
    if kind == "machine":
        base = pick(rng, "machine", lang, test)
        return base + rng.choice(
            ["", f" {rng.choice('ABC')}{rng.randint(1, 9)}" if lang == "en" else f"{rng.randint(1, 9)}号"]
        )
    if kind == "software":
        base = pick(rng, "product", lang, test)
        return (
            f"{base} {rng.randint(1, 9)}.{rng.randint(0, 9)}"
            if lang == "en"
            else f"{base}系统{rng.randint(1, 9)}.{rng.randint(0, 9)}"
        )
    if kind == "year":
        return str(rng.randint(1995, 2026)) + ("" if lang == "en" else "年")
    return pick(rng, kind, lang, test)


def series(kind: str, lang: str, rng: random.Random, test: bool, count: int) -> list[str]:
    """Several things of a kind, often alike: models of one series, years that follow, companies of one group."""
    base = name(kind, lang, rng, test)
    found = [base]
    alike = rng.random() < 0.6
    for _ in range(60):
        if len(found) == count:
            break
        other = name(kind, lang, rng, test)
        if alike and kind in ("product", "software") and len(found) > 0:
            other = re.sub(r"[\d.]+$", "", base) + re.search(r"[\d.]+$", other).group()  # type: ignore[union-attr]
        elif alike and kind == "year":
            other = str(int(base[:4]) + len(found)) + base[4:]
        elif alike and kind == "company" and lang == "en" and rng.random() < 0.5:
            other = f"{base.split()[0]} {other.split()[1]}"
        elif alike and kind == "company" and lang == "zh" and rng.random() < 0.5:
            other = base[:2] + other[2:]
        elif alike and kind == "person" and lang == "zh" and rng.random() < 0.5:
            other = base[0] + other[1:]
        if all(other not in have and have not in other for have in found):
            found.append(other)
    return found
