"""The sentences of errors about language models in Chinese; see chinese_errors."""

from __future__ import annotations

_FOLDER = {
    "{folder} is not the folder of a model: it has no config.json.": "{folder} 不是模型文件夹：里面没有 config.json。",
    "Run `minicpm-rag models` for what can be downloaded.": "可下载的模型见 minicpm-rag models。",
    "There is no question. Type one, or pass {what}.": "没有问题，请输入一个。",
}

_DOWNLOAD = {
    "ModelScope cannot be reached, so {name} cannot be fetched ({why}).": (
        "连不上 ModelScope，无法下载 {name}（{why}）。"
    ),
    "A folder copied by hand works too: put its files into {folder}, or name it in MINICPM_RAG_MODEL.": (
        "也可以手工拷贝：把文件放进 {folder}，或用 MINICPM_RAG_MODEL 指定文件夹。"
    ),
    "ModelScope has no {name} at revision {revision}. Check the name and the revision.": (
        "ModelScope 上没有 {name} 的版本 {revision}，请检查名称和版本。"
    ),
    "ModelScope refuses to hand out {name}. Set MODELSCOPE_API_TOKEN to a token that may read it.": (
        "ModelScope 不允许下载 {name}，请把 MODELSCOPE_API_TOKEN 设为有权限的令牌。"
    ),
    "{name} arrived damaged more than once ({why}). Try again later.": (
        "{name} 下载后多次校验不符（{why}），请稍后再试。"
    ),
    "{folder} cannot be written ({why}). Free some room or choose another folder.": (
        "{folder} 无法写入（{why}），请腾出空间或换个文件夹。"
    ),
    "ModelScope answered with an error for {name}: {why}.": "ModelScope 对 {name} 返回了错误：{why}。",
    "{folder} cannot be made ({why}). Choose another folder with --dir.": (
        "无法建立 {folder}（{why}），请换个文件夹（--dir）。"
    ),
    "{folder} is being filled by another download. Wait for it, or stop it first.": (
        "另一个下载正在写入 {folder}，请等它完成，或先停止它。"
    ),
    "{name} at {revision} has no files to fetch. Is the revision right?": (
        "{name} 的版本 {revision} 里没有可下载的文件，版本对吗？"
    ),
    "{name} did not arrive whole: {problems}. Run the download again.": "{name} 没有下载完整：{problems}。请再次下载。",
    "The download of {name} ended without a word. What has arrived is kept; run it again.": (
        "{name} 的下载无故结束了。已下载的部分都在，请再次下载。"
    ),
    "The download of {name} was stopped; run it again to go on from there.": (
        "{name} 的下载已停止，再次下载会接着进行。"
    ),
    "The downloading process could not start. Is the package modelscope installed?": (
        "下载程序启动不了，安装了 modelscope 吗？"
    ),
    "The disk of {folder} has {free} GB free, but {size} GB are to come. "
    "Free some room or choose another folder with --dir.": (
        "{folder} 所在磁盘还有 {free} GB，需要 {size} GB，请腾出空间。"
    ),
    "No model is called {name}. Known are {names}; any ModelScope id (owner/name) works too.": (
        "没有名为 {name} 的模型。已知的有 {names}；也可以用 ModelScope 的编号（所有者/名称）。"
    ),
}

MODEL_ERRORS = _FOLDER | _DOWNLOAD
