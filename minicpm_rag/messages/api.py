"""What the HTTP API and MCP say, in Chinese and English."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "api.no_token": (
        "需要令牌：请在请求头 Authorization 中写 Bearer 和启动 `minicpm-rag serve` 时显示的令牌。",
        "A token is needed: send the header Authorization with Bearer and the token that `minicpm-rag serve` showed.",
    ),
    "api.too_many": (
        "请求太频繁，请稍候再试（见 Retry-After）。",
        "Too many requests. Wait as long as Retry-After says, then try again.",
    ),
    "api.too_large": (
        "请求太大。文件的上限由 MINICPM_RAG_UPLOAD_MEGABYTES 决定。",
        "The request is too large. For files, MINICPM_RAG_UPLOAD_MEGABYTES sets the limit.",
    ),
    "api.file_too_large": (
        "文件 {name} 太大，上限是 {most:bytes}（MINICPM_RAG_UPLOAD_MEGABYTES）。",
        "The file {name!r} is larger than {most:bytes} (MINICPM_RAG_UPLOAD_MEGABYTES).",
    ),
    "api.invalid": ("请求里有不合要求的值：{places:list}。", "The request has values that will not do: {places:list}."),
    "api.no_json": (
        "请求体要用 JSON，并写明请求头 Content-Type: application/json。",
        "The body must be JSON, with the header Content-Type: application/json.",
    ),
    "api.no_such_path": ("没有这个地址，全部地址见 /docs。", "There is no such address; /docs lists them all."),
    "api.no_such_method": (
        "这个地址不支持这种请求方法，见 /docs。",
        "This address does not take that method; see /docs.",
    ),
    "api.no_such_link": ("这个链接无效，或者令牌已经更换。", "This link is not valid, or the token has changed since."),
    "api.no_user_message": ("最后没有用户的消息，所以没有问题可答。", "No message of the user is left to answer."),
    "api.summarize": ("总结这份文档", "Summarize this document"),
    "api.no_document_titled": (
        "没有名为“{title}”的文档：list_documents 会列出全部文档。",
        "There is no document of the title {title!r}. list_documents lists them all.",
    ),
    "api.several_titled": (
        "名为“{title}”的文档不止一份，请写编号：{numbers:list}。",
        "Several documents have the title {title!r}. Take a number: {numbers:list}.",
    ),
    "api.not_installed": (
        "这个命令需要另外安装：`pip install 'minicpm-rag[api]'`（缺少 {module}）。",
        "This command needs more packages: `pip install 'minicpm-rag[api]'` ({module} is missing).",
    ),
    "api.token_too_short": (
        "令牌只有 {count} 个字符，太容易猜到，至少要 {least} 个。",
        "The token has only {count} characters, which is soon guessed. Take at least {least}.",
    ),
}
