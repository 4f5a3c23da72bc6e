"""What the command line says, in Chinese and English: help texts, tables, progress and usage errors.

`<command>.help` is a command's help; its first paragraph is also the line in the list of commands.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "program.help": (
        "向自己的文档提问，由 MiniCPM 作答。所有内容都留在这台电脑上。",
        "Private document Q&A for MiniCPM. Nothing leaves this machine.",
    ),
    "program.lang": (
        "用中文（zh）还是英文（en）显示。默认跟随终端的语言。",
        "Speak Chinese (zh) or English (en).  [default: the shell's language]",
    ),
    "program.version": ("显示版本后退出。", "Show the version and exit."),
    "program.error": ("错误：{reason}", "error: {reason}"),
    "program.no_text": (
        "命令里有不是 UTF-8 文字的字节。请把终端的编码设为 UTF-8，再输入一次。",
        "An argument holds bytes that are no text in UTF-8. Set the terminal to UTF-8 and type it again.",
    ),
    "program.not_written": (
        "输出没有写完：{why}。请腾出空间，或改写到别处，再运行一次。",
        "Not all of the output was written: {why}. Make room, or send it elsewhere, and run it again.",
    ),
    "program.options": ("[选项]", "[OPTIONS]"),
    "program.commands": ("命令 [参数]...", "COMMAND [ARGS]..."),
    "option.kb": (
        "知识库。默认为 MINICPM_RAG_KNOWLEDGE_BASE。",
        "Knowledge base.  [default: MINICPM_RAG_KNOWLEDGE_BASE]",
    ),
    "option.json": ("输出 JSON，供程序读取。", "Print JSON for a program to read."),
    "option.in": (
        "只在这些文档里找：文件、文件夹、标签、.pdf 或 since:2026-01-31；可以写多次。",
        "Only in these documents: a file, folder, tag, .pdf or since:2026-01-31; may be given several times.",
    ),
    "option.blank": ("名称是空的（变量没有赋值？）。", "The name is blank (a variable that is not set?)."),
    # page
    "page.help": (
        "打开网页界面。\n\n只有这台电脑能访问；按 Ctrl-C 结束。",
        "Open the page.\n\nOnly this machine can reach it; Ctrl-C ends it.",
    ),
    "page.port": ("端口。", "Port."),
    "page.no_browser": ("不自动打开浏览器。", "Do not open a browser."),
    "page.window": (
        "在单独的窗口里打开，关闭窗口即结束（需要 `pip install 'minicpm-rag[window]'`）。",
        "Open it in a window of its own; closing that ends it (needs `pip install 'minicpm-rag[window]'`).",
    ),
    "desktop.help": ("把网页界面加进桌面的程序列表（Linux）。", "Add the page to the desktop's programs (Linux)."),
    "desktop.install": (
        "写入桌面入口和图标。\n\n装有 pywebview 时以单独的窗口打开。",
        "Write an entry and an icon.\n\nWith pywebview installed, it opens a window of its own.",
    ),
    "desktop.remove": ("删除桌面入口和图标。", "Delete the entry and the icon."),
    "page.starting": (
        "正在启动网页：http://127.0.0.1:{port}（按 Ctrl-C 结束）",
        "Starting the page at http://127.0.0.1:{port} (Ctrl-C ends it)",
    ),
    # serve, mcp
    "serve.help": (
        "为其他程序提供服务：OpenAI 兼容接口和 REST。\n\n"
        "只有这台电脑能访问，并且需要令牌；可以与网页同时运行。地址列表见 /docs。",
        "Serve other programs: an OpenAI-compatible API and REST.\n\n"
        "Only this machine can reach it, and a token is needed; it runs beside the page. /docs lists the addresses.",
    ),
    "mcp.help": (
        "让 Claude Desktop、Cursor、VS Code 等 MCP 客户端使用资料。\n\n"
        "默认经标准输入输出，由客户端启动；--http 则作为服务运行。",
        "Let MCP clients (Claude Desktop, Cursor, VS Code) use the documents.\n\n"
        "Over stdin and stdout, started by the client; with --http as a server.",
    ),
    "mcp.http": ("作为 HTTP 服务运行，地址为 /mcp。", "Run as an HTTP server, at /mcp."),
    "serve.port": ("端口。", "Port."),
    "serve.token": (
        "令牌。默认每次启动新造一个；也可设 MINICPM_RAG_API_TOKEN。",
        "Token.  [default: MINICPM_RAG_API_TOKEN, or a new one at each start]",
    ),
    "serve.no_token": (
        "不要令牌：这台电脑上的任何程序都能读到资料。",
        "No token: any program of this machine may read the documents.",
    ),
    "serve.rate": ("每个客户端每分钟最多多少次请求。", "Most requests of a client in a minute."),
    "serve.base_path": ("反向代理的路径前缀，如 /rag。", "Path before all addresses at a reverse proxy, such as /rag."),
    "serve.starting": (
        "服务地址：http://127.0.0.1:{port}（OpenAI 兼容：/v1，地址列表：/docs；按 Ctrl-C 结束）",
        "Serving at http://127.0.0.1:{port} (OpenAI-compatible: /v1, addresses: /docs; Ctrl-C ends it)",
    ),
    "serve.new_token": ("令牌：{token}", "Token: {token}"),
    "serve.open": (
        "没有令牌：这台电脑上的任何程序都能读到资料。",
        "No token: any program of this machine may read the documents.",
    ),
    # ingest, list, remove
    "ingest.help": (
        "把文件、文件夹和网页收进知识库。\n\n没有变化的文件不会重复处理；有变化的文件替换旧版本。\n\n"
        "退出码：有些文件读不出来为 3，全部读不出来为 1。",
        "Bring files, folders and web pages into a knowledge base.\n\n"
        "Files that are there already, unchanged, cost nothing; a changed file replaces its old version.\n\n"
        "The exit code is 3 where some files could not be read, and 1 where none could.",
    ),
    "ingest.sync": (
        "同时移除已经不在所给文件夹里的文档。",
        "Also remove documents whose files have left the named folders.",
    ),
    "ingest.watch": (
        "持续运行，文件有变化就重新收录。",
        "Keep running, and ingest again whenever something there changes.",
    ),
    "ingest.password": (
        "打开加密文件的密码，用过即忘；写 - 则会询问。",
        "Opens encrypted files and is not kept; - asks for it.",
    ),
    "ingest.ask_password": ("密码", "Password"),
    "ingest.no_watching": ("网址不能用 --watch 监视。", "Web addresses cannot be watched."),
    "ingest.watching": ("正在监视文件变化，按 Ctrl-C 结束。", "Watching; Ctrl-C ends it."),
    "remove.help": (
        "按标题、路径、网址或文件夹移除文档。\n\n写法与 list 显示的相同；给出文件夹则移除其中所有文档。",
        "Remove documents by title, path, address or folder.\n\nName them as `list` shows them.",
    ),
    "list.help": (
        "列出知识库里的文档。\n\n读不出来的文件也在其中，并注明原因。",
        "List the documents of a knowledge base.\n\nFiles that could not be read are listed too, with the reason.",
    ),
    "list.empty": (
        "里面还没有文档。先运行：minicpm-rag ingest 路径",
        "Nothing is in it yet. Run: minicpm-rag ingest PATH",
    ),
    "tag.help": (
        "给文档加标签，或放进资料库的文件夹。\n\n之后可以用 ask --in 只在它们里面找。",
        "Tag documents, or put them into a folder of the library.\n\nThen `ask --in` can be held to them.",
    ),
    "tag.add": ("要加的标签；可以写多次。", "Tag to give; may be given several times."),
    "tag.drop": ("要去掉的标签；可以写多次。", "Tag to take away; may be given several times."),
    "tag.folder": ("要放进的文件夹；写 '' 放回文件原来的位置。", "Folder to put them into; '' puts them back."),
    "tag.nothing": (
        "没有要做的事。请加上 --add、--drop 或 --folder。",
        "There is nothing to do. Add --add, --drop or --folder.",
    ),
    "tag.done": ("已更新 {count} 个文档。", "{count:document|documents} updated."),
    "status.ready": ("可用", "ready"),
    "status.failed": ("未能收录：{reason}", "failed: {reason}"),
    "column.title": ("标题", "Title"),
    "column.status": ("状态", "Status"),
    "column.pages": ("页数", "Pages"),
    "column.chunks": ("片段", "Chunks"),
    "column.size": ("大小", "Size"),
    "column.indexed": ("收录日期", "Indexed"),
    "column.tags": ("标签", "Tags"),
    "column.source": ("来源", "Source"),
    "column.name": ("名称", "Name"),
    "column.documents": ("文档", "Documents"),
    "column.embedder": ("向量模型", "Embedder"),
    # A job of the worker
    "job.finishing": (
        "正在停止：读到一半的文件会先处理完；再按一次 Ctrl-C 立即中断。",
        "Stopping; a file that is being read is finished first. Press Ctrl-C again to stop at once.",
    ),
    "embedder.preparing": ("正在准备向量模型（只需一次）", "Preparing the embedding model, once"),
    "job.elsewhere": (
        "资料库由另一个进程（例如网页）管理，由它来处理。",
        "Another process (the page, say) owns the library and does the work.",
    ),
    "job.stopped_early": (
        "还没有开始处理文件就停止了。再次运行同一命令即可。",
        "Stopped before the first file. Run the same command again to go on.",
    ),
    "job.stopped": (
        "在 {files} 个文件中处理了 {done} 个后停止，已完成的都会保留。再次运行同一命令即可继续。",
        "Stopped after {done} of {files:file|files}; what is done is kept. Run the same command again to go on.",
    ),
    "job.file": ("{status}：{source}", "{status}: {source}"),
    "job.file_because": ("{status}：{source}：{reason}", "{status}: {source}: {reason}"),
    "job.count": ("{files} 个文件：{counts:list}", "{files:file|files}: {counts:list}"),
    "job.nothing": ("0 个文件：无需处理", "0 files: nothing to do"),
    "job.chunks": ("（{chunks} 个片段）", " ({chunks:chunk|chunks})"),
    "job.time_left": ("{stage} 剩余 {time}", "{stage} {time} left"),
    "job.long": ("{name}：大约需要 {minutes} 分钟。", "{name}: about {minutes:minute|minutes}."),
    "stage.queued": ("排队", "queued"),
    "stage.reading": ("阅读", "reading"),
    "stage.embedding": ("计算向量", "embedding"),
    "stage.writing": ("写入", "writing"),
    "stage.done": ("完成", "done"),
    "verdict.indexed": ("已收录", "indexed"),
    "verdict.unchanged": ("没有变化", "unchanged"),
    "verdict.replaced": ("已更新", "replaced"),
    "verdict.duplicate": ("内容重复", "duplicate"),
    "verdict.moved": ("已移动", "moved"),
    "verdict.skipped": ("已跳过", "skipped"),
    "verdict.failed": ("未能收录", "failed"),
    "verdict.removed": ("已移除", "removed"),
    "count.indexed": ("收录 {count} 个", "{count} indexed"),
    "count.unchanged": ("没有变化 {count} 个", "{count} unchanged"),
    "count.replaced": ("更新 {count} 个", "{count} replaced"),
    "count.duplicate": ("内容重复 {count} 个", "{count} duplicate"),
    "count.moved": ("移动 {count} 个", "{count} moved"),
    "count.skipped": ("跳过 {count} 个", "{count} skipped"),
    "count.failed": ("未能收录 {count} 个", "{count} failed"),
    "count.removed": ("移除 {count} 个", "{count} removed"),
    # kb
    "kb.help": (
        "新建、列出、改名、删除、导出、导入知识库，重建索引。",
        "Make, list, rename, delete, export, import, reindex.",
    ),
    "kb.list.help": ("列出所有知识库。", "List the knowledge bases."),
    "kb.none": ("还没有知识库。先运行：minicpm-rag ingest 路径", "There is none yet. Run: minicpm-rag ingest PATH"),
    "kb.create.help": (
        "新建一个空的知识库。\n\n名称可用任何文字。",
        "Make an empty knowledge base.\n\nIts name may be in any script.",
    ),
    "kb.created": ("已新建 {name}", "Made {name}"),
    "kb.rename.help": ("给知识库改名。", "Give a knowledge base another name."),
    "kb.renamed": ("已将 {name} 改名为 {new_name}", "Renamed {name} to {new_name}"),
    "kb.delete.help": (
        "删除知识库和其中的所有内容。\n\n原来的文件不受影响。",
        "Delete a knowledge base with everything in it.\n\nThe files it was made from stay where they are.",
    ),
    "kb.delete.yes": ("确实要删除。", "Really delete it."),
    "kb.delete.unsure": (
        "“{name}”里有 {documents} 份文档。确定删除请加上 --yes。",
        "'{name}' holds {documents:document|documents}. To delete it, add --yes.",
    ),
    "kb.deleted": ("已删除 {name}（{documents} 份文档）", "Deleted {name} ({documents:document|documents})"),
    "kb.export.help": (
        "把知识库写成一个 zip 文件 FILE。\n\n含文字、片段和向量，不含原始文件。",
        "Write a knowledge base into the zip file FILE.\n\nIt holds texts, chunks and vectors, but no original files.",
    ),
    "kb.import.help": ("读入 kb export 写出的知识库。", "Read a knowledge base that `kb export` wrote."),
    "kb.import.name": ("换一个名称导入。", "Another name than it was exported with."),
    "backup.help": (
        "把整个资料库写成一个文件 FILE。\n\n"
        "含文字、向量、对话和上传的原文件，不含按路径导入的文件。网页运行时也可以备份。",
        "Write the whole library into one file.\n\nIt holds texts, vectors, conversations and uploaded originals, "
        "not the files that were ingested by path. The page may run meanwhile.",
    ),
    "backup.working": ("正在备份", "Backing up"),
    "backup.done": (
        "已备份到 {file}：{originals:,} 个原文件，共 {size:bytes}",
        "Backed up into {file}: {originals:original|originals}, {size:bytes}",
    ),
    "restore.help": (
        "用备份 FILE 替换整个资料库。\n\n先检查备份是否完整，再替换；请先关闭网页。",
        "Put a backup in place of the whole library.\n\nThe file is checked as a whole before anything is replaced. "
        "Close the page first.",
    ),
    "restore.yes": ("不再询问。", "Do not ask."),
    "restore.unsure": (
        "{home} 里的资料库会被备份取代。如果确定，请加上 --yes。",
        "The library in {home} would be replaced by the backup. If you are sure, add --yes.",
    ),
    "restore.working": ("正在恢复", "Restoring"),
    "restore.done": (
        "已恢复 {made_at} 的备份：{originals:,} 个原文件，共 {size:bytes}",
        "Restored the backup of {made_at}: {originals:original|originals}, {size:bytes}",
    ),
    "move.help": (
        "把整个资料库复制到 PostgreSQL 数据库，或从那里复制回文件夹。\n\n"
        "中断后再运行一次会接着做；最后逐行核对。原资料库不变。",
        "Copy the whole library into a PostgreSQL database, or from there into a folder.\n\n"
        "Broken off, it goes on when run again. In the end all rows are compared. The source stays as it is.",
    ),
    "move.to": (
        "空数据库的地址 postgresql://…，或新文件夹。",
        "Address of an empty database, postgresql://..., or a new folder.",
    ),
    "move.progress": ("{table}：{rows} 行", "{table}: {rows:row|rows}"),
    "kb.share.help": (
        "查看或改变谁可以使用知识库 NAME（网页设有登录时）。\n\n"
        "WHO 是 everyone、user:电子邮箱 或 group:用户组，LEVEL 是 none、read、write 或 manage。",
        "Show or change who may use the knowledge base NAME, where the page has a login.\n\n"
        "WHO is everyone, user:E-MAIL or group:NAME.",
    ),
    "kb.share.usage": (
        "请写 everyone、user:电子邮箱 或 group:用户组，再写 none、read、write 或 manage。",
        "Give everyone, user:E-MAIL or group:NAME, and then none, read, write or manage.",
    ),
    "people.help": (
        "登录过的用户、他们做过什么、代表他们的令牌。",
        "Users who signed in, what they did, tokens that act for them.",
    ),
    "people.list.help": ("列出登录过的用户。", "List the users who have signed in."),
    "people.audit.help": (
        "列出谁在何时上传、移除、共享和登录，最近的在前。",
        "List who uploaded, removed, shared and signed in, the last first.",
    ),
    "people.audit.limit": ("最多多少行。", "At most so many lines."),
    "people.token.help": (
        "为 HTTP API 生成一个令牌，只能做用户 USER（电子邮箱）可以做的事。\n\n令牌只显示这一次。",
        "Make a token for the HTTP API that may do what the user USER (e-mail address) may.\n\nIt is shown only now.",
    ),
    "people.end_tokens.help": ("使用户 USER 的所有令牌失效。", "End all tokens of the user USER."),
    "people.ended": ("{user} 的 {count} 个令牌已失效", "Ended {count:token|tokens} of {user}"),
    "column.user": ("用户", "User"),
    "column.groups": ("用户组", "Groups"),
    "column.at": ("时间", "Time"),
    "column.action": ("操作", "Action"),
    "column.knowledge_base": ("知识库", "Knowledge base"),
    "column.detail": ("细节", "Detail"),
    "column.who": ("谁", "Who"),
    "column.level": ("可以", "May"),
    "kb.reindex.help": (
        "用现在设置的向量模型重建索引。\n\n新索引建好之前，旧索引照常使用。",
        "Build the index again with the embedder that is set now.\n\nThe old index answers until the new one is whole.",
    ),
    # models, download, convert, doctor
    "test_server.help": (
        "测试 OpenAI 兼容的模型服务。\n\n列出它的模型，并量出首个词元用的时间。默认测试 MINICPM_RAG_LLM_URL。",
        "Test an OpenAI-compatible model server.\n\n"
        "Lists its models and times the first token. Without an address, MINICPM_RAG_LLM_URL is tested.",
    ),
    "test_server.model": (
        "要问的模型。默认为 MINICPM_RAG_LLM_MODEL。",
        "Model to ask.  [default: MINICPM_RAG_LLM_MODEL]",
    ),
    "test_server.no_address": (
        "没有服务地址。请写出地址，或设置 MINICPM_RAG_LLM_URL。",
        "No server is named. Give its address, or set MINICPM_RAG_LLM_URL.",
    ),
    "test_server.models": ("服务上的模型：{models:list}", "Models there: {models:list}"),
    "test_server.answers": (
        "{model} 在 {seconds:.1f} 秒后开始回答，上下文 {tokens:,} 个词元。",
        "{model} began to answer after {seconds:.1f} s, with a context of {tokens:,} tokens.",
    ),
    "models.help": (
        "列出语言模型：大小、这台电脑能否运行、是否已下载。",
        "List the models: sizes, what fits this machine, what is here.",
    ),
    "models.legend": (
        "内存按 bfloat16、4096 个词元的上下文计算。~ 表示估计值，* 表示适合这台电脑；"
        "答一题：在处理器上读 1,000 个词元的资料、写 128 个：",
        "Memory: bfloat16 with a 4,096-token context. ~ marks estimates, * what suits this machine. "
        "Question: 1,000 tokens of passages read and 128 written, on the processor:",
    ),
    "models.about": ("{name}：{words}", "{name}: {words}"),
    "column.kind": ("用途", "For"),
    "column.parameters": ("参数", "Parameters"),
    "column.context": ("上下文", "Context"),
    "column.download": ("下载", "Download"),
    "column.memory": ("内存", "Memory"),
    "column.float32": ("float32 内存", "in float32"),
    "column.fits": ("适合", "Fits"),
    "column.question": ("答一题约", "Question"),
    "column.here": ("本机", "Here"),
    "column.modelscope": ("ModelScope 编号", "ModelScope id"),
    "kind.chat": ("问答", "chat"),
    "kind.embedding": ("向量", "embedding"),
    "kind.rerank": ("重排", "rerank"),
    "fits.GPU": ("GPU", "GPU"),
    "fits.processor": ("处理器", "processor"),
    "fits.no": ("不能", "no"),
    "here.yes": ("有", "yes"),
    "here.incomplete": ("不全", "incomplete"),
    "models.better": ("更快或更好：{words}", "Quicker or better: {words}"),
    "download.help": (
        "从 ModelScope 下载模型；中断后再运行会接着下载。\n\n"
        "NAME 是 models 列出的名称，或任意 ModelScope 编号（所有者/名称）。",
        "Fetch a model from ModelScope; run again, it goes on.\n\n"
        "NAME is one of the names that `models` lists, or any ModelScope id (owner/name).",
    ),
    "download.recommended": ("下载适合这台电脑的一套模型。", "Fetch the set that suits this machine."),
    "download.revision": ("ModelScope 上的分支、标签或提交。", "Branch, tag or commit on ModelScope."),
    "download.file": (
        "GGUF 模型库中要下载的文件：文件名，或 Q4_K_M、Q8_0 等格式；不写则按内存选择。",
        "Which file of a GGUF repository: its name, or a format such as Q4_K_M or Q8_0; by memory where none is named.",
    ),
    "download.files": (
        "只列出 GGUF 模型库里的文件和大小。",
        "Only list the files of a GGUF repository, with their sizes.",
    ),
    "download.which_file": (
        "--file 和 --files 要与模型名一起使用。",
        "--file and --files go with the name of a model.",
    ),
    "download.no_gguf": ("{id} 里没有 GGUF 文件。", "{id} has no GGUF files of its own."),
    "download.dir": ("存放文件的文件夹。", "Folder to put the files into."),
    "download.which": (
        "请给出一个 NAME（可加 --dir），或者用 --recommended，二者选一。",
        "Give either a NAME (and perhaps --dir) or --recommended.",
    ),
    "download.none_fits": (
        "没有适合这台电脑的模型；回答由文档原句组成。",
        "No model fits this machine; answers are sentences quoted from the documents.",
    ),
    "download.use": ("要使用它，请设置 {setting}", "To use it, set {setting}"),
    "download.progress": (
        "{name}：{percent} %，共 {size:bytes}，每秒 {speed:bytes}",
        "{name}: {percent} % of {size:bytes}, {speed:bytes}/s",
    ),
    "convert.help": (
        "另写一份加载更快的模型文件。\n\n把模型文件夹 FOLDER 以 bfloat16 的 safetensors 格式写到 TARGET。",
        "Write a copy of a checkpoint that loads faster.\n\n"
        "TARGET receives the checkpoint FOLDER as safetensors in bfloat16.",
    ),
    "doctor.help": (
        "检查装了什么、由什么作答、缺少什么。\n\n有问题时退出码为 1。",
        "Say what is installed, what answers, and what is missing.\n\nThe exit code is 1 if something is wrong.",
    ),
    "doctor.check": (
        "同时检查资料库，修复中断造成的问题。",
        "Also check the library and repair what an interruption left.",
    ),
    # ask, search
    "ask.help": (
        "根据文档回答问题，并注明出处。",
        "Answer QUESTION from the documents, with citations.",
    ),
    "ask.anyway": ("证据低于阈值时也作答。", "Answer even where the evidence is under the threshold."),
    "ask.blank": ("问题是空的。", "The question is blank."),
    "ask.empty": (
        "知识库“{name}”里还没有文档。先运行：minicpm-rag ingest 文件",
        'There are no documents in "{name}" yet. Run first: minicpm-rag ingest PATH',
    ),
    "ask.agent": (
        "分步回答：模型自己查找、读页、计算表格（需要会调用工具的模型）。",
        "Answer in steps: the model searches, reads pages and computes tables (it must be able to call tools).",
    ),
    "ask.step": ("{name}（{arguments}）", "{name}({arguments})"),
    "ask.no_model": (
        "无模型模式：回答由原文句子组成。`minicpm-rag models` 列出 MiniCPM 模型，`minicpm-rag download` 下载。",
        "No-model mode: the answer is made of quoted sentences. `minicpm-rag models` lists "
        "MiniCPM models, `minicpm-rag download` fetches one.",
    ),
    "ask.rewritten": ("按此问题检索：{question}", "Searched for: {question}"),
    "ask.waiting": (
        "排队中，排在第 {position} 位……",
        "Waiting for the model, position {position}...",
    ),
    "ask.citations": ("引用：", "Citations:"),
    "ask.unsupported": (
        "有 {count} 句话在资料中找不到依据：",
        "{count:sentence has|sentences have} no support in the documents:",
    ),
    "ask.refused": (
        "证据 {evidence:.0%}，低于阈值 {threshold:.0%}。加上 --anyway 仍然作答。",
        "Evidence {evidence:.0%}, under the threshold of {threshold:.0%}. Add --anyway to answer all the same.",
    ),
    "ask.nearest": ("最接近的段落：", "Nearest passages:"),
    # summarize, compare, table
    "summarize.help": (
        "按章节总结文档，每句话都注明出处。\n\n没有模型时，列出各部分最有代表性的原句。",
        "Summarize documents by their sections, each sentence cited.\n\n"
        "Without a model these are the most central sentences of each section.",
    ),
    "summarize.question": ("总结一下这份文档", "Summarize this document"),
    "compare.help": (
        "逐句比较两份文档，不同之处在前。",
        "Compare two documents sentence by sentence, what differs first.",
    ),
    "compare.question": ("比较这两份文档", "Compare these two documents"),
    "table.help": (
        "列出文档里的表格；给出问题时在表格上计算。",
        "List the tables in the documents; with a QUESTION, compute over them.",
    ),
    "table.none": ("文档里没有表格。", "There is no table in the documents."),
    "table.not_understood": (
        "没有看懂要在表格上算什么，下面按文字内容回答。",
        "What is to be computed was not understood; the answer below is from the text.",
    ),
    "column.sheet": ("工作表", "Sheet"),
    "column.rows": ("行数", "Rows"),
    "column.columns": ("列", "Columns"),
    "kind.text": ("文字", "text"),
    "kind.number": ("数字", "number"),
    "kind.date": ("日期", "date"),
    "kind.year": ("年份", "year"),
    "kind.quarter": ("季度", "quarter"),
    "kind.month": ("月份", "month"),
    "search.help": (
        "列出为问题找到的段落及得分，不调用模型。",
        "Show the passages found for QUESTION, with their scores; no model is asked.",
    ),
    "search.limit": (
        "显示几段。默认为 MINICPM_RAG_PASSAGES。",
        "Passages to show.  [default: MINICPM_RAG_PASSAGES]",
    ),
    "search.explain": (
        "同时说明每一段为何排在那里。",
        "Also show why each passage stands where it does.",
    ),
    "search.evidence": (
        "证据 {evidence:.2f}，阈值 {threshold:.2f}",
        "evidence {evidence:.2f}, threshold {threshold:.2f}",
    ),
    "search.dense_weight": ("向量检索的权重：{weight:.2f}", "weight of the embedding search: {weight:.2f}"),
    "column.score": ("得分", "Score"),
    "column.keyword": ("关键词", "Keyword"),
    "column.dense": ("向量", "Dense"),
    "column.words": ("逐词", "Words"),
    "column.fate": ("结果", "Became"),
    "column.place": ("位置", "Place"),
    "column.text": ("文字", "Text"),
    # eval
    "eval.help": (
        "衡量找得准不准、该拒答时拒答没有、引用对不对。\n\n"
        'QUESTIONS 的每一行形如 {{"question": "...", "file": "manual.pdf", "page": 3}}；'
        "没有 file 的问题应当被拒答。"
        '可加 "answers"（有一个即可）、"facts"（都要有）、"kind"（如 table、summary、parts，分类统计）'
        '和 "in"（限定范围）。'
        "不给 QUESTIONS 时，拿文档自己的句子去找。",
        "Measure what is found, refused and rightly cited.\n\n"
        'A line of QUESTIONS is {{"question": "...", "file": "manual.pdf", "page": 3}}; one without a file must be '
        'refused. "answers" (one of them), "facts" (all of them), "kind" (counted apart: table, summary, parts) and '
        '"in" (a scope) may be added. '
        "With no QUESTIONS, sentences of the documents themselves are looked for.",
    ),
    "eval.count": (
        "从 QUESTIONS 中抽取多少个问题；或用文档自己的多少个句子去找（默认 200），或起草多少个问题（默认 30）。",
        "Questions to take of QUESTIONS [all], own sentences to ask for [200], or questions to make [30].",
    ),
    "eval.typed": (
        "像人们输入的那样提问：带一处打字错误，或带客套话。",
        "Ask as people type: with one typing error, or with polite words.",
    ),
    "eval.make_questions": ("让模型起草问题，写进这个文件。", "Have the model draft questions into this file."),
    "eval.praised": (
        "把网页上得到好评的回答写成问题集，存进这个文件。",
        "Write the answers that were rated good on the page as questions into this file.",
    ),
    "eval.praised_written": ("已把 {count:,} 个问题写进 {file}。", "Wrote {count:question|questions} to {file}."),
    "eval.calibrate": (
        "在这里测量向量模型，把结果与索引一起保存。",
        "Measure the embedder here and keep the result beside the index.",
    ),
    "eval.min_recall": ("recall@5 低于此值时以 1 退出。", "Exit with 1 where recall@5 is lower."),
    "eval.compare": (
        "以前 --json 的输出；任何一项变差 1 % 时以 1 退出。",
        "Earlier --json output; exit with 1 where a rate got worse by 1 %.",
    ),
    "eval.passages": (
        "由段落组成的 JSON Lines，放进单独的资料库。",
        "JSON Lines of passages for a library of their own.",
    ),
    "eval.absent": ("其中有多大比例的标题不放进去。", "Share of those titles to leave out."),
    "eval.answers": (
        "同时回答每个问题，并检查答案。",
        "Also let every question be answered, and check the answers.",
    ),
    "eval.asking": ("检索", "Asking"),
    "eval.answering": ("回答", "Answering"),
    "eval.ingesting": ("收录", "Ingesting"),
    "eval.drafting": ("起草", "Drafting"),
    "eval.abilities_only": (
        "已测量向量模型能读什么。设定阈值需要真实的问题：请给出问题文件。",
        "Measured what the embedder reads. The threshold needs real questions: name a file of them.",
    ),
    "eval.draft_exists": (
        "{file} 已经存在。请为 --make-questions 换一个新文件名。",
        "{file} is there already. Name a new file for --make-questions.",
    ),
    "eval.drafted": (
        "起草的 {shown} 个问题中有 {good} 个可用，已写入 {file}；请先看一遍。",
        "{good} questions of {shown} drafted are in {file}; read them first.",
    ),
    "eval.none_drafted": (
        "起草的 {shown} 个问题中没有可用的。",
        "{good} questions of {shown} drafted were of use.",
    ),
    "eval.no_baseline": (
        "{file} 不是 `eval --json` 的输出：{reason}",
        "{file} is not what `eval --json` printed: {reason}",
    ),
    "eval.worse": ("{name} 从 {before:.3f} 变为 {now:.3f}", "{name} was {before:.3f} and is {now:.3f}"),
    "eval.kind_refused": ("{kind} 拒答", "{kind} refused"),
    "eval.kind_right": ("{kind} 答对", "{kind} right"),
    "eval.share_of": ("{count} 个中的 {share:.3f}", "{share:.3f} of {count}"),
    "eval.of_answers": ("答案：{measure}", "answers: {measure}"),
    "column.measure": ("指标", "Measure"),
    "column.value": ("数值", "Value"),
    # bench
    "bench.help": (
        "测量模型的速度和读取文件的质量。",
        "Measure how fast models decode here, and how well files are read.",
    ),
    "bench.loaders": (
        "读取文件夹里的所有文件，测量失败、文字是否齐全、顺序和结构。PDF 对照 pdftotext，Office 文件对照 XML，"
        "结构对照同名的 Markdown。",
        "Read all files of a folder: what fails, how complete the text is and in which order. PDF is compared with "
        "pdftotext, Office files with their XML, structure with Markdown of the same name.",
    ),
    "bench.ocr": ("扫描页也用文字识别读取。", "Read scans by text recognition, too."),
    "bench.column_format": ("格式", "format"),
    "bench.column_files": ("文件", "files"),
    "bench.column_read": ("已读", "read"),
    "bench.column_refused": ("拒绝", "refused"),
    "bench.column_crashed": ("崩溃", "crashed"),
    "bench.column_hung": ("超时", "hung"),
    "bench.column_recall": ("文字（中位/一成）", "recall (median / p10)"),
    "bench.column_order": ("顺序（中位/一成）", "order (median / p10)"),
    "bench.column_headings": ("标题", "headings"),
    "bench.column_rows": ("表格行", "table rows"),
    "bench.column_speed": ("页速，与 pypdfium2 之比", "pages, share of pypdfium2"),
    "bench.worst": ("{format}：{name} {share}", "{format}: {name} {share}"),
    "bench.page": (
        "测量网页：打开资料库不动时占用的处理器，同时收录许多小文件要多久，以及打开资料库、提问、停止和五人同时提问要等多久。\n\n"
        "需要 playwright 和 Chromium。",
        "Measure the page: what an idle Library view costs, how long many small files take beside it, and how long one "
        "waits for the Library, for a question to show, for Stop, and for five people who ask at once.\n\n"
        "Needs playwright and Chromium.",
    ),
    "bench.page_files": ("文件数。", "Number of files."),
    "bench.page_idle": ("观察空闲视图的秒数。", "Seconds for which the idle view is watched."),
    "bench.page_idle_share": ("空闲的资料库视图：{share:.2%} 个核", "Idle Library view: {share:.2%} of a core"),
    "bench.page_ingest": (
        "旁边收录 {files} 个小文件：{seconds:.0f} 秒，服务进程用处理器 {cpu:.0f} 秒",
        "{files} small files beside it: {seconds:.0f} s, {cpu:.0f} s of processor time in the server",
    ),
    "bench.page_library": (
        "打开有 {files} 份文档的资料库：{seconds:.2f} 秒",
        "The Library with {files} documents stands after {seconds:.2f} s",
    ),
    "bench.page_asking": (
        "提问后 {feedback:.2f} 秒看到问题；停止用 {stop:.2f} 秒",
        "A question shows after {feedback:.2f} s; Stop takes {stop:.2f} s",
    ),
    "bench.page_people": (
        "{people} 人同时提问：{seconds:.1f} 秒后人人看到回答的开头",
        "{people} people asking at once: each sees first words after {seconds:.1f} s",
    ),
    "bench.search": (
        "测量大型资料库：打开要多久、两种语言的提问要多久、占多少内存。\n\n"
        "文本和向量是编造的，账本、Chroma 和检索是真的；不含嵌入问题的时间。",
        "Measure a large library: how long it takes to open and to search in two languages, and its memory.\n\n"
        "Texts and vectors are made up; ledger, Chroma and retriever are real. Embedding the question is left out.",
    ),
    "bench.search_chunks": ("资料库的片段数。", "Chunks in the library."),
    "bench.search_questions": ("每种语言的提问数。", "Questions in each language."),
    "bench.search_home": (
        "保留编造的资料库的文件夹；下次不必重建。",
        "A folder that keeps the made library, so that the next run need not build it.",
    ),
    "bench.search_database": (
        "把资料库建在这个空的 PostgreSQL 数据库里（postgresql://…）。",
        "Make the library in this empty PostgreSQL database (postgresql://...).",
    ),
    "bench.search_not_made": (
        "{folder} 是别的资料库。请用一个新文件夹。",
        "{folder} holds another library. Name a new folder.",
    ),
    "bench.search_building": ("正在建库", "Building"),
    "bench.search_build": (
        "建立 {chunks} 个片段：{seconds:.0f} 秒，占磁盘 {size}",
        "{chunks} chunks made: {seconds:.0f} s, {size} on disk",
    ),
    "bench.search_opening": (
        "打开到首次检索：{milliseconds:.0f} 毫秒（处理器 {cpu:.0f} 毫秒）",
        "Opened and searched once: {milliseconds:.0f} ms ({cpu:.0f} ms of processors)",
    ),
    "bench.asked_zh": (
        "中文检索：中位 {median:.0f} 毫秒，95% 不超过 {tail:.0f} 毫秒（处理器 {cpu:.0f} 毫秒）",
        "Chinese searches: median {median:.0f} ms, 95 % within {tail:.0f} ms ({cpu:.0f} ms of processors)",
    ),
    "bench.asked_en": (
        "英文检索：中位 {median:.0f} 毫秒，95% 不超过 {tail:.0f} 毫秒（处理器 {cpu:.0f} 毫秒）",
        "English searches: median {median:.0f} ms, 95 % within {tail:.0f} ms ({cpu:.0f} ms of processors)",
    ),
    "bench.search_memory": ("内存：{size}", "Memory: {size}"),
    "bench.rerun": (
        "测量网页重画一次时程序自己的工作，资料库里有许多文件；Streamlit 自己的份额不算。\n\n"
        "文件是编造的，每个一个片段；时间是处理器时间。",
        "Measure our own work in a rerun of the page, with many documents in the library; Streamlit's share is left "
        "out.\n\nThe documents are made up, of one chunk each. Times are processor times.",
    ),
    "bench.rerun_documents": ("文件数。", "Number of documents."),
    "bench.rerun_runs": ("每个画面重画的次数。", "Reruns of each scene."),
    "bench.column_scene": ("画面", "scene"),
    "bench.column_own": ("自己（中位）", "own (median)"),
    "bench.column_worst": ("自己（最长）", "own (longest)"),
    "bench.column_whole": ("连 Streamlit", "with Streamlit"),
    "bench.start": (
        "测量从命令行冷启动的代价：`--help`，以及收录 DOCUMENTS 之后的检索；"
        "旁边是 Python 自己的启动和载入 sentence-transformers。",
        "Measure what a command costs from a shell: `--help`, and a search once DOCUMENTS are read; beside Python's "
        "own start and loading sentence-transformers.",
    ),
    "bench.runs": ("每个命令运行的次数。", "Runs of each command."),
    "bench.column_command": ("命令", "command"),
    "bench.column_seconds": ("秒", "seconds"),
    "bench.column_cpu_seconds": ("CPU 秒", "CPU seconds"),
    "bench.embedding": (
        "测量计算向量的速度，旁边是 onnxruntime 自己对同样形状的做法：用它自己的工具量化到 8 位，"
        "一次一段或几段文字，一个或全部线程。",
        "Measure embedding beside what onnxruntime makes of the same shape by itself: quantized to 8 bits by its own "
        "tool, one text a run or several, on one thread or on all.",
    ),
    "bench.embedding_texts": ("文字段数，每段 350 字。", "Texts, of 350 characters each."),
    "bench.embedding_ours": ("本程序", "ours"),
    "bench.column_threads": ("线程", "threads"),
    "bench.column_together": ("一次几段", "texts a run"),
    "bench.column_text_ms": ("毫秒/段", "ms a text"),
    "bench.column_text_cpu_ms": ("CPU 毫秒/段", "CPU ms a text"),
    "bench.column_ratio": ("与其最快之比", "of its best"),
    "bench.goals": (
        "把处理器上的速度目标测量一遍，列成一张表。\n\n"
        "包括 bench embedding、bench search、bench rerun 和 bench start；冷启动的检索收录 CORPUS 里的文件。"
        "时间是处理器时间，忙的机器上也可以比较。",
        "Measure the goals for speed on a processor, and list them in one table.\n\nIt runs `bench embedding`, "
        "`bench search`, `bench rerun` and `bench start`, for which the files in CORPUS are read in. "
        "Times are processor times, which compare on a busy machine too.",
    ),
    "bench.goals_documents_home": (
        "保留许多文件的资料库的文件夹；下次不必重建。",
        "A folder that keeps the library of many documents, so that the next run need not build it.",
    ),
    "bench.column_goal_name": ("目标", "goal"),
    "bench.column_measured": ("测得", "measured"),
    "bench.column_at_most": ("至多", "at most"),
    "bench.column_met": ("达到", "met"),
    "bench.goal_embedding": ("计算向量，与 onnxruntime 自己最快之比", "embedding, of onnxruntime's own best"),
    "bench.goal_search_zh": ("中文检索，95%", "Chinese search, p95"),
    "bench.goal_search_en": ("英文检索，95%", "English search, p95"),
    "bench.goal_opening": ("打开并首次检索", "opening, and the first search"),
    "bench.goal_memory": ("检索之后的内存", "memory after the searches"),
    "bench.goal_rerun": ("网页重画，最慢的画面", "rerun of the page, slowest scene"),
    "bench.goal_cold_search": ("冷启动的检索", "search from a shell"),
    "bench.goal_help": ("冷启动的 `--help`", "`--help` from a shell"),
    "bench.met": ("是", "yes"),
    "bench.missed": ("否", "no"),
    "bench.ingest": (
        "测量导入文件的速度：每秒读取、计算向量并保存多少个片段。\n\n文本是编造的，文件、向量模型和资料库是真的。",
        "Measure ingest: how many chunks a second are read, embedded and stored.\n\n"
        "The texts are made up; files, embedder and store are real.",
    ),
    "bench.ingest_files": ("文件数，每个约 20 个片段。", "Files, of some 20 chunks each."),
    "bench.ingest_ray": ("再用本机的 Ray 集群测量。", "Measure a Ray cluster of this machine beside it."),
    "bench.workers": ("Ray 上计算向量的进程数，可以写几次。", "Embedding workers on Ray; may be given several times."),
    "bench.ingest_here": ("不用 Ray", "Without Ray"),
    "bench.ingest_on_ray": ("Ray，计算向量的进程 {count} 个", "Ray, embedding workers: {count}"),
    "bench.ingest_speed": (
        "{where}：{seconds:.1f} 秒导入 {chunks} 个片段，每秒 {speed:.1f} 个",
        "{where}: {chunks} chunks in {seconds:.1f} s, {speed:.1f} a second",
    ),
    "bench.decode": (
        "在 GPU 上测量解码速度，并与两种基准比较。\n\n依次测量教程的写法、transformers 的固定缓存和本程序的引擎。",
        "Measure decoding on the GPU beside two baselines.\n\n"
        "In turn: the tutorial's loop, transformers' static cache, this program's engine.",
    ),
    "bench.cpu": (
        "在处理器上比较各种数值格式的速度。\n\n包括 8 位权重、编译与否；装了 gguf 扩展时，同一次运行还测 llama.cpp。",
        "Measure number formats on the processor.\n\nWith 8-bit weights too, compiled or not, and llama.cpp "
        "beside them where the extra gguf is installed.",
    ),
    "bench.model": ("模型文件夹。", "Folder of a checkpoint."),
    "bench.random_weights": (
        "用随机权重的已发布形状，例如 MiniCPM-2B。",
        "A published shape with random weights, for example MiniCPM-2B.",
    ),
    "bench.quotes": (
        "存有 passages.jsonl 和 questions.jsonl 的文件夹，用来生成带引文的回答。",
        "Folder with passages.jsonl and questions.jsonl to make quoting answers from.",
    ),
    "bench.tokenizer": ("分词器所在的文件夹，供 --quotes 使用。", "Folder of a tokenizer, for --quotes."),
    "bench.no_baselines": (
        "不测 transformers 自带的两种写法（约一分钟）。",
        "Leave out transformers' own loops, which take a minute.",
    ),
    "bench.no_gpu": (
        "没有找到 GPU。处理器请用 bench cpu 测量。",
        "No GPU was found. `bench cpu` measures the processor.",
    ),
    "bench.which_model": (
        "请在 --model 和 --random-weights 中选一个。",
        "Give either --model or --random-weights.",
    ),
    "bench.not_served": (
        "GPU 引擎不能运行这个模型。",
        "This model is not one that the GPU engine can serve here.",
    ),
    "bench.tokenizer_needed": ("--quotes 需要 --tokenizer。", "--quotes needs --tokenizer."),
    "bench.gpu": (
        "{name}，torch {version}：每秒读取 {bandwidth:bytes}",
        "{name}, torch {version}: reads {bandwidth:bytes}/s",
    ),
    "bench.limit": (
        "权重 {size:bytes}：全精度逐个词元最多每秒 {tokens:.0f} 个",
        "weights {size:bytes}: at most {tokens:.0f} tokens/s one by one, full precision",
    ),
    "bench.processor": (
        "{name}，随机权重，{threads} 个线程，内存每秒读取 {bandwidth:bytes}",
        "{name} with random weights, {threads} threads, memory reads {bandwidth:bytes}/s",
    ),
    "bench.column_path": ("方式", "path"),
    "bench.column_tokens": ("词元/秒", "tokens/s"),
    "bench.column_limit": ("上限", "limit"),
    "bench.column_share": ("占比", "share"),
    "bench.column_tutorial": ("教程", "tutorial"),
    "bench.column_first": ("首个词元", "first"),
    "bench.column_memory": ("内存", "memory"),
    "bench.column_prompt": ("提示词/秒", "prompt/s"),
    "bench.column_per_cpu": ("词元/CPU秒", "tokens/CPU-s"),
    "bench.column_prompt_per_cpu": ("提示词/CPU秒", "prompt/CPU-s"),
    "bench.column_prepared": ("准备", "prepared"),
}
