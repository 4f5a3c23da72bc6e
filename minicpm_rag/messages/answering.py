"""What answering says, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # Answers that are no answer, in the language of the question
    "answering.refused": (
        "资料中没有找到足够的依据来回答这个问题，下面是最接近的几段。",
        "The documents hold too little evidence to answer this question; the nearest passages are below.",
    ),
    "answering.nothing_found": (
        "资料中没有与这个问题有关的内容。",
        "The documents hold nothing that bears on this question.",
    ),
    # What is said below a model's answer
    "answering.difference": ("相差 **{result}**（{high} 减 {low}）", "Difference: **{result}** ({high} less {low})"),
    "answering.which_more": (
        "**{name}**：**{amount}**（{other}：{others}）",
        "**{name}**: **{amount}** ({other}: {others})",
    ),
    "answering.documents_say": ("文档中的原文：", "The documents say:"),
    "answering.other_documents_say": ("其他文档中的说法：", "Other documents say:"),
    "answering.cut_short": ("（回答达到长度上限，到此中断。）", "(The answer reached its length limit and ends here.)"),
    "answering.looped": (
        "（模型开始重复，回答到此停止。）",
        "(The model began to repeat itself; the answer ends here.)",
    ),
    "answering.other_language": (
        "（模型没有用提问的语言回答。）",
        "(The model did not answer in the language of the question.)",
    ),
    "answering.cut_by_filter": (
        "（模型服务的内容过滤截断了回答，到此中断。）",
        "(The content filter of the model server cut the answer off here.)",
    ),
    "answering.cut_by_connection": (
        "（回答没有写完就中断了，模型服务没有说明原因。请再试一次。）",
        "(The answer broke off here, and the model server did not say why. Try again.)",
    ),
    "answering.said_nothing": (
        "模型没有写出回答，以下是资料原文。",
        "The model wrote no answer; these are sentences of the documents.",
    ),
    # Greetings and the like
    "answering.greeting": (
        "你好！你可以直接问资料里的内容，我会给出答案并注明出处。输入“有哪些文档”可以看到现在有什么资料。",
        "Hello! Ask about what is in your documents; each answer names its source. "
        'Type "which documents are there" to see what I know.',
    ),
    "answering.thanks": ("不客气！还有问题可以继续问。", "You are welcome. Ask on whenever you like."),
    "answering.goodbye": ("再见！", "Goodbye!"),
    "answering.ability": (
        "我根据你添加的文档回答问题，每句话都注明出处。你可以：\n"
        "- 问文档里的内容，例如“保修期多久？”\n"
        "- 对表格提计算问题，例如“华东区第一季度的销售额合计”\n"
        "- 说“总结一下某某文档”，或“比较”两份文档\n"
        "- 问“有哪些文档”",
        "I answer from the documents you have added, and each sentence names its source. You can:\n"
        '- ask about what they say: "How long is the warranty?"\n'
        '- ask for computations over tables: "total sales in the North region in Q1"\n'
        '- say "summarize" with a document\'s name, or "compare" with two\n'
        '- ask "which documents are there"',
    ),
    "answering.documents": ("知识库里有 {count} 个文档：", "There are {count} documents:"),
    "answering.more_documents": ("……还有 {count} 个。", "... and {count} more."),
    "answering.no_documents": ("知识库里还没有文档。请先添加。", "There are no documents yet. Add some first."),
    # Whole documents
    "answering.which_to_summarize": ("要总结哪一份？请写出它的名称：", "Which one is to be summarized? Name it:"),
    "answering.which_to_compare": ("要比较哪两份？请写出它们的名称：", "Which two are to be compared? Name them:"),
    "answering.summary_written": ("按章节总结：", "Summary by sections:"),
    "answering.summary_quoted": (
        "各部分最有代表性的原句（没有使用模型）：",
        "The most central sentences of each section, quoted (no model was used):",
    ),
    "answering.summarize_section": (
        "请用一两句话概括“{heading}”这一部分的要点。",
        "What are the main points of the section '{heading}', in one or two sentences?",
    ),
    "answering.compared": (
        "逐句比较：{alike} 句相同，{different} 处不同或只有一份提到。",
        "Compared sentence by sentence: {alike} alike, {different} differ or stand in only one.",
    ),
    "answering.compared_unlike": (
        "《{first}》和《{second}》是不同类型的文档，几乎没有可以对照的内容。它们各自主要说的是：",
        "{first} and {second} are of different kinds and share hardly anything to compare. Each in short:",
    ),
    "answering.compared_subject": ("主题", "Subject"),
    "answering.compared_more": ("（还有 {count} 处没有列出）", "({count} more are not shown)"),
    "answering.question_about": ("《{name}》中关于“{heading}”是怎么说的？", "What does {name} say about '{heading}'?"),
    "answering.mentioned_in": (
        "有 {count} 个文档提到“{thing}”：",
        "{count:document mentions|documents mention} “{thing}”:",
    ),
    "answering.deadlines": ("文档中写明期限的原句：", "Sentences of the documents that set a deadline:"),
    "answering.no_deadlines": ("没有找到写明期限的句子。", "No sentence that sets a deadline was found."),
    "answering.more_deadlines": ("（还有 {count} 句没有列出）", "({count} more are not shown)"),
    # Questions in parts
    "answering.part_without_evidence": ("资料中没有找到依据", "The documents hold no evidence for this."),
    "answering.parts_without_evidence": (
        "这些部分在资料中没有找到依据：{parts}",
        "The documents hold no evidence for these parts: {parts}",
    ),
    # What was computed over a table: the result
    "answering.table_named": ("**{name}**", "**{name}**"),
    "answering.table_result_sum": (
        "{measure}合计：**{value}**（{rows} 行）",
        "Total {measure}: **{value}** ({rows:row|rows})",
    ),
    "answering.table_result_mean": (
        "{measure}平均值：**{value}**（{rows} 行）",
        "Average {measure}: **{value}** ({rows:row|rows})",
    ),
    "answering.table_result_median": (
        "{measure}中位数：**{value}**（{rows} 行）",
        "Median {measure}: **{value}** ({rows:row|rows})",
    ),
    "answering.table_result_share": (
        "占全部{measure}的 **{value}**（{rows} 行）",
        "**{value}** of all {measure} ({rows:row|rows})",
    ),
    "answering.table_result_difference": (
        "{measure}相差 **{value}**（{one}：{first}；{other}：{second}）",
        "Difference of {measure}: **{value}** ({one}: {first}; {other}: {second})",
    ),
    "answering.table_result_columns": (
        "{measure}：相差 **{value}**（{one}：{first}；{other}：{second}）",
        "{measure}: a difference of **{value}** ({one}: {first}; {other}: {second})",
    ),
    "answering.table_result_ratio": (
        "{measure}：{one}是{other}的 **{value}** 倍（{one}：{first}；{other}：{second}）",
        "{measure}: **{value}** times as much for {one} as for {other} ({one}: {first}; {other}: {second})",
    ),
    "answering.table_result_min": ("{measure}最小值：**{value}**", "Lowest {measure}: **{value}**"),
    "answering.table_result_max": ("{measure}最大值：**{value}**", "Highest {measure}: **{value}**"),
    "answering.table_result_count": ("符合条件的有 **{value}** 行", "**{value}** rows fit"),
    "answering.table_result_one": ("符合条件的有 **{value}** 行", "**{value}** row fits"),
    "answering.table_result_distinct": (
        "不同的{measure}有 **{value}** 个（{rows} 行）",
        "**{value}** different values of {measure} (in {rows:row|rows})",
    ),
    "answering.table_best": ("**{label}**（{measure}：{value}）", "**{label}** ({measure}: {value})"),
    "answering.table_value": ("{measure}：**{value}**", "{measure}: **{value}**"),
    "answering.table_part_month": ("月", "month"),
    "answering.table_of_sum": ("{measure}合计", "total {measure}"),
    "answering.table_of_mean": ("{measure}平均值", "average {measure}"),
    "answering.table_of_median": ("{measure}中位数", "median {measure}"),
    "answering.table_row_count": ("行数", "rows"),
    "answering.table_rows": ("结果共 {count} 行：", "The result has {count:row|rows}:"),
    "answering.table_no_rows": ("没有符合条件的行。", "No row fits."),
    "answering.table_cut": ("（只显示前 {count} 行）", "(only the first {count} rows are shown)"),
    # ... how it was computed
    "answering.table_query": ("计算方法：{query}。", "Computed: {query}."),
    "answering.table_in": ("在《{name}》中", "in {name}"),
    "answering.table_where_is": ("{column}为{values}", "{column} is {values}"),
    "answering.table_where_is_not": ("{column}不为{values}", "{column} is not {values}"),
    "answering.table_where_over": ("{column}大于 {values}", "{column} over {values}"),
    "answering.table_where_at_least": ("{column}不小于 {values}", "{column} at least {values}"),
    "answering.table_where_below": ("{column}小于 {values}", "{column} below {values}"),
    "answering.table_where_at_most": ("{column}不大于 {values}", "{column} at most {values}"),
    "answering.table_where_from": ("{column}从 {values} 起", "{column} from {values} on"),
    "answering.table_where_before": ("{column}在 {values} 之前", "{column} before {values}"),
    "answering.table_where_until": ("{column}到 {values} 为止", "{column} until {values}"),
    "answering.table_where_months": ("{column}在 {values} 月（不论哪年）", "{column} in month {values} of any year"),
    "answering.table_part_year": ("年", "year"),
    "answering.table_quarter": ("第{name}季度", "Q{name}"),
    "answering.table_month": ("{name}月", "{name}"),
    "answering.table_part_quarter": ("季度", "quarter"),
    "answering.table_do_sum": ("求{measure}之和", "{measure} added up"),
    "answering.table_do_mean": ("求{measure}的平均值", "the average of {measure}"),
    "answering.table_do_median": ("求{measure}的中位数", "the median of {measure}"),
    "answering.table_do_share": (
        "求{part}的行在全部{measure}中占百分之几",
        "the rows where {part} in percent of all {measure}",
    ),
    "answering.table_do_shares": ("求占全部{measure}的百分比", "in percent of all {measure}"),
    "answering.table_do_difference": (
        "求{part}的{measure}之差",
        "the difference of {measure} of the rows where {part}",
    ),
    "answering.table_do_difference_of_columns": ("求{measure}之差", "the difference of {measure}"),
    "answering.table_do_ratio": (
        "求{part}的{measure}之比",
        "the ratio of {measure} of the rows where {part}",
    ),
    "answering.table_do_min": ("取{measure}的最小值", "the lowest {measure}"),
    "answering.table_do_max": ("取{measure}的最大值", "the highest {measure}"),
    "answering.table_do_count": ("数行数", "rows counted"),
    "answering.table_do_distinct": ("数不同的{measure}", "different values of {measure} counted"),
    "answering.table_do_list": ("列出这些行", "the rows listed"),
    "answering.table_do_order": ("按{measure}排序", "ordered by {measure}"),
    "answering.table_by": ("按{group}分组", "for each {group}"),
    "answering.table_highest": ("取最高的 {count} 个", "the highest {count}"),
    "answering.table_lowest": ("取最低的 {count} 个", "the lowest {count}"),
    # ... and what should be known about it
    "answering.table_more_rows": (
        "计入 {count} 行，这里引用前 {cited} 行。",
        "{count} rows count; the first {cited} are cited.",
    ),
    "answering.table_exchanged": (
        "问题中的词与表中的词是这样对应的：{words}",
        "Words of the question were taken for words of the table: {words}",
    ),
    "answering.table_tied": ("最后一名有并列，一并列出。", "The last place is shared; all who share it are listed."),
    "answering.table_unread": (
        "有 {count} 个单元格不是数字，没有计入。",
        "{count} cells hold no number and were left out.",
    ),
    "answering.table_total_agrees": (
        "与表中第 {row} 行“{name}”一致（{value}）。",
        "This agrees with the table's own row {row}, '{name}' ({value}).",
    ),
    "answering.table_total_differs": (
        "注意：表中第 {row} 行“{name}”写的是 {value}，与计算结果不同。",
        "Note: the table's own row {row}, '{name}', says {value}, which differs.",
    ),
    "answering.across_languages": (
        "（引文与回答不是同一种语言，自动核对并不可靠，请自行对照。）",
        "(Quotes are in another language than the answer, where proof is weak: compare them yourself.)",
    ),
    # Beside an answer
    "answering.source_in_chinese": ("来源是中文。", "The source is in Chinese."),
    "answering.source_in_english": ("来源是英文。", "The source is in English."),
    "answering.table_by_model": (
        "这条 SQL 由模型写成，只检查了它是否安全；请核对它算的是不是你要的。",
        "This SQL was written by the model; only its safety was checked. See whether it computes what you asked.",
    ),
    "answering.table_not_understood": (
        "这个问题像是要在表格上计算，但没有看懂要算什么；下面是文档中的原文，没有经过计算。",
        "This seems to ask for a computation over a table, but what to compute was not understood; below is what the "
        "documents say, nothing was computed.",
    ),
    # What became of a passage that a search found
    "answering.passage": ("第 {number} 段", "passage {number}"),
    "answering.joined": ("并入第 {number} 段", "joined to passage {number}"),
    "answering.same_text": ("与更好的一段内容相同", "same text as a better one"),
    "answering.not_among_best": ("不在最好的几段之中", "not among the best"),
    # Errors
    "answering.agent_needs_model": (
        "分步回答需要会调用工具的模型，现在没有模型。请下载一个（`minicpm-rag models`），或设置 MINICPM_RAG_LLM_URL。",
        "Answering in steps needs a model that calls tools, and there is none. "
        "Download one (`minicpm-rag models`), or set MINICPM_RAG_LLM_URL.",
    ),
    "answering.agent_no_end": (
        "模型走了 {steps} 步仍没有得出回答。请把问题拆小，或不用 --agent。",
        "The model came to no answer within {steps} steps. Ask for less at once, or without --agent.",
    ),
    "answering.no_question": (
        "没有问题。请输入一个问题，或传入 {{'question': '...'}}。",
        "There is no question. Type one, or pass {{'question': '...'}}.",
    ),
    "answering.question_too_long": (
        "问题有 {length:,} 个字，最多 {most:,} 个。请只写要问的内容；长的材料请作为文档添加。",
        "The question has {length:,} characters; {most:,} are the most. Ask what you want to know, "
        "and add a long text as a document.",
    ),
    "answering.question_no_text": (
        "问题里有不是 UTF-8 文字的字节。请把终端的编码设为 UTF-8，再输入一次。",
        "The question holds bytes that are no text in UTF-8. Set the terminal to UTF-8 and type it again.",
    ),
    "answering.calibration_unreadable": (
        "保存的校准数据无法读取。请重新运行 `eval --calibrate`。",
        "The stored calibration cannot be read. Run `eval --calibrate` again.",
    ),
}
