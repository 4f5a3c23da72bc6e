"""Write docs/reference.md and docs/reference.zh.md: every setting and every command, read from the program itself.

Run `make reference` after changing one; a test fails where the files are behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from minicpm_rag import cli
from minicpm_rag.cli import click_language, language
from minicpm_rag.messages import LANGUAGES, Language
from minicpm_rag.settings import Settings

FILES: dict[Language, Path] = {
    "en": Path(__file__).with_name("reference.md"),
    "zh": Path(__file__).with_name("reference.zh.md"),
}
WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Reference",
        "note": "Written by `make reference`. 中文：[reference.zh.md](reference.zh.md)",
        "settings": "Settings",
        "prefix": "Environment variables, each with the prefix `MINICPM_RAG_`.",
        "columns": "| variable | default | meaning |",
        "home": "the user data folder",
        "commands": "Commands",
        "call": "`minicpm-rag COMMAND`, or `python -m minicpm_rag COMMAND`.",
    },
    "zh": {
        "title": "参考",
        "note": "由 `make reference` 生成。English: [reference.md](reference.md)",
        "settings": "设置",
        "prefix": "都是环境变量，前缀为 `MINICPM_RAG_`。",
        "columns": "| 变量 | 默认值 | 含义 |",
        "home": "用户数据文件夹",
        "commands": "命令",
        "call": "`minicpm-rag 命令`，或 `python -m minicpm_rag 命令`。",
    },
}
# The descriptions of the fields, which are in English beside them, in Chinese.
MEANINGS = {
    "home": "存放资料库、上传的文件和下载的模型的文件夹",
    "knowledge_base": "没有指明时使用的知识库",
    "originals": "除主文件夹外，上传的原文件还保存在哪里：s3://桶/文件夹，或一个文件夹",
    "database": "用这个 PostgreSQL 数据库（postgresql://用户@主机/数据库）代替资料文件夹里的文件来保存资料库",
    "ray": "由这个 Ray 集群（ray://主机:10001）读取文件并计算向量；auto 表示本机上的集群",
    "chroma_url": "用这个 Chroma 服务器（http://主机:端口）代替内嵌的 Chroma",
    "model": "MiniCPM 模型文件夹",
    "device": "作答的模型在哪里运行",
    "precision": "数值格式",
    "weights": "权重量化；auto 在处理器上为 int8，在 GPU 上不量化",
    "key_value_cache": "GPU 上的键值缓存；int8 占用减半",
    "gpu_gigabytes": "权重和缓存最多可占用的 GPU 内存（GB）",
    "attention": "注意力的实现",
    "llm_url": "由这个 OpenAI 兼容的服务器作答；可写多个地址，用逗号分开，由它们分担",
    "llm_model": "向该服务器请求的模型名称",
    "llm_api_key": "该服务器的密钥（如果需要）",
    "llm_context_tokens": "该服务器的模型或 GGUF 文件的上下文长度（词元）；不设则用它说的，或 4096，GGUF 文件最多 8192",
    "llm_thinking": "该服务器的模型是否先思考；auto 在名称表明可以关闭时关闭",
    "llm_thinking_tokens": "除回答外，留给该模型思考的词元数",
    "llm_top_p": "该服务器的采样参数（设了才发送）",
    "llm_top_k": "该服务器的采样参数（设了才发送）",
    "llm_min_p": "该服务器的采样参数（设了才发送）",
    "llm_repetition_penalty": "该服务器的采样参数（设了才发送）",
    "temperature": "根据文档作答时的温度；0 表示总取最可能的词",
    "max_new_tokens": "回答的最大长度（词元）",
    "embedder": "向量模型：内置的，或一个文件夹",
    "embedder_url": "由这个服务器计算向量：以 /v1 结尾为 OpenAI 兼容接口，否则为 TEI 自己的接口",
    "embedder_model": "向该服务器请求的模型名称；不设则用它的第一个",
    "embedder_api_key": "该服务器的密钥（如果需要）",
    "embedder_query_prefix": "该模型在问题前要读的文字（如果有）",
    "embedder_passage_prefix": "该模型在段落前要读的文字（如果有）",
    "reranker": "对段落重新排序的交叉编码器所在的文件夹",
    "reranker_url": "由这个服务器重新排序：以 /v1 结尾为 vLLM、Jina、Cohere 的接口，否则为 TEI 自己的接口",
    "reranker_model": "向该服务器请求的模型名称；不设则用它的第一个",
    "reranker_api_key": "该服务器的密钥（如果需要）",
    "passages": "交给回答的段落数",
    "chunk_characters": "文本块的通常长度（字符）",
    "chunk_overlap_characters": "与前一块重复的长度（字符）",
    "hosts": "还可以用哪些主机名打开网页（例如代理的名称），用逗号分开",
    "administrators": "设有登录时，哪些用户可以选择模型，查看用户和审计记录：电子邮箱或用户标识，用逗号分开",
    "groups_claim": "登录服务把用户所属的组放在哪个字段里；可以与这些组共享知识库",
    "upload_megabytes": "网页接受的最大文件（MB）",
    "log_format": "网页和服务器的日志格式；json 为每行一个对象，不含文字和名称",
    "ocr": "装有 ocr 附加包时识别扫描页中的文字",
    "in_short": "查看文档时显示它的三句原文摘要和三个可以问的问题",
}


def reference(shown: Language) -> str:
    """The whole file in a language."""
    words = WORDS[shown]
    parts = [
        f"# {words['title']}", words["note"], f"## {words['settings']}", words["prefix"], settings_table(shown),
        f"## {words['commands']}", words["call"], *commands(shown),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def settings_table(shown: Language) -> str:
    """The settings as a Markdown table."""
    rows = [WORDS[shown]["columns"], "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = WORDS[shown]["home"] if name == "home" else "" if field.default in (None, ()) else field.default
        if name not in MEANINGS:
            raise SystemExit(f"{name} has no Chinese description in docs/make_reference.py")
        meaning = field.description if shown == "en" else MEANINGS[name]
        rows.append(f"| `{name.upper()}` | {default} | {meaning} |")
    return "\n".join(rows)


def commands(shown: Language) -> list[str]:
    """Each command with its help."""
    language.choose(["--lang", shown])
    click_language.install()
    program = language.with_help(cli.program)
    assert isinstance(program, click.Group)
    return [
        f"### {name}\n\n```\n{_help(command, f'minicpm-rag {name}')}\n```" for name, command in _leaves(program, "")
    ]


def _leaves(group: click.Group, prefix: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = []
    for name in sorted(group.commands):
        command = group.commands[name]
        if isinstance(command, click.Group):
            found += _leaves(command, f"{prefix}{name} ")
        else:
            found.append((f"{prefix}{name}", command))
    return found


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100)
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


if __name__ == "__main__":
    for each in LANGUAGES:
        FILES[each].write_text(reference(each), encoding="utf-8")
