"""The words, Chinese and English, in which people ask for computations over a table.

Patterns are matched against a question in lower case and Simplified characters.
"""

from __future__ import annotations

import re

_NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "twenty": 20, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8,
    "九": 9, "十": 10, "二十": 20,
}  # fmt: skip
_COUNT = rf"\d{{1,3}}|{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))}"

# What may ask for a computation at all: only such questions look at tables. The rest pays nothing.
CUE = re.compile(
    r"多少|几|总|合计|共|平均|均[值价]|最|前\s*[\d一二两三四五六七八九十]|[各每]"
    r"|分别|按|哪|列[出举]|找出|中位|相差|差[多额距]|[多少高低贵长短重轻快慢大小宜].{0,3}(?:多少|几)|几倍|分布|比重|[几两]成|百分|以[前后来]|之[前后]|超过|大于|高于|低于|少于|小于"
    r"|多于|以上|以下|不足|不到|至少|之间|累计|求和|统计|季度|半年|月|占|比例|对比|比较|排名|倒数|谁"
    r"|\b(?:how (?:many|much)|total|sum|average|mean|avg|count|number|most|than|least|fewest|max\w*|min\w*|top"
    r"|bottom|highest"
    r"|lowest|largest|smallest|biggest|greatest|best|worst|cheapest|oldest|youngest|latest|earliest|newest"
    r"|longest|shortest"
    r"|heaviest|lightest|per|each|every|by|list|which|who|whose|what|show|over|above|below|under|more|less"
    r"|fewer|between"
    r"|at least|at most|share|percent(?:age)?|proportion|fraction|altogether|combined|overall|together|compare|versus"
    r"|vs"
    r"|median|differences?|breakdown|distribution|slowest|fastest|quickest|after|before|since|with)\b"
    r"|\b(?:[a-z]+s|staff|people) (?:of|from|in|by|for|[a-z]+ed|made|sold|that|without)\b"
)
MEDIAN = re.compile(r"中位数?(?:值|水平)?|\b(?:the )?median\b")
DIFFERENCE = re.compile(
    r"相差(?:了)?(?:多少)?|差(?:了)?多少|差[额距值](?:是多少|有多大)?|之差"
    # 甲比乙多多少: what is more than another, by how much
    r"|(?<![最至])[多少高低贵]出?了?多少"
    r"|\bhow much (?:more|less|higher|lower) (?:is|are|was|were)\b(?=.* than\b)"
    r"|\b(?:what is )?(?:the )?differences?(?: (?:in|of|between))?\b"
)
THAN = re.compile(r"比(?!例|较|重|率)|\bthan\b")  # beside a difference: what the other is compared with
# Where 比 or "than" says what with: 贵多少, 多花几元, "how much more", "how many more"
MORE_THAN = re.compile(
    r"(?<![最至更])(?:便宜|[多少高低贵长短重轻快慢大小早晚久])[一-鿿]{0,2}?(?:多少|几(?!倍))"
    r"|\bhow (?:much|many) (?:more|less|fewer|higher|lower|larger|bigger|smaller|longer|shorter|heavier|lighter|cheaper"
    r"|dearer|older|younger|faster|slower|greater)\b"
)
DONE_MORE = re.compile(r"[多少](?P<verb>[一-鿿])[出了]?(?:多少|几)")
# How many times the other: 几倍, "how many times as much", "how many times Ann's fee is Ben's"
_TIMES_AS = r"(?:as|more|larger|bigger|higher|longer|heavier|greater)\b"
_TIMES_OF = rf"(?!{_TIMES_AS})" r"(?=the |what |(?:[\w.-]+ ){0,3}[\w.-]+['’]s? |(?:[\w.-]+ ){1,4}(?:is|are)\b)"
TIMES = re.compile(rf"(?:是|为|有)?(?:几|多少)倍|\bhow many times (?:{_TIMES_AS}|{_TIMES_OF})")
TIMES_OF = re.compile(rf"\bhow many times {_TIMES_OF}")  # the other is named first
AS_WHAT = re.compile(
    r"(?:(?<=\bas )|(?<=\bmore )|(?<=\bless ))(?:much|many|high|large|big|long|heavy|old|fast|expensive|costly)\b"
)
# The unit of a difference, and the column that it or the word before it means.
UNIT_BESIDE = re.compile(
    r"\s*(?:个)?(?P<unit>块钱|[万美欧]?元|块|钱|公斤|千克|克|吨|公里|千米|米|分钟|小时|时间|天|月|年|岁|千瓦时|度|升|件|本|台|人"
    r"|(?:euros?|eur|dollars?|usd|pounds?|yuan|money|minutes?|hours?|time|days?|kg|kilos?|kilograms?|km|kilometres?|pieces?)\b)"
)
_MONEY_SAID_TEXT = "块钱 元 万元 美元 欧元 块 钱 euro euros eur dollar dollars usd pound pounds yuan money"
MONEY_SAID = frozenset(_MONEY_SAID_TEXT.split())
MEASURED_BESIDE = (
    (re.compile(r"贵|便宜|\b(?:expensive|costly|cheaper|dearer|costs?|prices?)\b"), "price"),
    (re.compile(r"花|钱|元|块|付|\b(?:spent|spend|paid|pay|euros?|dollars?|pounds?|yuan|money)\b"), "spending"),
    (re.compile(r"重|轻|公斤|千克|\b(?:heavy|heavier|lighter|kg|kilos?)\b"), "weight"),
    (re.compile(r"时间|长|短|久|分钟|小时|\b(?:long|longer|shorter|minutes?|hours?|time)\b"), "hours"),
    (re.compile(r"[订买卖进]|\b(?:pieces?|units?)\b"), "quantity"),
)
# A time that may be a part of a column's name: 每月 of 每月会费, "a month" of "Monthly cost"
A_PERIOD = re.compile(
    r"(?P<month>每个?月|\b(?:a|per|each|every) month\b)|(?P<year>每一?年|\b(?:a|per|each|every) year\b)"
    r"|(?P<week>每个?(?:周|星期)(?![一二三四五六日末])|\b(?:a|per|each|every) week\b)"
    r"|(?P<day>每[天日]|\b(?:a|per|each|every) day\b)"
)
CALLED_AFTER = {
    "month": re.compile(r"月|month"),
    "year": re.compile(r"年|year|annual"),
    "week": re.compile(r"周(?![一二三四五六日末])|星期|week(?! ?day| ?end)"),
    "day": re.compile(r"日(?!期)|天|dai?ly|day"),
}
# What is sold is counted in pieces, where a column has them.
SOLD = re.compile(r"卖|售|销|买|采购|出库|入库|\b(?:sold|sells?|buy|bought|purchased|shipped|delivered)\b")
PERSONS = re.compile(r"[人位名]$|人数")  # at the end of "how many": 几人
PERSONS_EN = re.compile(r"\s*(?:different |distinct )?(?:people|persons|employees|colleagues|students|members)\b")
# What a list of persons, or its column of persons, is called
OF_PERSONS = re.compile(
    r"[人员工生师客]|客户|会员|名单|花名册|通讯录|选手|司机|\b(?:names?|people|persons?|staff|team|crew|employees?|colleagues?|members?"
    r"|students?|pupils?|guests?|customers?|clients?|players?|volunteers?|drivers?|teachers?|patients?|users?)\b"
)
PIECES = "台件个本部辆双瓶包箱盒只套张把斤"
# What things come in: a row is a kind of wine and never a bottle.
PACKS = "瓶箱盒包袋桶罐支双斤"
# "How many items can I bring?", 可以带几件: a rule is asked for, no number of rows.
PERMITTED = re.compile(
    r"(?:可以?|能够?|允许|必须|应该?)[^，,。？?]{0,4}(?:几|多少)"
    r"|\b(?:can|could|may|must|should|shall)\b|\b(?:allowed|have|need|entitled) to\b"
)
# For how many persons there is room: 能住两个人, "sleeps four"; and what a column is called that says so.
ROOM_FOR = re.compile(
    rf"(?:可以|能够|[可能够])(?P<verb>[住坐睡站]|容纳|接待)(?:得?下)?\s*(?P<n>{_COUNT})\s*[个名位口]?(?:以上)?(?:的)?(?:客|大|成)?人"
    rf"(?:以上|及以上|或以上)?"
    rf"|(?P<n3>{_COUNT})\s*[个名位口]?(?:客|大|成)?人(?:可以|能够?)?(?P<verb2>[住坐睡])(?:得?下)?(?=哪|什么)"
    rf"|\b(?:sleeps?|seats?|fits?|holds?|accommodates?|(?:room|space|enough) for) (?:at least )?(?P<n2>{_COUNT})\b"
    rf"(?: or more)?(?: (?:people|persons|guests|passengers))?\b"
)
ROOM_COLUMN = re.compile(
    r"(?:[可能]|最多|容纳|核定|额定|接待).{0,3}[住坐睡容纳乘载接待]?.{0,2}人|容纳|[座床]位数?|[住坐睡](?:客|宿)?人数"
    r"|\b(?:sleeps?|seats?|capacity|beds|berths|max\w* (?:guests|persons|people|occupancy)|occupancy)\b"
)
# How many of a thing a row has: "have two seats", 有两个座位
HAS_BEFORE = (
    rf"(?:\b(?:ha(?:s|ve|ving)|with|got) (?:exactly )?(?P<n>{_COUNT}) "
    rf"|(?:[有带配设]|配有|设有|带有)(?P<n2>{_COUNT})[个张名间台辆只位]?)"
)
NO_BOUND_AFTER = r"(?! ?(?:or (?:more|fewer|less)|and (?:more|up)|及?以[上下内]|左右))"
# How many of a thing, before its name
SO_MANY_OF = re.compile(
    rf"(?:^|(?<=\s))(?:(?P<n>{_COUNT})|an?)\s+$|(?<![第周\d零一二两三四五六七八九十百])(?P<n2>{_COUNT})[个位名张份台套件只间]$"
)
WHICH = re.compile(r"哪|什么|\b(?:which|what)\b")
# What costs nothing
FREE = re.compile(
    r"不(?:要|用|需要?|必)?(?:另?外)?(?:花|交|付|收)?(?:钱|费)(?:的)?|免费(?:的)?"
    r"|\b(?:costs? nothing|(?:is|are|be|for) free(?: of charge)?|free of charge)\b"
)
# Persons whose prices stand beside each other, and what they pay for
PAYS = re.compile(
    r"成人|成年人|大人|儿童|小孩|孩子|老人|老年人|长者|学生|婴儿|幼儿"
    r"|\b(?:adults?|child(?:ren)?|kids?|seniors?|pensioners?|students?|pupils?|infants?|concessions?|members?|famil(?:y|ies))\b"
)
ADMISSION = re.compile(r"门?票价?|\b(?:tickets?|admissions?|entry|entrance|fares?)\b")
# What a number is for one of, which it does not count: "Capacity per hour" is no column of hours.
AREA_UNIT = re.compile(r"k?m[²2]|㎡|平方?(?:米|公里)|平|亩|公顷|sq\.? ?(?:m|ft)|acres?|ha|hectares?", re.IGNORECASE)
FOR_ONE = re.compile(r"\bper [a-z]+|/ ?[a-z]+|每(?:小时|分钟|[天日周月年晚人])")
# A time is asked for that a column of minutes or hours holds.
LONG = re.compile(r"多长|\blong\b")
TIME_ASKED = re.compile(r"时间|时长|多久|多长|\b(?:time|times|duration|long)\b")
# Those of whom a column says how many there were.
HEADS = re.compile(
    r"(?:个|名|位)?(?:人|孩子|小孩|小朋友|幼儿|学生|同学|学员|员工|客人|来宾|嘉宾|观众|听众|游客)(?!次|均)"
    r"|\s*(?:people|persons|children|kids|pupils|students|guests|visitors|attendees|participants)\b"
)
# What a total of pieces is no number of: "how many orders", "how many customers".
_ROWS_ONLY_TEXT = """
    order record row entry line transaction sale purchase payment deal invoice case people person customer client
"""
ROWS_ONLY = frozenset(_ROWS_ONLY_TEXT.split())
WORTH = re.compile(r"价值|货值|\b(?:values?|worth)\b")
MOST = re.compile(r"最[多少]|\b(?:the most|most|fewest|least)\b")
DUE = re.compile(r"\b(?:next|due|until|expir\w*|renew\w*|deadline)\b")  # in the name of a column: what it is a date of
DURATION = re.compile(r"hour|minute|day|week|时|分钟|天")
SPREAD = re.compile(r"分布(?:情况)?|构成|\b(?:the )?(?:breakdown|distribution|split)(?: of)?\b")

