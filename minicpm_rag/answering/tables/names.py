"""What columns, values and units are called, in Chinese and English: other words for the same thing.

How a computation is asked for is in `vocabulary`.
"""

from __future__ import annotations

# Names for the same thing. A column of one name is meant by all names of its row.
SYNONYMS: dict[str, str] = {
    "sales": "sales|revenue|turnover|销售额|营收|营业额|销售收入|销售金额|业绩|收入",
    "amount": "amount|money|金额|order value|款项",
    "sold": "units sold|sold|销量|销售数量|销售量",
    "quantity": "quantity|qty|units|units sold|pieces|数量|件数|册数|包数|packets|copies|销量|销售数量|销售量|volume",
    "price": "price|unit price|单价|价格|售价|价钱|定价",
    "cost": "cost|expense|expenses|spending|成本|费用|支出|花费|开销|开支",
    "paid": "paid|amount paid|已付|已交|已缴|实付|实缴",
    "profit": "profit|利润|盈利|毛利|净利润|earnings",
    "salary": "salary|pay|wage|wages|工资|薪资|薪水|月薪|薪酬|年薪",
    "budget": "budget|预算",
    "value": "value|worth|价值|估值|估价|现值",
    "stock": "stock|inventory|库存|存货|库存量|in stock",
    "age": "age|年龄|岁数",
    "weight": "weight|重量",
    "score": "score|mark|points|成绩|分数|得分",
    "rating": "rating|评分|评级",
    "population": "population|人口|人口数",
    "area": "area|面积",
    "hours": "hours|minutes|duration|time spent|lead time|delivery time|工时|小时数|时长|用时|耗时|交货期|交期|货期",
    "discount": "discount|折扣",
    "date": "date|day|日期|时间",
    "due date": "due date|due|deadline|到期日|截止日|截止日期|付款期限",
    "delivery date": "delivery date|delivery|delivered|交货日期|交付日期|送货日期|到货日期",
    "joined": "joined|hire date|start date|since|member since|入职日期|加入日期|入会日期|加入|入会|入职",
    "total": "total price|grand total|总价|总额|合计金额",
    "deposit": "deposit|down payment|押金|保证金|定金|订金",
    "rent": "rent|rental|daily rate|rate|租金|日租金|月租金",
    "fee": "fee|charge|dues|费|会费|月费|手续费|服务费",
    "tax": "tax|vat|税|税额|税率",
    "origin": "origin|place of origin|made in|产地|原产地",
    "phone": "phone|telephone|phone number|电话|手机|联系电话",
    "address": "address|地址|住址",
    "handler": "handler|handled by|person in charge|responsible|经办人|负责人|经手人",
    "shelf life": "shelf life|best before|保质期",
    "region": "region|territory|区域|地区|大区|片区",
    "city": "city|town|城市",
    "country": "country|nation|国家",
    "province": "province|state|省份|省",
    "department": "department|dept|division|部门|科室",
    "name": "name|full name|姓名|名字",
    "employee": "employee|staff|worker|员工|职员|雇员|人员",
    "customer": "customer|client|buyer|客户|顾客|买家",
    "supplier": "supplier|vendor|供应商|厂商|供货商",
    "product": "product|item|goods|商品|产品|品名|货品|物品",
    "category": "category|type|kind|class|类别|种类|类型|分类|品类",
    "order": "order|订单|单号|订单号|订单编号",
    "project": "project|项目|项目名称",
    "salesperson": "salesperson|sales rep|rep|seller|销售员|业务员|销售人员|销售代表",
    "student": "student|pupil|学生|同学",
    "grade": "grade|年级|等级",
    "subject": "subject|course|科目|课程|学科",
    "team": "team|group|团队|小组|班组",
    "store": "store|shop|branch|outlet|门店|店铺|分店|商店",
    "brand": "brand|make|品牌|牌子",
    "status": "status|状态",
    "class": "class|班级|班",
    "gender": "gender|sex|性别",
    "position": "position|job|title|role|职位|岗位|职务",
    "channel": "channel|渠道",
    "warehouse": "warehouse|depot|仓库",
    "vehicle": "vehicle|car|车辆|汽车",
    "mileage": "mileage|kilometres driven|里程|里程数|行驶里程",
    "participants": "participants|attendees|人数|参加人数|参与人数",
    "adult": "adult|成人|成年人|大人",
    "child": "child|children|kids|儿童|小孩|孩子",
    "senior": "senior|seniors|pensioner|老人|老年人|长者",
    "infant": "infant|infants|baby|婴儿|幼儿",
    "teacher": "teacher|instructor|trainer|coach|老师|教师|教练",
    "doctor": "doctor|physician|医生|医师",
    "patient": "patient|患者|病人",
    "member": "member|会员|成员",
    "room": "room|room type|房间|客房|房型",
    "book": "book|book title|书名|图书|书籍",
    "author": "author|writer|作者",
    "publisher": "publisher|出版社",
    "location": "location|place|地点|位置",
    "size": "size|尺寸|规格",
    "colour": "colour|color|颜色",
    "length": "length|长度",
    "height": "height|高度",
    "width": "width|宽度",
    "distance": "distance|距离",
    "speed": "speed|速度",
    "temperature": "temperature|温度",
    "capacity": "capacity|容量|运力|运量|载客量|容纳人数",
    "power": "power|功率",
    "output": "output|yield|产量",
    "balance": "balance|余额",
    "interest": "interest|利息",
    "machine": "machine|device|equipment|设备|机器",
    "material": "material|材料|物料",
    "tool": "tool|工具",
    "service": "service|服务",
    "invoice": "invoice|发票",
    "contract": "contract|合同",
    "start": "start date|begins|开始日期|起始日期",
    "end": "end date|ends|结束日期",
    "monday": "monday|mon|周一|星期一|礼拜一",
    "tuesday": "tuesday|tue|tues|周二|星期二|礼拜二",
    "wednesday": "wednesday|wed|周三|星期三|礼拜三",
    "thursday": "thursday|thu|thur|thurs|周四|星期四|礼拜四",
    "friday": "friday|fri|周五|星期五|礼拜五",
    "saturday": "saturday|sat|周六|星期六|礼拜六",
    "sunday": "sunday|sun|周日|周天|星期日|星期天|礼拜天",
}
# The columns of which a superlative or a verb may speak, by what it hints at; the first that a table has is meant.
HINTED = {
    "price": ("price", "cost", "amount", "total", "rent", "fee"),
    "sales": ("sales", "sold", "amount", "quantity"),
    "salary": ("salary",),
    "age": ("age",),
    "hours": ("hours", "speed"),
    "extent": ("length", "hours", "distance", "mileage"),
    "weight": ("weight",),
    "temperature": ("temperature", "水温", "气温", "室温", "体温"),
    "size": ("area",),
    "value": ("value", "price", "amount"),
    "date": ("date",),
    "spending": ("cost", "amount", "paid", "sales", "total", "price"),
}
# Values that tables of both languages have, as patterns: (English, Chinese).
VALUES = (
    ("marketing", "市场|营销"), ("sales", "销售"), ("r ?& ?d|research|development", "研发|技术"),
    ("finance|accounting", "财务"), ("hr|human resources|personnel", "人事|人力"), ("admin(?:istration)?", "行政"),
    ("purchasing|procurement", "采购"), ("production|manufacturing", "生产"), ("legal", "法务"),
    ("logistics", "物流"), ("customer service|support", "客服|售后"), ("quality", "质量|品质|质检"),
    ("cancell?ed", "取消"), ("completed|finished|done", "已?完成"), ("pending|open", "待|未完成"),
    ("shipped", "已?发货"), ("unpaid", "未付|未支付"), ("(?<!un)paid", "已付|已支付"), ("overdue", "逾期"),
    ("approved", "已批准|通过"), ("rejected", "拒绝|驳回"), ("travel", "差旅|出差"), ("office supplies", "办公用品"),
    ("furniture", "家具"), ("training", "培训"), ("insurance", "保险"), ("electricity", "电费"), ("water", "水费"),
    ("rent", "房租|租金"), ("equipment", "设备"),
)  # fmt: skip
# What a column of yes and no holds
YES = frozenset(["yes", "y", "true", "是", "已", "有", "✓", "√"])
NO = frozenset(["no", "n", "false", "否", "未", "无", "✗", "×"])
# What units are called in words
UNIT_WORDS = {"minutes": "min", "minute": "min", "hours": "h", "hour": "h", "seconds": "s", "kilometers": "km",
              "kilometres": "km", "kilograms": "kg", "kilogram": "kg", "kilos": "kg", "kg": "kg", "grams": "g",
              "tons": "t", "tonnes": "t", "吨": "t", "克": "g", "liters": "l", "litres": "l", "升": "l",
              "meters": "m", "metres": "m", "米": "m", "分钟": "min", "小时": "h", "公里": "km",
              "公斤": "kg", "千克": "kg"}  # fmt: skip
_UNITS_OF_TIME = {"min": "hour", "h": "hour", "s": "hour", "day": "day", "days": "day", "天": "day", "日": "day",
                  "week": "week", "weeks": "week", "周": "week", "星期": "week", "month": "month", "months": "month",
                  "月": "month", "year": "year", "years": "year", "年": "year"}  # fmt: skip
# Units that numbers of every column may have.
COUNTERS = frozenset(("个", "件", "台", "人", "分", "units", "unit", "pieces", "piece", "points", "point"))


def unit_called(word: str) -> str:
    """The unit that a word means: "min" for "minutes"; a word that is no known one stays."""
    return UNIT_WORDS.get(word, word)


def unit_of_time(word: str) -> str:
    """The kind of unit of time that a word means: "day" for "days" and 天, "hour" up to hours; empty for others."""
    return _UNITS_OF_TIME.get(unit_called(word).removeprefix("个"), "")
