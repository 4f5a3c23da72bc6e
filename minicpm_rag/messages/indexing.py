"""What indexing says: verdicts of files, jobs, import and the check, in Chinese and English."""

from __future__ import annotations

_ANOTHER_FORMAT = ("请另存为 PDF、DOCX、Markdown 或纯文本。", "Save it as PDF, DOCX, Markdown or plain text.")

TEXTS: dict[str, tuple[str, str]] = {
    # Jobs
    "indexing.no_embedder": (
        "没有向量模型就不能建立索引，请设置 MINICPM_RAG_EMBEDDER。",
        "Nothing can be indexed without an embedding model. Set MINICPM_RAG_EMBEDDER.",
    ),
    "indexing.no_ray": (
        'MINICPM_RAG_RAY 需要 ray，请运行：pip install "minicpm-rag[ray]"。',
        'MINICPM_RAG_RAY needs ray. Run: pip install "minicpm-rag[ray]"',
    ),
    "indexing.ray_failed": (
        "Ray 集群没有完成工作：{why}。请检查 MINICPM_RAG_RAY 和集群，然后再导入一次。",
        "The Ray cluster did not do its work: {why}. Check MINICPM_RAG_RAY and the cluster, then ingest again.",
    ),
    "indexing.ray_lost": (
        "读取它的 Ray 进程每次都中断了：{why}",
        "The Ray process that read it ended each time: {why}",
    ),
    "indexing.ray_lost.remedy": (
        "请确认集群的内存够用，然后再导入一次。",
        "See that the cluster has enough memory, then ingest again.",
    ),
    "indexing.owner_embedder": (
        "管理资料库的程序用的向量模型是“{used}”，不是“{wanted}”。"
        "请先关闭它（停掉网页），再运行 minicpm-rag kb reindex。",
        "The process that owns the library runs with the embedder '{used}', not '{wanted}'. "
        "Close it (stop the page), then run: minicpm-rag kb reindex",
    ),
    "indexing.no_job": (
        "没有编号为 {number} 的任务；它一天多以前就结束了。",
        "There is no job {number}; it ended more than a day ago.",
    ),
    "indexing.unknown_job": (
        "任务队列里有不认识的任务“{kind}”，请更新程序。",
        "The library's queue holds a job of the unknown kind '{kind}'. Update the program.",
    ),
    "indexing.unexpected": (
        "出了意外的错误（{kind}：{why}），请向开发者反馈。",
        "Unexpected {kind}: {why}. Please report it.",
    ),
    "indexing.ends_the_program": (
        "做这件事时程序中断了 {count} 次，最后一次在处理：{source}。请去掉这个文件再试。",
        "The program ended {count} times while doing this, last at: {source}. Leave that file out and run it again.",
    ),
    "indexing.the_start": ("开头", "the start"),
    "indexing.check_ended": ("检查中断了，请再运行一次。", "The check was ended before it was done. Run it again."),
    "indexing.upload_not_kept": (
        "“{name}”无法保存到 {folder}：{why}。请腾出空间。",
        "The upload '{name}' cannot be kept in {folder}: {why}. Make room.",
    ),
    # What became of a file
    "indexing.duplicate": ("与 {source} 内容相同。", "Duplicate of {source}."),
    "indexing.moved": ("从 {former} 移到这里。", "Moved here from {former}."),
    "indexing.sampled": (
        "{rows:,} 行的表格作为数据保存，可以提问计算；搜索只能找到表头和一部分行。",
        "The table's {rows:,} rows are stored as data, for questions that compute; searching finds header and samples.",
    ),
    "indexing.would_take_long": (
        "建立索引大约需要 {minutes} 分钟。",
        "Indexing it would take about {minutes:minute|minutes}.",
    ),
    "indexing.would_take_long.remedy": ("仍要收录吗？", "Index it?"),
    "indexing.reindexed": ("已用 {embedder} 重新建立索引。", "Indexed again with {embedder}."),
    "indexing.left_folder": ("它已经不在文件夹里。", "It has left the folder."),
    "indexing.failure_forgotten": ("清除了失败的记录。", "The record of its failure was removed."),
    "indexing.other_name": ("内容仍以另一个名称 {name} 保留。", "Its text stays under its other name {name}."),
    "indexing.still_answers": ("{day} 收录的版本仍在使用。", "The version indexed on {day} still answers."),
    "indexing.not_listed": ("它不在知识库里。", "It is not in the knowledge base."),
    "indexing.not_listed.remedy": ("请看文档列表。", "See the list."),
    # A path or address that is not read
    "indexing.no_file": ("没有这个文件或文件夹。", "There is no such file or folder."),
    "indexing.no_file.remedy": ("请检查路径。", "Check the path."),
    "indexing.folder_closed": ("文件夹打不开：{why}。", "The folder cannot be listed: {why}."),
    "indexing.folder_closed.remedy": ("请检查读取权限。", "Check its rights."),
    "indexing.odd_name": ("文件名不是有效的文字。", "The file name is not valid text."),
    "indexing.odd_name.remedy": ("请给文件改名。", "Rename the file."),
    "indexing.file_closed": ("文件读不出来：{why}。", "The file cannot be read: {why}."),
    "indexing.file_closed.remedy": (
        "请检查文件或链接是否还在、有没有读取权限。",
        "Check that the file or link is there, and its rights.",
    ),
    "indexing.not_regular": ("它不是普通文件。", "It is not a regular file."),
    "indexing.link_outside": (
        "这是一个链接，指向所选文件夹之外，没有读取。",
        "This is a link that leads out of the named folders, so it was not followed.",
    ),
    "indexing.link_outside.remedy": (
        "需要它的话，请直接指定它指向的文件或文件夹。",
        "Name what it leads to, if it is wanted.",
    ),
    "indexing.unknown_suffix": ("不支持 {suffix} 文件。", "Files ending in '{suffix}' cannot be read."),
    "indexing.unknown_suffix.remedy": _ANOTHER_FORMAT,
    "indexing.no_suffix": ("不支持没有扩展名的文件。", "Files without an ending cannot be read."),
    "indexing.no_suffix.remedy": _ANOTHER_FORMAT,
    # A file that is read without success
    "indexing.no_text": ("文件里没有找到文字。", "No text was found in it."),
    "indexing.was_damaged": ("保存的内容已损坏，已重新读取。", "What was stored of it was damaged; it was read again."),
    "indexing.not_cut": (
        "文件的文字没能分成片段（{kind}：{why}）。",
        "The file's text could not be cut into chunks ({kind}: {why}).",
    ),
    "indexing.not_cut.remedy": (
        "请向开发者反馈；其他文件不受影响。",
        "Please report it; other files are not affected.",
    ),
    # Removing
    "indexing.no_such_document": (
        "知识库“{knowledge_base}”里没有文档“{name}”。请运行 minicpm-rag list 查看。",
        "There is no document '{name}' in the knowledge base '{knowledge_base}'. See: minicpm-rag list",
    ),
    "indexing.ambiguous_title": (
        "有 {count} 份文档都叫“{name}”，请指明是哪一份：{sources:list}",
        "{count} documents are called '{name}'. Name one: {sources:list}",
    ),
    "indexing.not_gone": (
        "已移除的文档 {number} 在{places:list}里还有残留，请运行 minicpm-rag doctor --check。",
        "Something of the removed document {number} is left in {places:list}. Run: minicpm-rag doctor --check",
    ),
    # The check
    "indexing.agrees": (
        "比对了 {documents} 份文档、{chunks} 个片段：账本、向量和关键词一致。",
        "{documents} documents and {chunks} chunks compared: ledger, vectors and keywords agree.",
    ),
    "indexing.found": (
        "比对了 {documents} 份文档、{chunks} 个片段，发现：{problems}",
        "{documents} documents and {chunks} chunks compared; found: {problems}",
    ),
    "indexing.repaired": (
        "比对了 {documents} 份文档、{chunks} 个片段，已修复：{problems}",
        "{documents} documents and {chunks} chunks compared; repaired: {problems}",
    ),
    "indexing.repaired_partly": (
        "比对了 {documents} 份文档、{chunks} 个片段，已修复：{problems} 无法修复：{unmended}",
        "{documents} documents and {chunks} chunks compared; repaired: {problems} Not repaired: {unmended}",
    ),
    "indexing.damaged": (
        "{source} 保存的内容已损坏。",
        "What is stored of {source} is damaged.",
    ),
    "indexing.mended_from_pages": (
        "{source} 的片段或向量已损坏，已根据保存的页面重建。",
        "Chunks or vectors of {source} were damaged and were made again from its stored pages.",
    ),
    "indexing.mended_from_original": (
        "{source} 保存的页面已损坏，已根据原文件重建。",
        "Stored pages of {source} were damaged and were read again from the original file.",
    ),
    "indexing.mended_tables": (
        "{source} 的表格数据已损坏，已根据保存的页面重建。",
        "Tables of {source} were damaged and were made again from its stored pages.",
    ),
    "indexing.conversation_damaged": (
        "对话“{title}”里有 {count} 条问答已损坏，读不出来了：请在页面上重新提问，或删除这段对话。",
        "In the conversation '{title}', {count:exchange|exchanges} of question and answer cannot be read any more. Ask "
        "again on the page, or delete the conversation.",
    ),
    "indexing.not_mended": (
        "{source} 保存的内容已损坏，无法修复：{why}请移除后重新添加。",
        "What is stored of {source} is damaged and cannot be mended: {why} Remove it and ingest it again.",
    ),
    "indexing.original_gone": (
        "原文件已经不在，或者已经改动。",
        "its original file is gone or was changed.",
    ),
    "indexing.leftovers": (
        "有 {count} 份文档是中断的写入留下的。",
        "{count:document|documents} left over from an interrupted write.",
    ),
    "indexing.vectors_extra": ("有 {count} 个向量没有片段。", "{count:vector|vectors} without a chunk."),
    "indexing.vectors_missing": ("有 {count} 个片段没有向量。", "{count:chunk|chunks} without a vector."),
    "indexing.vectors_unfindable": ("有的向量查不到。", "Vectors that no question finds."),
    "indexing.stray_collection": (
        "向量集合 {collection} 不属于任何知识库。",
        "The collection {collection} belongs to nothing.",
    ),
    "indexing.keywords_apart": (
        "关键词索引有 {known} 个片段，应有 {count} 个。",
        "The keyword index knows {known} of {count} chunks.",
    ),
    "indexing.folder_broken": ("{folder} 用不了：{why}。", "{folder} does not work: {why}."),
    "indexing.texts_apart": (
        "{source} 有片段不在保存的页面里：请移除后重新添加。",
        "Chunks of {source} are not in its stored pages: remove it and ingest it again.",
    ),
    # Moving
    "indexing.move_sides": (
        "只能从文件搬到 PostgreSQL（postgresql://…），或从 PostgreSQL（MINICPM_RAG_DATABASE）搬到文件夹；目标是 {to}。",
        "A library moves from files to PostgreSQL (postgresql://...), or from PostgreSQL (MINICPM_RAG_DATABASE) to a "
        "folder. The target is {to}.",
    ),
    "indexing.move_owned": (
        "资料库 {folder} 正被另一个进程使用。请先关闭网页和其他命令。",
        "Another process works on the library in {folder}. Stop the page and other commands first.",
    ),
    "indexing.move_jobs": (
        "资料库 {place} 还有未完成的任务。请等它们结束后再搬。",
        "The library in {place} has jobs that are not done. Move it when they are.",
    ),
    "indexing.move_not_empty": (
        "{place} 里已经有资料库。请指定一个空的数据库或新文件夹。",
        "{place} holds a library already. Name an empty database or a new folder.",
    ),
    "indexing.move_apart": (
        "搬完后表 {table} 与原来不同（原有 {was} 行，现有 {count} 行）：原资料库在中途被改过。请清空目标后重来。",
        "After the move the table {table} differs ({was} rows before, {count} now): the source was changed meanwhile. "
        "Empty the target and move again.",
    ),
    "indexing.moved_library": (
        "已搬完并逐行核对：{documents} 份文档，{chunks} 个片段。原资料库没有改动。",
        "Moved and compared row by row: {documents:document|documents}, {chunks:chunk|chunks}. The source is as it "
        "was.",
    ),
    # Import
    "indexing.no_export": ("没有文件 {file}，请检查路径。", "There is no file {file}. Check the path."),
    "indexing.bad_export": (
        "{file} 不是本程序导出的知识库，或者已损坏：{why}。请重新导出。",
        "{file} is not a knowledge base exported by this program, or it is damaged: {why}. Export it again.",
    ),
    "indexing.chunk_apart": (
        "文档“{title}”有片段不在它的页面里：文件在导出后被改过。请重新导出。",
        "A chunk of '{title}' is not in its page: the file was changed after it was exported. Export it again.",
    ),
    "indexing.export_format": (
        "{file} 的格式是 {format}，本程序最多认 {known}，请更新程序。",
        "{file} has the format {format}, this program reads up to {known}. Update it.",
    ),
    "indexing.import_name_taken": (
        "已有知识库“{name}”，请换个名称导入（--name）。",
        "There already is a knowledge base '{name}'. Import it under another name (--name).",
    ),
}