SUM = re.compile(
    r"合计|总计|总共|一共|总和|总额|总量|总数|总体|共计|累计|汇总|求和|之和|总(?![裁经监部是])|共(?=有|卖|售|花"
    r"|支|收|销)"
    r"|\b(?:in total|together|the total|totals?|sum(?: up)?(?: of)?|altogether|in all|combined|overall|add up)\b"
)
MEAN = re.compile(r"平均(?:值|数(?!量)|分数?|成绩)?|均值|\b(?:on average|the average|averages?|mean|avg)\b")
COUNT = re.compile(
    r"(?:有|共|是)?(?:多少|(?<!哪)几)\s*(?:个|条|笔|名|位|家|种|款|件|项|次|台|本|张|户|所|套|部|辆|只|座|门|份|行|类|[瓶箱盒包袋桶罐支双]"
    r"|单|人|起|间|批|场|[匹头棵株艘架顶扇节])"
    r"|(?:个|条|笔|人|行|家|种|件|次|份|订单|记录)数(?:量)?(?:是多少|有多少)?|有多少"
    r"|\bhow many(?: different| distinct| unique| times(?! (?:as|more)))?\b"
    r"|\b(?:the )?(?:total )?number of\b|\bcount(?: of| the)?\b"
)
ROW_COUNT = re.compile(
    r"(?:订单|记录|合同|项目|单据|客户|员工|工单|发票|设备|学生|商品|产品|会员|用户|案件|车辆|任务)(?:的)?(?:总)?数(?:量|目)?(?!的)"
)
# "平均每单", "on average per order": of each row, which is what an average is of.
EACH_ROW = re.compile(
    r"每一?(?:单|笔|条|次|件|张|份)|\bper (?:order|row|record|sale|transaction|item|invoice|ticket|flight|trip)\b"
)
THING_COUNTED = re.compile(r"[一-鿿]{0,4}")  # behind "how many": 车 of 几辆车
HOW_MANY_BEFORE = re.compile(r"\bhow many (?:of the )?$")
PARTICIPLE = re.compile(r"[a-z]+(?:ed|en|own)")  # "cracked", "broken", "grown"
BECAME = re.compile(r" (?:were|was|are|is|got|have been|had been|had to be) (?:found )?")  # "bags were contaminated"
DISTINCT = re.compile(r"不同|不重复|几种|多少种|\b(?:different|distinct|unique)\b")
HOW_MUCH = re.compile(r"多少钱|(?:是|为|有|达)?多少|几何|\bhow much\b|\bwhat(?:'s| is| was| were| are)?\b")
LIST = re.compile(
    r"列出|列举|显示|有哪些|哪些|找出|给出|\b(?:list|show|find|display|give)(?: me)?(?: all| the| every)*\b"
    r"|\bwhich\b|\bwhat\b"
)
SHARE = re.compile(
    r"(?:所)?占(?:比|了|有)?(?:全部|所有|总数?(?:量|额)?)?(?:[一-鿿]{0,6}?的)?(?:比例|比重|百分比|百分之几|多少比例|几成|多少|比)"
    r"|百分比|百分之几|几成|比例|比重|\b(?:what )?(?:the )?(?:share|percentage|percent"
    r"|per cent|proportion|fraction)(?: of)?(?: all| the)*\b"
)
OF_ALL = re.compile(r"所?占(?:到|了|比)?(?:总|全部|所有)?")
# A share that must be reached is a rule, and none that rows have
MUST_BE = re.compile(
    r"\b(?:need(?:ed|s)?|required?|requires|necessary|must|minimum|at least)\b|必须|需要?|要求|才能|至少|及格线"
)
# Between the whole and its part: "what share of Network tickets are high priority"
PART_BETWEEN = re.compile(r"中|里|当中|\b(?:are|is|were|was|have|has|had)\b")

