"""What the library says: knowledge bases, conversations, the ledger's file and Chroma, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # Knowledge bases
    "library.name_taken": (
        "已有知识库“{name}”，请换个名称。",
        "There already is a knowledge base '{name}'. Choose another name.",
    ),
    "library.default_name": ("默认", "Default"),
    "library.name_of_default": (
        "网页上把知识库 {default} 叫作“{name}”，请换个名称；要用它本身，请写 {default}。",
        "'{name}' is what the page calls the knowledge base '{default}'. Choose another name, or write '{default}'.",
    ),
    "library.unusable_name": (
        "“{name}”不能作为知识库的名称，请用一行以内的 1 到 {most} 个字。",
        "'{name}' cannot name a knowledge base. Use 1 to {most} characters of any script, on one line.",
    ),
    "library.knowledge_base_deleted": ("这个知识库已经被删除。", "The knowledge base was deleted meanwhile."),
    "library.no_knowledge_base": (
        "没有名为“{name}”的知识库。{known}请先添加文档，或运行：minicpm-rag kb create '{name}'",
        "There is no knowledge base '{name}'. {known} Ingest something into it, or run: minicpm-rag kb create '{name}'",
    ),
    "library.nothing_yet": (
        "资料库里还没有任何文档。请先在网页的“资料库”里添加，或运行：minicpm-rag ingest 路径",
        "There are no documents yet. Add some in the page's Library, or run: minicpm-rag ingest PATH",
    ),
    "library.known_names": ("现有：{names:list}。", "There are: {names:list}."),
    "library.no_names": ("现在一个也没有。", "There is none yet."),
    "library.other_embedder": (
        "知识库“{name}”是用向量模型“{old}”建立的，现在设置的是“{new}”。"
        "请运行 minicpm-rag kb reindex '{name}' 重建，或把 MINICPM_RAG_EMBEDDER 改回去。",
        "Knowledge base '{name}' was indexed with the embedder '{old}', but '{new}' is set now. "
        "Run: minicpm-rag kb reindex '{name}' (or set MINICPM_RAG_EMBEDDER back).",
    ),
    "library.other_revision": (
        "知识库“{name}”是用向量模型“{old}”的另一个版本建立的。"
        "请运行 minicpm-rag kb reindex '{name}' 重建，或把 MINICPM_RAG_EMBEDDER 改回去。",
        "Knowledge base '{name}' was indexed with another revision of the embedder '{old}'. "
        "Run: minicpm-rag kb reindex '{name}' (or set MINICPM_RAG_EMBEDDER back).",
    ),
    "library.reindex_news": (
        "知识库“{name}”还在用只懂英语的 {old}。换成 {new} 之后，中文也按意思查找，中英文可以互相提问，"
        "打错字也能找到。请运行 minicpm-rag kb reindex '{name}'",
        "Knowledge base '{name}' still uses {old}, which reads English only. With {new}, Chinese is searched by "
        "meaning too, questions find passages in the other language, and typing errors matter less. "
        "Run: minicpm-rag kb reindex '{name}'",
    ),
    # Documents
    "library.no_document": (
        "资料库里没有编号为 {number} 的文档，可能已经移除。",
        "There is no document {number} in the library; it may have been removed.",
    ),
    "library.no_page": (
        "编号为 {number} 的文档没有第 {page} 页，可能已经移除。",
        "Document {number} has no stored page {page}; it may have been removed.",
    ),
    "library.pages_damaged": (
        "{source} 保存的内容已损坏（第 {pages:list} 页）。请运行 minicpm-rag doctor --check：原文件还在就能修复。",
        "What is stored of {source} is damaged (page {pages:list}). Run: minicpm-rag doctor --check, which mends it "
        "where the original file is there.",
    ),
    "library.chunks_damaged": (
        "{source} 保存的内容已损坏（{count} 个片段）。请运行 minicpm-rag doctor --check 修复。",
        "What is stored of {source} is damaged ({count:chunk|chunks}). "
        "Run: minicpm-rag doctor --check, which mends it.",
    ),
    "library.not_exported": (
        "{file} 无法写入：{why}。请换个位置。",
        "{file} cannot be written: {why}. Choose another place.",
    ),
    "library.not_restored": (
        "{file} 不能恢复：{why}。资料库没有改变；请换一个 minicpm-rag backup 写出的文件。",
        "{file} cannot be restored: {why}. The library is as it was; use a file that `minicpm-rag backup` wrote.",
    ),
    "library.backup_damaged": (
        "备份 {file} 已损坏（{name}），资料库没有改变。请换一个备份。",
        "The backup {file} is damaged ({name}); the library is as it was. Use another backup.",
    ),
    "library.backup_of_later": (
        "备份 {file} 来自更新的版本，资料库没有改变。请先升级本程序。",
        "The backup {file} is of a later version; the library is as it was. Upgrade this program first.",
    ),
    "library.backup_elsewhere": (
        "资料库在数据库里（MINICPM_RAG_DATABASE），请用 pg_dump 和 pg_restore 备份，或运行 minicpm-rag move。",
        "The library is in a database (MINICPM_RAG_DATABASE). Back it up with pg_dump and pg_restore, or run "
        "`minicpm-rag move`.",
    ),
    "library.restore_busy": (
        "{folder} 里的资料库正由另一个程序使用。请先关闭网页和其他命令，再恢复。",
        "The library in {folder} is in use. Close the page and other commands, then restore.",
    ),
    "library.originals_address": (
        "MINICPM_RAG_ORIGINALS={address} 不能使用，请写 s3://桶/文件夹，或一个文件夹。",
        "MINICPM_RAG_ORIGINALS={address} cannot be used. It looks like s3://bucket/folder, or is a folder.",
    ),
    "library.originals_not_installed": (
        "无法连接 MINICPM_RAG_ORIGINALS 指定的存储：{why}。请运行 pip install 'minicpm-rag[s3]'。",
        "The store that MINICPM_RAG_ORIGINALS names cannot be used: {why}. Run: pip install 'minicpm-rag[s3]'",
    ),
    "library.originals_failed": (
        "原文件的存储 {place} 出错：{why}。请检查它的地址和密钥，然后重试。",
        "The store of originals at {place} failed: {why}. Check its address and keys, then try again.",
    ),
    # Who may do what
    "library.may_not_write": (
        "你可以查阅知识库“{name}”，但不能改动它。请让它的管理者给你写入的权限。",
        "You may read the knowledge base '{name}', not change it. Ask one of its managers for the right to write.",
    ),
    "library.may_not_manage": (
        "你不能管理知识库“{name}”。请让它的管理者来做，或者给你管理的权限。",
        "You may not manage the knowledge base '{name}'. Ask one of its managers to do it, or for the right to manage.",
    ),
    "library.last_manager": (
        "知识库“{name}”至少要有一个管理者。请先让另一个人管理它。",
        "The knowledge base '{name}' needs somebody who manages it. Let another person manage it first.",
    ),
    "library.unusable_grantee": (
        "“{name}”不能作为用户或用户组的名称。请填写电子邮箱、用户标识或用户组名。",
        "'{name}' cannot be a user or a group. Give an e-mail address, a subject, or the name of a group.",
    ),
    "library.unknown_level": (
        "没有名为“{level}”的权限。请从中选择：{known}。",
        "There is no right called '{level}'. Choose one of: {known}.",
    ),
    "library.not_administrator": (
        "只有管理员能看这些内容（MINICPM_RAG_ADMINISTRATORS）。",
        "That is for administrators only (MINICPM_RAG_ADMINISTRATORS).",
    ),
    # Tags, folders, scopes
    "library.unusable_tag": (
        "“{name}”不能作为标签或文件夹的名称，请用 1 到 {most} 个字，不含逗号。",
        "'{name}' cannot name a tag or folder. Use 1 to {most} characters without a comma.",
    ),
    "library.nothing_named": (
        "知识库里没有叫“{name}”的文档、文件夹或标签。运行 minicpm-rag list 查看有哪些。",
        "There is no document, folder or tag called '{name}'. Run `minicpm-rag list` to see what there is.",
    ),
    # Tables
    "library.query_too_long": (
        "这个表格计算超过了 {seconds:.0f} 秒，已停止。请加上条件缩小范围。",
        "This computation over a table took more than {seconds:.0f} seconds and was stopped. Narrow the question down.",
    ),
    "library.query_refused": (
        "这个表格查询不能执行：{why}。查询是：{sql}",
        "This query of a table cannot be run: {why}. The query is: {sql}",
    ),
    "library.query_no_select": ("它不是一条 SELECT 语句", "it is not one SELECT statement"),
    "library.query_other": ("没有名为“{name}”的表", "there is no table '{name}'"),
    # Conversations
    "library.no_conversation": (
        "没有这段对话（编号 {number}），可能已经删除，请开始新的对话。",
        "There is no conversation {number}. It may have been deleted; start a new one.",
    ),
    "library.blank_title": ("请填写对话的标题。", "A conversation needs a title that is not blank. Type one."),
    # The ledger's file
    "library.home_not_made": (
        "无法建立资料文件夹 {folder}：{why}。请设置 MINICPM_RAG_HOME。",
        "The home folder {folder} cannot be made: {why}. Set MINICPM_RAG_HOME.",
    ),
    "library.later_ledger": (
        "{path} 是本程序更新的版本写的（格式 {version}，这个版本最多认 {known}）。"
        "请更新程序，或者把 MINICPM_RAG_HOME 设为新的文件夹。",
        "{path} was written by a later version of this program (schema {version}, this one reads up to {known}). "
        "Update the program, or set MINICPM_RAG_HOME to a new folder.",
    ),
    "library.ledger_busy": (
        "{path} 一直被另一个程序占用：{why}。请关闭那个程序，或稍后再试。",
        "{path} is in use by another process that does not let go: {why}. Close it, or try again later.",
    ),
    "library.ledger_full": (
        "{path} 无法写入：{why}。没有丢失任何内容；请腾出磁盘空间后再试。",
        "{path} cannot be written: {why}. Nothing was lost; make room on the disk and run it again.",
    ),
    "library.ledger_readonly": (
        "{path} 打不开，无法写入：{why}。请检查文件夹的权限。",
        "{path} cannot be opened for writing: {why}. Check the folder's rights.",
    ),
    "library.home_gone": (
        "{path} 已被删除或移走，没有写入任何内容。请重新启动本程序。",
        "{path} was deleted or moved away meanwhile, so nothing is written any more. Start the program again.",
    ),
    "library.ledger_failed": (
        "{path} 出错：{why}。请运行 minicpm-rag doctor --check。",
        "{path}: {why}. Run: minicpm-rag doctor --check",
    ),
    "library.ledger_refused": (
        "{path} 拒绝了一条记录：{why}。请运行 minicpm-rag doctor --check。",
        "{path} refused a row: {why}. Run: minicpm-rag doctor --check",
    ),
    "library.ledger_damaged": (
        "{path} 已损坏：{why}。请用备份恢复，或者移走它后重新添加文档。",
        "{path} is damaged: {why}. Restore it from a backup, or move it away and ingest again.",
    ),
    "library.not_locked": (
        "{path} 无法锁定：{why}。请检查文件夹的权限。",
        "{path} cannot be locked: {why}. Check the folder's rights.",
    ),
    "library.unusable_table": (
        "“{table}”不能作为关键词索引的名称，请用字母、数字和下划线。",
        "'{table}' is not a usable name for a keyword index. Use letters, digits and underscores.",
    ),
    # PostgreSQL
    "library.database_unreadable": (
        "数据库地址 {url} 无法解读。请把密码里的特殊字符写成百分号编码：@ 为 %40，/ 为 %2F，% 为 %25，空格为 %20。",
        "The database address {url} cannot be read. Percent-encode special characters in the password: @ is %40, / is "
        "%2F, % is %25, a space is %20.",
    ),
    "library.database_address": (
        "MINICPM_RAG_DATABASE 的值 {url} 不是数据库地址。请写成 postgresql://用户@主机/数据库，或取消它，改用自带的资料库。",
        "MINICPM_RAG_DATABASE is {url}, which is no address of a database. Write postgresql://user@host/database, "
        "or unset it to use the library's own files.",
    ),
    "library.database_and_chroma": (
        "MINICPM_RAG_DATABASE 已经保存向量，请取消 MINICPM_RAG_CHROMA_URL。",
        "MINICPM_RAG_DATABASE keeps the vectors too. Unset MINICPM_RAG_CHROMA_URL.",
    ),
    "library.no_psycopg": (
        '使用 PostgreSQL 需要 psycopg，请安装：pip install "minicpm-rag[postgres]"',
        'PostgreSQL needs psycopg. Install it: pip install "minicpm-rag[postgres]"',
    ),
    "library.database_unreachable": (
        "数据库 {place} 没有回应：{why}。没有丢失任何内容；请确认它在运行，稍后再试。",
        "The database {place} does not answer: {why}. Nothing was lost; make sure that it runs, then try again.",
    ),
    "library.database_busy": (
        "数据库 {place} 一直被占用：{why}。请稍后再试。",
        "The database {place} is kept busy by others: {why}. Try again later.",
    ),
    "library.database_full": (
        "数据库 {place} 无法写入：{why}。没有丢失任何内容；请在它的磁盘上腾出空间后再试。",
        "The database {place} cannot be written: {why}. Nothing was lost; make room on its disk and run it again.",
    ),
    "library.database_rights": (
        "数据库 {place} 不允许这样做：{why}。请让管理员给这个用户建表的权限，并执行 CREATE EXTENSION vector。",
        "The database {place} does not allow this: {why}. Ask its administrator for the right to create tables, and "
        "to run CREATE EXTENSION vector.",
    ),
    "library.no_pgvector": (
        "数据库 {place} 没有 pgvector（0.7 或更高版本）：{why}。请在数据库服务器上安装它。",
        "The database {place} lacks pgvector (0.7 or later): {why}. Install it on the database server.",
    ),
    "library.move_unfinished": (
        "资料库还没有全部搬进数据库 {place}。请再运行一次 minicpm-rag move，或换一个空的数据库。",
        "The library was not moved whole into the database {place}. Run `minicpm-rag move` again, or name an empty "
        "one.",
    ),
    "library.lease_lost": (
        "任务 {number} 已由另一个进程接手，这里的结果没有写入。",
        "Job {number} was taken over by another process, so nothing of it was written here. Nothing needs to be done.",
    ),
    # SQLite's reasons
    "library.sqlite_full": ("磁盘已满", "the disk is full"),
    "library.sqlite_io": ("磁盘读写出错", "disk I/O error"),
    "library.sqlite_locked": ("数据库被占用", "the database is locked"),
    "library.sqlite_readonly": ("数据库是只读的", "the database is read-only"),
    "library.sqlite_unopened": ("数据库文件打不开", "unable to open the database file"),
    "library.sqlite_foreign": ("这不是数据库文件", "the file is not a database"),
    "library.answer_damaged": (
        "这条问答保存的内容已损坏，读不出来了。请再问一次。",
        "What was stored of this question and its answer is damaged and cannot be read any more. Ask again.",
    ),
    "library.value_damaged": ("保存的一个值已损坏（{why}）", "a stored value is damaged ({why})"),
    "library.sqlite_malformed": ("数据库文件已损坏", "the database file is malformed"),
    # Chroma
    "library.chroma_server": (
        "Chroma 服务器 {url} 没有照做：{why}。请确认它在运行（chroma run --path 目录），"
        "或取消 MINICPM_RAG_CHROMA_URL，改用自带的资料库。",
        "The Chroma server {url} does not do what was asked: {why}. Make sure it runs (chroma run --path DIR), "
        "or unset MINICPM_RAG_CHROMA_URL to use the library's own folder.",
    ),
    "library.chroma_folder": (
        "{folder} 里的向量用不了：{why}。文档没有丢失：请确认磁盘有空间，再运行 minicpm-rag doctor --check。",
        "The vectors in {folder} cannot be used: {why}. Nothing in the ledger is lost: make sure the disk has room, "
        "then run: minicpm-rag doctor --check",
    ),
    "library.chroma_crashed": (
        "Chroma 中断了（{place}）：{why}。请运行 minicpm-rag doctor --check。",
        "Chroma broke off ({place}): {why}. Run: minicpm-rag doctor --check",
    ),
    "library.index_damaged": ("{folder} 里的索引文件已损坏：{what}", "the index files in {folder} are damaged: {what}"),
    "library.index_unknown": (
        "索引文件的格式是未知的，Chroma 也没能读取它们（{why}）",
        "the index files have a format that is not known, and Chroma could not load them ({why})",
    ),
    "library.index_cut_short": ("{file} 不完整", "{file} is cut short"),
    "library.index_header_senseless": ("header.bin 的内容讲不通", "header.bin makes no sense"),
    "library.index_sizes_senseless": ("header.bin 里的大小讲不通", "the sizes in header.bin make no sense"),
    "library.index_links_senseless": (
        "header.bin 里的连接数讲不通",
        "the numbers of links in header.bin make no sense",
    ),
    "library.index_apart": (
        "header.bin 和 index_metadata.pickle 对不上",
        "header.bin and index_metadata.pickle do not belong together",
    ),
    "library.index_element_senseless": (
        "{file} 的第 {element} 项讲不通",
        "{file} makes no sense at element {element}",
    ),
    "library.index_entry_senseless": (
        "header.bin 指定的入口不在最上层",
        "header.bin names an entry that is not on the top level",
    ),
    "library.index_astray": ("{file} 里有连接指向不存在的项", "{file} holds links to nowhere"),
    "library.not_owner": (
        "{folder} 只能由管理资料库的程序打开。请稍后再试。",
        "{folder} may only be opened by the process that owns the library. Try again later.",
    ),
}
