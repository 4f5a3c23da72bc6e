"""What the catalogue, the choice of a model and downloads say, in Chinese and English."""

from __future__ import annotations

_BY_HAND = (
    "也可以手工拷贝：把文件放进 {folder}，或用 MINICPM_RAG_MODEL 指定文件夹。",
    " A folder copied by hand works too: put its files into {folder}, or name it in MINICPM_RAG_MODEL.",
)

TEXTS: dict[str, tuple[str, str]] = {
    # The catalogue
    "models.unknown": (
        "没有名为“{name}”的模型。已知的有 {names:list}；也可以用 ModelScope 的编号（所有者/名称）。",
        "No model is called '{name}'. Known are {names:list}; any ModelScope id (owner/name) works too.",
    ),
    "models.note.half_download": ("教程所用的模型，下载量减半", "the tutorial's model at half the download"),
    "models.note.as_in_tutorial": ("教程所用的模型，原样", "the tutorial's model as the tutorial loads it"),
    "models.note.preferences": ("按人的偏好进一步调整的 2B 模型", "the 2B model tuned further to people's preferences"),
    "models.note.smallest": ("最小；适合没有 GPU 的电脑", "the smallest; for processors without a GPU"),
    "models.note.dense": ("稀疏注意力按稠密方式运行", "its sparse attention is run dense"),
    "models.note.newest": ("最新；缓存小，窗口长", "the newest; a small cache and a long window"),
    "models.note.newest_small": (
        "最新的 1B 模型；适合处理器和小显卡",
        "the newest of 1B; for processors and small cards",
    ),
    "models.note.long_window": ("2B 模型的长窗口版", "the 2B model with a long window"),
    "models.note.trained_for_four_bits": (
        "为 4 比特权重训练过：用 4 比特时损失最小",
        "trained for weights in 4 bits, in which it loses least",
    ),
    "models.note.trained_for_three_values": (
        "权重只有三种取值，按普通权重存放和运行",
        "its weights take three values only; stored and run as usual weights",
    ),
    "models.note.sala": (
        "由线性注意力和稀疏注意力混合而成，本程序不能运行；最接近的是 {instead}",
        "mixes linear and sparse attention, which this program cannot run; the nearest is {instead}",
    ),
    "models.note.pictures": (
        "看图模型，本程序只问文字；最接近的是 {instead}",
        "reads pictures, and this program asks in text only; the nearest is {instead}",
    ),
    "models.note.speech": (
        "处理语音和图像的模型，本程序只问文字；最接近的是 {instead}",
        "works on speech and pictures, and this program asks in text only; the nearest is {instead}",
    ),
    "models.note.draft_head": (
        "草稿头，只替 {instead} 猜后面的词元，自己不能作答；请用 {instead}，本程序自己从原文里找草稿",
        "a draft head, which guesses tokens for {instead} and writes no answers itself; take {instead}, for which this "
        "program drafts out of the text",
    ),
    "models.note.hundred_languages": ("中文、英文和上百种语言", "Chinese, English and a hundred more languages"),
    "models.note.chinese_first": ("小，以中文为主", "small, Chinese first"),
    "models.note.multilingual": ("多语言，长段落", "multilingual, long passages"),
    "models.note.own_embedder": (
        "OpenBMB 自己的中英文嵌入模型；适合 GPU 或强处理器",
        "OpenBMB's own for Chinese and English; for a GPU or a strong processor",
    ),
    "models.note.own_reranker": ("OpenBMB 自己的重排模型；适合 GPU", "OpenBMB's own reranker; for a GPU"),
    "models.note.reorders": ("为找到的段落重新排序；适合 GPU", "reorders the passages found; for a GPU"),
    "models.note.adapter": ("{base} 的 LoRA 适配器", "a LoRA adapter on {base}"),
    "models.note.adapter_without_base": (
        "LoRA 适配器，缺少它的基座模型 {base}",
        "a LoRA adapter whose base, {base}, is missing",
    ),
    "models.note.gguf": (
        'GGUF，由 llama.cpp 运行，适合笔记本电脑；需要 `pip install ".[gguf]"`',
        'GGUF, which llama.cpp runs: for laptops; needs `pip install ".[gguf]"`',
    ),
    "models.note.gguf_here": ("{format} 格式的 GGUF，由 llama.cpp 运行", "GGUF in {format}, which llama.cpp runs"),
    "models.gguf_extra": (
        '要运行 GGUF 文件，请先安装 llama.cpp：`pip install ".[gguf]"`。',
        'To run GGUF files, install llama.cpp first: `pip install ".[gguf]"`.',
    ),
    "models.no_such_file": (
        "{id} 里没有 {name}。有这些文件：{names:list}。",
        "{id} has no {name}. It has {names:list}.",
    ),
    "models.note.by_hand": ("手工拷贝的模型", "copied here by hand"),
    # The machine
    "models.torch_without_cuda": (
        "装有 NVIDIA 驱动，但 torch {version} 不是 CUDA 版。",
        "An NVIDIA driver is installed, but torch {version} is a build without CUDA.",
    ),
    "models.torch_cannot_open_gpu": (
        "装有 NVIDIA 驱动，但 torch 打不开它。",
        "An NVIDIA driver is installed, but torch cannot open it.",
    ),
    # The choice
    "models.on_gpu": (
        "{name} 需要 {needed:bytes} 显存，可用 {room:bytes}",
        "{name} needs {needed:bytes} of the {room:bytes} of GPU memory it may use",
    ),
    "models.on_processor": (
        "{name} 在处理器上运行（{why}）；需要 {needed:bytes} 内存，可用 {room:bytes}，由 {cores} 个核心计算；"
        "回答一个普通问题大约要 {seconds:.0f} 秒",
        "{name} runs on the processor ({why}); it needs {needed:bytes} of the {room:bytes} of memory it may use, "
        "and {cores:core reads|cores read} it; a usual question takes about {seconds:.0f} s",
    ),
    "models.no_gpu": ("没有可用的 GPU", "no usable GPU"),
    "models.gpu_too_small": ("GPU 太小，放不下现有的模型", "the GPU is too small for what is here"),
    "models.better_with_extra": (
        '`pip install ".[gguf]"` 后下载 {name}，回答一个普通问题大约要 {seconds:.0f} 秒。',
        '`pip install ".[gguf]"`, then {name}, takes about {seconds:.0f} s for a usual question.',
    ),
    "models.better_gguf": (
        "下载 {name} 后，回答一个普通问题大约要 {seconds:.0f} 秒。",
        "{name} takes about {seconds:.0f} s for a usual question.",
    ),
    "models.better_small": (
        "{name} 弱一些，回答一个普通问题大约只要 {seconds:.0f} 秒。",
        "{name}, which is weaker, takes about {seconds:.0f} s for a usual question.",
    ),
    "models.better_gpu": (
        "有 8 GB 显存的 NVIDIA GPU 可以运行 {name}，几秒钟内作答。",
        "an NVIDIA GPU with 8 GB runs {name} and answers within seconds.",
    ),
    "models.is_here": ("{where}；模型已经在这里。", "{where}; it is here."),
    "models.to_download": ("{where}；需要先下载。", "{where}; it has to be downloaded first."),
    "models.to_download_instead": (
        "{where}；需要先下载，因为现有的放不下（{others:list}）。",
        "{where}; it has to be downloaded first, since what is here does not fit ({others:list}).",
    ),
    "models.nothing_fits": (
        "最小的 {name} 也需要 {needed:bytes} 内存，这里可用 {room:bytes}；将直接引用文档中的句子作答。",
        "Even {name} needs {needed:bytes}, and it may use {room:bytes} here; "
        "answers are sentences quoted from the documents.",
    ),
    "models.configured": ("{setting}：{why}", "{setting}: {why}"),
    "models.refused": ("不能运行 {name}：{why}。", "{name} cannot be run here: it {why}."),
    # A folder that was downloaded
    "models.file_missing": ("缺少 {name}。", "{name} is missing."),
    "models.file_short": ("{name} 只有 {size:,} 字节，应有 {total:,}。", "{name} has {size:,} of {total:,} bytes."),
    "models.file_damaged": ("{name} 已损坏（校验和不符）。", "{name} is damaged (its checksum differs)."),
    # Downloads
    "models.folder_not_made": (
        "无法建立 {folder}（{why}），请换个文件夹（--dir）。",
        "{folder} cannot be made ({why}). Choose another folder with --dir.",
    ),
    "models.folder_in_use": (
        "另一个下载正在写入 {folder}，请等它完成，或先停止它。",
        "{folder} is being filled by another download. Wait for it, or stop it first.",
    ),
    "models.disk_too_small": (
        "{folder} 所在磁盘还有 {free:bytes} 空间，需要 {needed:bytes}。请腾出空间，或换个文件夹（--dir）。",
        "The disk of {folder} has {free:bytes} free, but {needed:bytes} are to come. "
        "Free some room or choose another folder with --dir.",
    ),
    "models.nothing_to_fetch": (
        "{id} 的版本 {revision} 里没有可下载的文件，版本对吗？",
        "{id} at {revision} has no files to fetch. Is the revision right?",
    ),
    "models.not_whole": (
        "{name} 没有下载完整：{problems}请再次下载。",
        "{name} did not arrive whole: {problems} Run the download again.",
    ),
    "models.download_ended": (
        "{name} 的下载无故结束了。已下载的部分都在，请再次下载。",
        "The download of {name} ended without giving a reason. What has arrived is kept; run it again.",
    ),
    "models.download_stopped": (
        "{name} 的下载已停止，再次下载会接着进行。",
        "The download of {name} was stopped; run it again to go on from there.",
    ),
    "models.downloader_missing": (
        "下载程序启动不了，安装了 modelscope 吗？",
        "The downloading process could not start. Is the package modelscope installed?",
    ),
    "models.no_answer": ("{address} 没有应答", "no answer from {address}"),
    "models.no_connection": ("连不上 {address}", "no connection to {address}"),
    "models.hub_unreachable": (
        "连不上 ModelScope，无法下载 {name}（{why}）。" + _BY_HAND[0],
        "ModelScope cannot be reached, so {name} cannot be fetched ({why})." + _BY_HAND[1],
    ),
    "models.unknown_on_hub": (
        "ModelScope 上没有 {id} 的版本“{revision}”，请检查名称和版本。",
        "ModelScope has no {id} at revision '{revision}'. Check the name and the revision.",
    ),
    "models.denied": (
        "ModelScope 不允许下载 {id}，请把 MODELSCOPE_API_TOKEN 设为有权限的令牌。",
        "ModelScope refuses to hand out {id}. Set MODELSCOPE_API_TOKEN to a token that may read it.",
    ),
    "models.arrived_damaged": (
        "{name} 下载后多次校验不符（{why}），请稍后再试。" + _BY_HAND[0],
        "{name} arrived damaged more than once ({why}). Try again later." + _BY_HAND[1],
    ),
    "models.folder_not_written": (
        "{folder} 无法写入（{why}），请腾出空间或换个文件夹。",
        "{folder} cannot be written ({why}). Free some room or choose another folder.",
    ),
    "models.hub_error": (
        "ModelScope 对 {id} 返回了错误：{why}。" + _BY_HAND[0],
        "ModelScope answered with an error for {id}: {why}." + _BY_HAND[1],
    ),
}