MORE, LESS = True, False
# (pattern, descending, which column is meant where none is named)
SUPERLATIVES: tuple[tuple[re.Pattern[str], bool, str], ...] = (
    (re.compile(r"最贵|\b(?:most expensive|priciest|dearest)\b"), MORE, "price"),
    (re.compile(r"最便宜|最廉价|\b(?:cheapest|least expensive)\b"), LESS, "price"),
    (
        re.compile(
            r"卖得?最[好多]|销量最好|最畅销|最好卖"
            r"|\b(?:best[- ]selling|sold (?:the )?(?:most|best)|sells? (?:the )?(?:most|best))\b"
        ),
        MORE,
        "sales",
    ),
    (
        re.compile(r"卖得?最[差少]|最滞销|\b(?:worst[- ]selling|sold (?:the )?least|sells? (?:the )?least)\b"),
        LESS,
        "sales",
    ),
    (
        re.compile(
            r"挣得?最多|赚得?最多|\b(?:earns?|earned|paid|makes?) (?:the )?most\b|\b(?:highest"
            r"|best)[- ]paid\b"
        ),
        MORE,
        "salary",
    ),
    (
        re.compile(r"挣得?最少|\b(?:earns?|earned|paid|makes?) (?:the )?least\b|\b(?:lowest|worst)[- ]paid\b"),
        LESS,
        "salary",
    ),
    (re.compile(r"年[龄纪]最大|最年长|最老|最旧|\b(?:oldest|eldest)\b"), MORE, "age"),
    (re.compile(r"年[龄纪]最小|最年轻|\byoungest\b"), LESS, "age"),
    (re.compile(r"最值钱|最有价值|\b(?:most valuable|worth (?:the )?most)\b"), MORE, "value"),
    (re.compile(r"最不值钱|\b(?:least valuable|worth (?:the )?least)\b"), LESS, "value"),
    (re.compile(r"最烫|最热|\b(?:hottest|warmest)\b"), MORE, "temperature"),
    (re.compile(r"最[冷凉冰]|\b(?:coldest|coolest)\b"), LESS, "temperature"),
    (re.compile(r"最重|\bheaviest\b"), MORE, "weight"),
    (re.compile(r"最轻|\blightest\b"), LESS, "weight"),
    # What comes next, where "most recent" would be the last: 最近要保养的, "the next to be serviced"
    (
        re.compile(r"最早|最先|(?:最近|接下来|下一?[个台次])(?:需要|[要该需将])(?!求)|\b(?:earliest|first)\b"),
        LESS,
        "date",
    ),
    (
        re.compile(r"最晚|最近|最新|最后|\b(?:latest|newest|most recent|last(?! (?:year|month|week|quarter)\b))\b"),
        MORE,
        "date",
    ),
    (
        re.compile(
            r"(?:用时|耗时|时间|花时间|交货期?|交期|货期)最[长久多慢]|最慢"
            r"|\b(?:took|takes?|lasted|ran) (?:the )?longest(?: to (?:deliver|arrive|ship|come|finish))?\b"
            r"|\b(?:the )?slowest\b"
        ),
        MORE,
        "hours",
    ),
    (
        re.compile(
            r"(?:用时|耗时|时间)最[短少]|最快|\b(?:took|takes?) (?:the )?shortest\b|\b(?:the )?(?:quickest|fastest)\b"
        ),
        LESS,
        "hours",
    ),
    (re.compile(r"最大(?:的)?|\b(?:the )?(?:largest|biggest)\b"), MORE, "size"),
    (re.compile(r"最小(?:的)?|\b(?:the )?smallest\b"), LESS, "size"),
    (re.compile(r"倒数|\b(?:bottom)\b"), LESS, ""),
    (re.compile(r"最[长远](?:的)?|\b(?:the )?(?:longest|farthest)\b"), MORE, "extent"),
    (re.compile(r"最[短近](?:的)?|\b(?:the )?(?:shortest|nearest)\b"), LESS, "extent"),
    (
        re.compile(
            r"最[高大多长好快远](?:值|的|分)?|更[高大多长好快]|排名?第一|\b(?:the )?(?:highest|largest"
            r"|biggest|greatest|most"
            r"|best|longest|tallest"
            r"|maximum|max|top)\b"
        ),
        MORE,
        "",
    ),
    (
        re.compile(
            r"最[低小少短差近](?:值|的|分)?|更[低小少短差]|\b(?:the )?(?:lowest|smallest|least|fewest|worst"
            r"|shortest"
            r"|minimum|min)\b"
        ),
        LESS,
        "",
    ),
)
MOST_OF = re.compile(r"\b(?:most|fewest|least) (?P<noun>[a-z]{3,})")
ONE_CHARACTER_MOST = re.compile(r"(?P<own>[一-鿿])最[一-鿿]")
TOP = re.compile(
    rf"(?:排名?)?(?P<front>前|倒数|后)\s*(?P<n>{_COUNT})\s*(?:名|个|位|大|条|家|种|款|强|笔|单|项|件)?(?!\s*[月年天])"
    rf"|\b(?P<word>top|bottom|first|last)\s+(?P<n2>{_COUNT})\b"
)
# "the three most expensive", "最高的五个"
NUMBERED_BEFORE = re.compile(rf"\b(?P<n>{_COUNT})\s+$")
# "the five tickets that took longest"
NUMBERED_ROWS = re.compile(rf"\b(?P<n>{_COUNT})\s+[a-z]+s\b")
# A number that stands before what is counted: "all four", 三个
NUMBERED = re.compile(
    rf"(?:这|全部|所有|\ball |\bthe )*(?P<n>{_COUNT})\s*(?:个|种|位|家|条|项|名|台|份|间|款|座|处|片)?的?\s*$"
)
NUMBERED_AFTER = re.compile(rf"\s*的?\s*(?P<n>{_COUNT})\s*(?:名|个|位|条|家|种|款|笔|单|项|件|天|城市)")

