"""What the doctor's report says, in Chinese and English: its lines' names, what was found, and what to do."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    # Names of the lines
    "doctor.home": ("资料文件夹", "Home folder"),
    "doctor.processor": ("处理器", "Processor"),
    "doctor.memory": ("内存", "Memory"),
    "doctor.gpu": ("GPU", "GPU"),
    "doctor.device": ("设备", "Device"),
    "doctor.answers_by": ("回答方式", "Answers by"),
    "doctor.suits": ("适合这台电脑", "Suits this machine"),
    "doctor.better": ("更快或更好", "Quicker or better"),
    "doctor.memory_for_it": ("所需内存", "Memory for it"),
    "doctor.precision": ("精度", "Precision"),
    "doctor.attention": ("注意力实现", "Attention"),
    "doctor.speed": ("预计速度", "Expected speed"),
    "doctor.embeddings_by": ("向量模型", "Embeddings by"),
    "doctor.reranks_with": ("重排模型", "Reranks with"),
    "doctor.library": ("资料库", "Library"),
    # The installation
    "doctor.no_such_setting": ("没有这个设置，它不起作用", "no such setting: it has no effect"),
    "doctor.meant": ("是否想写 {variable}？", "Was {variable} meant?"),
    "doctor.python": ("{version}，{system}", "{version} on {system}"),
    "doctor.not_installed": ("未安装", "not installed"),
    "doctor.missing": ("缺少", "missing"),
    "doctor.install_again": ("请重新安装：pip install -e .", "Install this project again: pip install -e ."),
    "doctor.optional_gpu": ("可选：附加组件 gpu。", "Optional: the gpu extra."),
    "doctor.optional_libreoffice": (
        "可选：用来读 Office 2007 以前的文档和演示文稿（doc、ppt、wps）。",
        "Optional: to read documents and presentations of before Office 2007 (doc, ppt, wps).",
    ),
    "doctor.optional_gguf": (
        "可选：附加组件 gguf，用 llama.cpp 运行 GGUF 文件。",
        "Optional: the gguf extra, to run GGUF files with llama.cpp.",
    ),
    "doctor.optional_ocr": (
        "可选：附加组件 ocr，用来读扫描的页面。",
        "Optional: the ocr extra, to read scanned pages.",
    ),
    # The machine
    "doctor.folder_free": ("{folder}，剩余 {free:bytes}", "{folder}, {free:bytes} free"),
    "doctor.cores": ("{name}，{cores} 核", "{name}, {cores:core|cores}"),
    "doctor.cores_with_bfloat": (
        "{name}，{cores} 核，支持 bfloat16",
        "{name}, {cores:core|cores}, computes in bfloat16",
    ),
    "doctor.bytes": ("{size:bytes}", "{size:bytes}"),
    "doctor.gpu_free": (
        "{name}，{total:bytes} 中剩余 {free:bytes}",
        "{name}, {free:bytes} of {total:bytes} free",
    ),
    "doctor.none": ("无", "none"),
    "doctor.install_cuda": (
        "要使用它，请安装 CUDA 版的 torch。",
        "Install a CUDA build of torch to use it.",
    ),
    # What answers
    "doctor.no_gpu_for_cuda": (
        "没有可用的 GPU；请设置 MINICPM_RAG_DEVICE=auto。",
        "No GPU can be used; set MINICPM_RAG_DEVICE=auto.",
    ),
    "doctor.download_model": (
        "请运行：python -m minicpm_rag download {name}",
        "Run: python -m minicpm_rag download {name}",
    ),
    "doctor.server": ("服务器 {address}", "the server at {address}"),
    "doctor.server_not_called": (
        "由 MINICPM_RAG_LLM_URL 指定；这里没有连接它。",
        "Named in MINICPM_RAG_LLM_URL; it is not called here.",
    ),
    "doctor.model_in": ("{name}（{folder}）", "{name} in {folder}"),
    "doctor.named_model": ("由 MINICPM_RAG_MODEL 指定。", "Named in MINICPM_RAG_MODEL."),
    "doctor.quotes": ("引用文档中的句子，不用模型", "sentences quoted from the documents, without a model"),
    "doctor.download_recommended": (
        "{reason}请运行：python -m minicpm_rag download --recommended",
        "{reason} Run: python -m minicpm_rag download --recommended",
    ),
    "doctor.no_model": ("没有合适的模型", "no model"),
    "doctor.too_little": ("不够", "too little"),
    "doctor.device_weights": ("{device}，权重 {weights}", "{device}, weights {weights}"),
    "doctor.precision_set": ("{precision}（由设置指定）", "{precision} (set)"),
    "doctor.precision_of_gpu": ("{precision}（GPU 直接支持）", "{precision} (what the GPU computes itself)"),
    "doctor.precision_of_processor": (
        "{precision}（处理器直接支持）",
        "{precision} (what the processor computes itself)",
    ),
    "doctor.no_flash_attention": (
        "请安装附加组件 gpu，或让 MINICPM_RAG_ATTENTION 保持 sdpa。",
        "Install the gpu extra, or leave MINICPM_RAG_ATTENTION at sdpa.",
    ),
    "doctor.attention_no_effect": (
        "MINICPM_RAG_ATTENTION={attention} 在这里不起作用：这块 GPU 用自己的引擎计算注意力。",
        "MINICPM_RAG_ATTENTION={attention} has no effect here: on this GPU the engine computes attention itself.",
    ),
    "doctor.about": (
        "每秒约 {tokens:.0f} 个词元（内存每秒传输 {bandwidth:bytes}，每个词元读取 {size:bytes}）",
        "about {tokens:.0f} tokens/s (memory moves {bandwidth:bytes}/s, each token reads {size:bytes})",
    ),
    "doctor.at_most": (
        "每秒最多 {tokens:.0f} 个词元（内存每秒传输 {bandwidth:bytes}，每个词元读取 {size:bytes}）",
        "at most {tokens:.0f} tokens/s (memory moves {bandwidth:bytes}/s, each token reads {size:bytes})",
    ),
    # Searching and the library
    "doctor.reranker_no_config": (
        "MINICPM_RAG_RERANKER 指定的文件夹里没有 config.json。",
        "MINICPM_RAG_RERANKER names a folder without config.json.",
    ),
    "doctor.not_opened": ("打不开", "cannot be opened"),
    "doctor.not_checked": ("无法检查", "could not be checked"),
    "doctor.not_writable": ("没有权限写入", "you may not write there"),
    "doctor.other_home": (
        "请检查文件夹的权限，或用 MINICPM_RAG_HOME 指定别的文件夹",
        "Check the folder's rights, or name another folder with MINICPM_RAG_HOME",
    ),
    "doctor.open_to_others": ("这台电脑的其他用户可以进入", "other users of this machine can enter it"),
    "doctor.chmod": ("请运行：chmod 700 {folder}", "Run: chmod 700 {folder}"),
}