_AMOUNT = (
    r"(?P<{0}>[$¥￥€£]?\s*(?:\d[\d,]*(?:\.\d+)?|[一二两三四五六七八九十百千]+(?=[百千万亿]))\s*(?:万亿|十亿|百万|千万|万|亿|千|百|thousand|million|billion|k(?![a-z])"
    r"|m(?![a-z])|bn)?"
    r"\s*(?:%|％|[$€£]|元|块钱?|美元|人民币|rmb|usd|eur|dollars?|euros?|yuan|kg|公斤|千克|吨|km|公里|岁|分钟|分|件"
    r"|个?月|个|台|人|天|小时|年|千瓦时|度|[平立]方米|平米|㎡|米|毫升|升|克|次|[辆艘户株棵头只册本份场页]|nights?"
    r"|years?(?: old)?|"
    r"days?|hours?|minutes?|weeks?|months?|units?|pieces?|points?|litres?|liters?|metres?|meters?|miles?|tons?|tonnes?"
    r"|pages?|percent)?)"
)
_N = _AMOUNT.format("n")
COMPARISONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            rf"(?:在|介于)?\s*{_AMOUNT.format('low')}\s*(?:到|至|~|－|-|–|和"
            rf"|与)\s*{_AMOUNT.format('high')}\s*(?:之间|以内)"
            rf"|\b(?:between|from)\s+{_AMOUNT.format('low2')}\s+(?:and|to)\s+{_AMOUNT.format('high2')}"
        ),
        "between",
    ),
    (re.compile(rf"(?:不低于|不少于|不小于|至少|大于等于|大于或等于|>=|≥|最少)\s*(?:有|为|达到?)?\s*{_N}"), ">="),
    (re.compile(rf"(?:不超过|不高于|不大于|不多于|至多|小于等于|小于或等于|<=|≤|最多)\s*(?:有|为)?\s*{_N}"), "<="),
    (re.compile(rf"(?:超过|大于|高于|多于|超出|高出|贵于|>|过了?(?=\d))\s*(?:了)?\s*{_N}"), ">"),
    (re.compile(rf"(?:低于|小于|少于|不足|不到|未满|便宜于|<)\s*{_N}"), "<"),
    (
        re.compile(
            rf"{_N}\s*(?:及|和|或)?以上|{_N.replace('<n>', '<n2>')}\s+(?:or|and) (?:more|above|higher|over"
            rf"|older|greater)"
        ),
        ">=",
    ),
    (
        re.compile(
            rf"{_N}\s*(?:及|和|或)?(?:以下|以内)|{_N.replace('<n>', '<n2>')}\s+(?:or|and) (?:less|below|lower|under"
            rf"|fewer|younger)"
        ),
        "<=",
    ),
    (re.compile(rf"(?:等于|\b(?:equal to|equals|exactly)\b)\s*{_N}"), "in"),
    (re.compile(rf"\b(?:at least|no (?:less|fewer) than|not less than|minimum of)\s+{_N}"), ">="),
    (re.compile(rf"\b(?:at most|no more than|not more than|up to|maximum of)\s+{_N}"), "<="),
    (
        re.compile(
            rf"\b(?:over|above|(?:more|greater|higher|larger|bigger|longer|older|heavier"
            rf"|better)(?: \w+)? than|more expensive than"
            rf"|exceed(?:s|ed|ing)?|beyond)\s+{_N}"
        ),
        ">",
    ),
    (
        re.compile(
            rf"\b(?:under|below|(?:less|fewer|lower|smaller|cheaper|shorter|younger|lighter)(?: \w+)? than"
            rf"|less expensive than)\s+{_N}"
        ),
        "<",
    ),
)
# What stands before a column that another one is compared with: "over the estimate", 低于最低库存
_ITS = r"(?:the |its |their |our )?$"
OVER_A_COLUMN = re.compile(
    rf"(?:超过?了?|超出了?|高于|大于|多于)$"
    rf"|\b(?:over|above|beyond|exceed(?:s|ed|ing)?|(?:more|higher|greater) than) {_ITS}"
)
UNDER_A_COLUMN = re.compile(
    rf"(?:低于|小于|少于|不足|不到|没到|未达到?)$|\b(?:under|below|beneath|(?:less|lower|fewer) than) {_ITS}"
)
# Which column a comparison means where none is named near it.
COMPARED = (
    (re.compile(r"cheap|expensive|贵|便宜|价|\bcosts?\b|\bpriced\b"), "price"),
    (re.compile(r"older|younger|years old|岁"), "age"),
    (re.compile(r"heav|light|kg|公斤|重"), "weight"),
    (re.compile(r"\bearn|\bpaid\b|挣"), "salary"),
)

EACH_BEFORE = re.compile(
    r"(?:各个?|每一?[个种位类家款名条台份间项]?|按照?|分|不同(?:的)?|\b(?:by|per|for each|for every|each|every|across"
    r"|in each|of each"
    r"|grouped by|broken down by)(?: the)?)\s*$"
)
EACH_AFTER = re.compile(r"\s*(?:分组|分别|来?统计|汇总|分布)")
PERIODS = (
    ("month", re.compile(r"每个?月|各个?月份?|按月份?|月度|逐月|\b(?:monthly|by month|per month|each month|every month"
                         r"|for each month)\b")),
    ("quarter", re.compile(r"每个?季度?|各个?季度|按季度?|\b(?:quarterly|by quarter|per quarter|each quarter)\b")),
    ("year", re.compile(r"每一?年|各年|按年份?|逐年|\b(?:yearly|annually|by year|per year|each year"
                        r"|every year)\b")),
)  # fmt: skip
ASKED_PERIODS = (
    ("month", re.compile(r"哪[一几些]?个?月份?|几月份?|\b(?:which|what) month\b")),
    ("quarter", re.compile(r"哪一?个?季度|\b(?:which|what) quarter\b")),
    ("year", re.compile(r"哪一?年|哪个年份?|\b(?:which|what) year\b")),
)
# Days, in a table of which each row, or group of rows, is one
EACH_DAY = re.compile(
    r"[每各]一?[天日](?!期)|按[天日](?!期)|逐日|\b(?:daily|by day|per day|(?:each|every) day|a day)\b"
)
ASKED_DAY = re.compile(r"哪[一几些]?[天日](?!期)|\b(?:which|what) (?:days?|dates?)\b")
DAY_COLUMN = re.compile(r"日期|[日天]|dates?|days?")
ASKED_BEFORE = re.compile(
    r"(?:哪[一几]?[个些种样位款家类条项名台份本辆间起次门所张批]?|什么|何种|\b(?:which|what|whose)(?: (?:is|are|was"
    r"|were|has|had|one|\d+"
    r"|two|three|four"
    r"|five))?(?: (?:of )?the)?)\s*$"
)
WHO = re.compile(r"谁|哪[位个]人|什么人|\b(?:who(?:se|m)?)\b")
RESPECTIVELY = re.compile(r"分别|各自|对比|比较|相比|\b(?:respectively|each|compare[ds]?|versus|vs\.?)\b")
NOT_BEFORE = re.compile(
    r"(?:除了?|排除|不含|不包括|不包含|不是|非|不在|\b(?:except(?: for)?|excluding|other than|not(?: in| from)?"
    r"|without"
    r"|outside(?: of)?)(?: the)?)\s*$|不$"
)
NOT_AFTER = re.compile(r"\s*(?:以外|之外|外)的?")

# What is added up where no column is named, and which one is meant then.
ADDED_NOUNS = (
    (re.compile(r"卖|售|销|营收|\b(?:sales|sold|revenue|sell|earned|income)\b"), "sales"),
    (
        re.compile(
            r"花|支出|开销|费用|付|[交缴](?=[了过费钱]|多少)|\b(?:spend|spent|expenses?|costs?|paid|pay|spending)\b"
        ),
        "spending",
    ),
)
# An amount of money, whatever was done for it: "how much was ordered in total?"
MONEY_ASKED = re.compile(r"how much|多少钱")
# A value that is paid, and what may follow "how much" where money is asked for: 多少度 asks for something else.
FEE = re.compile(r"费用?$|房租$|租金$|\b(?:fees?|charges?|bills?|rent|tax)$")
MONEY_OR_END = re.compile(r"\s*(?:钱|元|块|(?:is|are|was|were|did|do)\b|[呢呀啊])|[\W_]*$")
# Around a column of yes and no, what makes use of it: 能用医保的, 医保不能报的.
USED_BEFORE = re.compile(r"(?:可以|能够?|会)?(?:用|使用|走|享受|支持|适用|刷)$|(?:可以|能够?)$")
USED_AFTER = re.compile(r"(?P<not>不)?(?:可以|能够?|可|给|会)(?:报销?|用|使用|支付|覆盖|付)?|报销|支付|覆盖")
# Nothing of it is left, by a column that counts what is in stock.
USED_UP = re.compile(
    r"(?:没有?|无|零)(?:了)?库存|库存(?:为|是)?(?:零|0(?!\d)|空)|缺货|断货|[无没](?:有)?(?:现)?货了?|卖(?:完|光)|售罄"
    r"|\b(?:out of stock|sold out|not in stock|no stock|none left)\b"
)
# What has become more or less since the time that another column of the same name is of: 产量 beside 上季产量
FALLEN = re.compile(
    r"(?:有所)?(?:下降|减少|降低|下跌|下滑|减产|变少|跌)(?:的|了)?"
    r"|\b(?:has |have |had )?(?:fallen|fell|dropped|decreased|declined|shrunk|went down|gone down)\b"
)
RISEN = re.compile(
    r"(?:有所)?(?:上升|增加|提高|上涨|增长|增产|变多|涨)(?:的|了)?"
    r"|\b(?:has |have |had )?(?:risen|rose|increased|grown|grew|went up|gone up)\b"
)
EARLIER = re.compile(
    r"上(?:一|个)*(?:季度?|月|年度?|期|周|次|学期)|去年|前年|往年|原"
    r"|\b(?:last|previous|prior)(?: (?:years?|months?|weeks?|quarters?|seasons?|terms?))?(?:['’]s)?\b"
)
NOW = re.compile(
    r"本(?:季度?|月|年度?|期|周|次|学期)|今年|现"
    r"|\b(?:this|current)(?: (?:year|month|week|quarter|season|term))?\b"
)
# Who owes: in a column of what is owed there is something.
OWED = re.compile(
    r"(?:还|仍|尚)?欠(?:着|了)?(?:[一-鿿]{0,2}[费款]|钱|账)?"
    r"|\b(?:still )?ow(?:es?|ed|ing)(?: (?:us|any|some))?(?: (?:money|fees?|dues|anything|something))?\b"
)
OWED_COLUMN = re.compile(r"欠|未[付交缴]|\b(?:owed|owing|outstanding|arrears|balance due|unpaid)\b")
# Words that name what the rows of many tables are.
_ROW_NOUNS_TEXT = "item employee staff product student member result"
ROW_NOUNS = ROWS_ONLY | frozenset(_ROW_NOUNS_TEXT.split())
ROW_NOUNS_ZH = re.compile(
    r"老师|机器|学员|队员|教师|医生|司机|选手|球员|航班|活动|指标|订单|记录|数据|单子|交易|员工|职员|同事|人|客户|商品|产品|学生"
    r"|成员|条目|笔|单|个|位|名|家|种|件|条|款|份"
    r"|起|次|台|项|批|场|辆|间|张"
)
# What cannot be added up over rows unless somebody says so.
NOT_ADDED = re.compile(
    r"号$|[单均售定进报市原现]价|价格|(?<!总)价$|率|比(?!赛)|分$|分数|成绩|得分|评分|年龄|温度|平均|均值|等级|工资|薪|身高|体重|折扣|指数|排名|\b(?:price"
    r"|rate|ratio|percent\w*|score|rating"
    r"|grade|age|temperature|average|avg|mean|salary|wage|height|discount|index|rank|gpa|margin|level|speed)\b"
)
# Words that say nothing of which rows are meant.
FILLERS = re.compile(
    r"的货(?=\W*$)|已经?|请问|请|帮我|帮忙|告诉我|告诉|查一下|查询|查|看看|看一下|算一下|计算|统计|算|一下|根据|表格?中?里?|数据"
    r"|记录|当中|其中|其[他它余]|各有|支付|发表|拥有|通过|乘坐|工作|上班|就职|居住|全部|所有|整个|公司"
    r"|的|了|是|有|在|中|里|内|和|与|及|以及|且|并且|并|而|又|为|呢|吗|啊|吧|我们?|你|咱们?|它们?|他们?|这|那"
    r"|个|些|就|都|也|把|对|于|从|来自|属于|期间"
    r"|卖出?|售出?|下|用|付|乘|写|教|演出?|表演|演唱|放映|销售|购买|买|订购?|花|支出|产生|发生|达到?|来|出|得|等|，|。|？|、|：|；|！"
    r"|跑|带(?=[的了过\s])|考(?=[得了过的\s])|交(?=[了过的\s])|过(?=[了的\s])|能[载坐住容装放盛]下?|哪里|哪一?[部门样艘把支棵头匹座层栋块片辆台架幅处所套间只]?|什么|多少|几|谁|何|数|值|情况|时候|名称|名字|时间|结果|怎么样|如何|分别|各自|各|种|类|位|名"
    r"|笔|条|单|件"
)
_FILLER_WORDS_TEXT = """
    please tell show list give find me us all every the any record row entry table sheet data file was were is are
    be been have has had do does did make made sell sold earn earned spend spent pay paid buy bought place placed
    order ordered get got there their our we in of for from on at with and or to during within what which who
    whose how many much value values name names number come came go work works live lives belong belongs
    cost costs worth item that this those these it its as than about altogether each per by compare generate
    generated went gone
    bring brought company whole entire only also located based employ employed produce produced
    receive received recorded currently now
    send sent booked stay stayed stays write wrote written publish published brings take took taken use used
    contain include included still ever together
    popular popularity just put sign signed
    carry carried carries depart departed fly flew flown run ran score scored visit visited travel travelled leave
    left
    lead leads led manage manages managed handle handles handled own owns owned
    need needed needs require required requires happen happened supplied
    arrive arrived gave given serve served teach taught drive drove
    cover covered already win won play played sit sits sat seated
"""
FILLER_WORDS = frozenset(_FILLER_WORDS_TEXT.split())
# Among them verbs that are also things, and then say what is meant: days of leave
OF_A_THING = re.compile(r"\bof (leave|travel|cover)\b")
VERBS_ONLY = frozenset(["booked"])  # of these only the word itself says nothing: a book is a thing
WHOLE_WORDS_ONLY = 3  # letters: a shorter value is meant only where it is written as it is in the table


def count_of(text: str) -> int:
    """The number that a count word says: "three", "五", "10"."""
    return int(text) if text.isdecimal() else _NUMBER_WORDS[text]
