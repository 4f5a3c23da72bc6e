"""What llm and bench say, in Chinese and English: checkpoints, placement, answering, servers, measurements."""

from __future__ import annotations

_FETCH_AGAIN = (
    "请重新下载：`python -m minicpm_rag download` 会接着下载并检查每个文件。",
    "Fetch it again: `python -m minicpm_rag download` resumes and checks every file.",
)
_FETCH_FOLDER_AGAIN = (
    "文件夹不完整，或者与 config.json 不符，请重新下载。",
    "The folder is incomplete or belongs to another config.json; fetch it again.",
)


def _with(remedy: tuple[str, str], chinese: str, english: str) -> tuple[str, str]:
    return chinese + remedy[0], f"{english} {remedy[1]}"


_FOLDER: dict[str, tuple[str, str]] = {
    "llm.not_a_folder": (
        "{folder} 不是文件夹，请指定存放 config.json 和权重的文件夹。",
        "{folder} is not a folder. Name the folder that holds config.json and the weights.",
    ),
    "llm.no_config": (
        "{folder} 里没有 config.json，不是模型文件夹。",
        "{folder} has no config.json, so it is not a checkpoint folder.",
    ),
    "llm.a_file": (
        "{path} 是文件。请指定它所在的文件夹：{folder}。",
        "{path} is a file. Name the folder that holds it: {folder}.",
    ),
    "llm.folder_inside": (
        "{folder} 里没有 config.json，模型在它里面的文件夹中：{names:list}。请指定那个文件夹。",
        "{folder} has no config.json; models are in folders inside it: {names:list}. Name one of these.",
    ),
    "llm.a_repository": (
        "这里没有文件夹 {id}；它看来是模型库里的名称。请先下载：`python -m minicpm_rag download {id}`，"
        "然后指定所得的文件夹。",
        "There is no folder {id} here; it looks like the name of a repository. Fetch it first with "
        "`python -m minicpm_rag download {id}`, then name the folder that it prints.",
    ),
    "llm.too_short_to_measure": (
        "模型写得太短，测不出速度；请再试一次。",
        "The model wrote too little to measure its speed. Try again.",
    ),
    "llm.gguf": (
        "{path} 是 GGUF 文件，由 GgufLLM 运行（`from minicpm_rag import GgufLLM`），MiniCPM_LLM 只读 safetensors "
        "文件夹。在设置和页面里，两者都可以指定。",
        "{path} is a GGUF file, which GgufLLM runs (`from minicpm_rag import GgufLLM`); MiniCPM_LLM reads folders of "
        "safetensors. Settings and page take either.",
    ),
    "llm.no_gguf_extra": (
        "{path} 是 GGUF 文件，需要 llama.cpp 才能运行，而它还没有安装（{why}）。"
        '请运行 `pip install "minicpm-rag[gguf]"`，'
        '或在项目文件夹里运行 `pip install ".[gguf]"`。',
        "{path} is a GGUF file, and llama.cpp, which runs it, is not installed ({why}). Run "
        '`pip install "minicpm-rag[gguf]"`, or `pip install ".[gguf]"` in the project\'s folder.',
    ),
    "llm.not_gguf": _with(
        _FETCH_AGAIN,
        "{path} 不是 GGUF 文件：开头没有它的标记。",
        "{path} is no GGUF file: it does not begin with the format's mark.",
    ),
    "llm.gguf_version": (
        "{path} 是第 {version} 版 GGUF 文件，只支持第 2、3 版。请用当前的 llama.cpp 重新转换，或下载较新的文件。",
        "{path} is a GGUF file of version {version}; versions 2 and 3 are supported. Convert the model again with a "
        "current llama.cpp, or fetch a newer file.",
    ),
    "llm.gguf_architecture": (
        "{path} 的模型架构是 {name}，安装的 llama.cpp 不认识。请升级（`pip install -U xllamacpp`）；"
        "仍不认识的话，请换一个模型，例如 MiniCPM5-1B-GGUF。",
        "{path} is a model of the architecture {name}, which the installed llama.cpp does not know. Update it with "
        "`pip install -U xllamacpp`; if it still does not, take another model, for example MiniCPM5-1B-GGUF.",
    ),
    "llm.gguf_vocabulary": (
        "{path} 的词表种类是 {kind}，读不了。能读的有 llama（SentencePiece）和 gpt2，MiniCPM 的文件都是这两种。",
        "{path} has a vocabulary of kind {kind}, which cannot be read. llama (SentencePiece) and gpt2 can, which all "
        "MiniCPM files have.",
    ),
    "llm.gguf_not_loaded": _with(
        _FETCH_AGAIN,
        "llama.cpp 打不开 {path}：{why}。",
        "llama.cpp cannot load {path}: {why}.",
    ),
    "llm.gguf_no_gpu": (
        "设置要求使用 GPU，但安装的 llama.cpp 只会用处理器，或者没有找到 GPU。"
        "请把 MINICPM_RAG_DEVICE 设为 auto 或 cpu，或安装带 CUDA、Vulkan 等支持的 xllamacpp（见其说明）。",
        "A GPU is asked for, but the installed llama.cpp uses the processor only, or finds none. Set "
        "MINICPM_RAG_DEVICE to auto or cpu, or install an xllamacpp with CUDA, Vulkan or ROCm (see its README).",
    ),
    "llm.gguf_no_memory": (
        "{path} 和它的上下文约需 {size:bytes} 内存，现在空闲 {free:bytes}。请关掉别的程序，"
        "换用更小的文件（如 Q4_K_M），或调小 MINICPM_RAG_LLM_CONTEXT_TOKENS。",
        "{path} with its context takes about {size:bytes} of memory; {free:bytes} are free. Close other programs, "
        "take a smaller file (Q4_K_M, for example), or set MINICPM_RAG_LLM_CONTEXT_TOKENS lower.",
    ),
    "llm.gguf_no_schema": (
        "{path} 用的是 SentencePiece 词表，安装的 llama.cpp 无法让这种模型的回答符合 JSON 结构。"
        "请用这个模型的 safetensors 版，或 MiniCPM5 的 GGUF。",
        "{path} has a SentencePiece vocabulary, with which the installed llama.cpp cannot hold answers to a JSON "
        "schema. Take the model's safetensors version, or a GGUF of MiniCPM5.",
    ),
    "llm.gguf_refused": (
        "运行 {path} 的 llama.cpp 拒绝了这个请求：{why}",
        "llama.cpp, which runs {path}, refuses the request: {why}",
    ),
    "llm.gguf_ended": (
        "运行 {path} 的 llama.cpp 中途退出了（{why}）。再问一次会重新启动它；如果又退出，多半是内存不足或文件损坏。",
        "llama.cpp, which runs {path}, ended in the middle ({why}). Asking again starts it anew; where it ends again, "
        "memory is short or the file is damaged.",
    ),
    "llm.packing_unknown": (
        "{path} 的权重以 {kind} 方式压缩，读不了。能读的有 4 比特的 GPTQ、AWQ（gemm）和 "
        "compressed-tensors（pack-quantized）；请换用其中一种，或未压缩的版本。",
        "The weights of {path} are packed as {kind}, which cannot be read. GPTQ, AWQ (gemm) and compressed-tensors "
        "(pack-quantized) in 4 bits can; take one of these, or the full version.",
    ),
    "llm.adapter_without_base": (
        "{folder} 是 LoRA 适配器，它的基座模型 {base} 不在这台电脑上。"
        "请下载基座模型（`python -m minicpm_rag download {base} --dir {place}`），然后仍指定适配器的文件夹。",
        "{folder} is a LoRA adapter, and its base model {base} is not on this machine. Fetch the base with "
        "`python -m minicpm_rag download {base} --dir {place}`, then name the adapter's folder as now.",
    ),
    "llm.adapter_without_weights": (
        "{folder} 是 LoRA 适配器，但没有权重：{names:list} 都没有。",
        "{folder} is a LoRA adapter without weights: neither of {names:list} is there.",
    ),
    "llm.adapter_kind": (
        "{path} 描述的是 {kind} 适配器，只支持 LoRA（含 rsLoRA 和 DoRA）。请先把它合并到基座模型。",
        "{path} describes an adapter of kind {kind}; only LoRA (with rsLoRA and DoRA) is supported. "
        "Merge it into its base first.",
    ),
    "llm.adapter_misfit": (
        "{path} 要改动权重 {name}，而基座模型里没有它或形状不同：这个适配器属于另一个模型。",
        "{path} changes a weight {name!r} that the base model does not have, or has in another shape: "
        "the adapter belongs to another model.",
    ),
    "llm.config_unusable": ("按 {path} 建立不了模型：{why}", "{path} describes no model that can be built: {why}"),
    "llm.family_unknown": (
        "{path} 的 model_type 是 {family}，不支持。支持的有：{known:list}。",
        "{path} says model_type {family!r}, which is not supported. Supported: {known:list}.",
    ),
    "llm.family_refused": ("不能运行 {path} 的模型：{why}。", "The model of {path} cannot be run: it {why}."),
    "llm.mixture_of_experts": (
        "{path} 是混合专家模型（MiniCPM-MoE），不支持。支持的有：{known:list}。",
        "{path} describes a mixture-of-experts model (MiniCPM-MoE), which is not supported. Supported: {known:list}.",
    ),
    "llm.no_tokenizer": _with(
        _FETCH_AGAIN,
        "{folder} 里没有分词器：tokenizer.json 和 tokenizer.model 都没有。",
        "{folder} has no tokenizer: neither tokenizer.json nor tokenizer.model is there.",
    ),
    "llm.no_byte_pieces": (
        "{path} 不是 MiniCPM 的分词器（没有字节词元），请放入模型自己的 tokenizer.json。",
        "{path} has no byte pieces, so it is not a MiniCPM tokenizer. "
        "Add the tokenizer.json that belongs to the checkpoint.",
    ),
}

_FILES: dict[str, tuple[str, str]] = {
    "llm.no_weights": _with(
        _FETCH_AGAIN,
        "{folder} 里没有权重：model.safetensors 和 pytorch_model.bin（或它们的索引）都没有。",
        "{folder} has no weights: neither model.safetensors nor pytorch_model.bin (or an index of them) is there.",
    ),
    "llm.download_unfinished": ("有没下载完的文件（{names:list}）。", "A download is unfinished ({names:list})."),
    "llm.index_empty": _with(_FETCH_AGAIN, "{path} 里没有列出权重。", "{path} lists no weights."),
    "llm.index_bad_name": _with(
        _FETCH_AGAIN,
        "{path} 里的 {name} 不是文件名。",
        "{path} lists {name!r}, which is not a file name.",
    ),
    "llm.files_missing": _with(
        _FETCH_AGAIN,
        "{folder} 的 {count} 个权重文件缺了 {missing} 个：{names:list}。",
        "{folder} lacks {missing} of {count} weight files: {names:list}.",
    ),
    "llm.files_too_small": _with(
        _FETCH_AGAIN,
        "{folder} 的权重文件共 {size:,} 字节，{index} 写明至少 {total:,} 字节：有文件不完整。",
        "The weight files of {folder} have {size:,} bytes together, {index} says at least {total:,}: "
        "one was cut short.",
    ),
    "llm.unreadable": ("{path} 读不出来：{why}。", "{path} cannot be read: {why}."),
    "llm.empty_file": _with(_FETCH_AGAIN, "{path} 是空文件。", "{path} is empty."),
    "llm.lfs_pointer": (
        "{path} 只是 Git LFS 的指针，文件本身没有取来。"
        "请在那里运行 `git lfs pull`，或用 `python -m minicpm_rag download` 下载模型。",
        "{path} is only a Git LFS pointer; the file itself was not fetched. Run `git lfs pull` there, "
        "or download the model with `python -m minicpm_rag download`.",
    ),
    "llm.not_json": _with(_FETCH_AGAIN, "{path} 不是有效的 JSON（{why}）。", "{path} is not valid JSON ({why})."),
    "llm.not_json_object": _with(_FETCH_AGAIN, "{path} 不是 JSON 对象。", "{path} is not a JSON object."),
    "llm.cut_short": _with(
        _FETCH_AGAIN, "{path} 不完整，只有 {size:,} 字节。", "{path} was cut short at {size:,} bytes."
    ),
    "llm.cut_short_in_header": _with(
        _FETCH_AGAIN,
        "{path} 不完整，只有 {size:,} 字节，连文件头都没有齐。",
        "{path} was cut short at {size:,} bytes, inside its header.",
    ),
    "llm.cut_short_of": _with(
        _FETCH_AGAIN,
        "{path} 不完整：{total:,} 字节中只有 {size:,} 字节。",
        "{path} was cut short: {size:,} of {total:,} bytes are there.",
    ),
    "llm.damaged": _with(_FETCH_AGAIN, "{path} 已损坏或不完整（{why}）。", "{path} is damaged or cut short ({why})."),
    "llm.not_safetensors": _with(_FETCH_AGAIN, "{path} 不是 safetensors 文件。", "{path} is not a safetensors file."),
    "llm.safetensors_unreadable": _with(
        _FETCH_AGAIN,
        "{path} 不能按 safetensors 读取（{why}）。",
        "{path} cannot be read as safetensors ({why}).",
    ),
    "llm.could_run_code": (
        "{path} 里不只有权重，读取它可能会运行代码，所以没有读取。请换成可信来源的文件，最好是 safetensors 格式。",
        "{path} holds more than weights: reading it could run code, so it was not read. "
        "Use a copy from a source you trust, best in safetensors format.",
    ),
    "llm.no_weight_table": _with(_FETCH_AGAIN, "{path} 里没有权重表。", "{path} holds no table of weights."),
    "llm.weights_missing": _with(
        _FETCH_FOLDER_AGAIN,
        "{folder} 缺少 {count} 个权重，第一个是 {name}。",
        "{folder} lacks {count:weight|weights}, the first is {name!r}.",
    ),
    "llm.weights_missing_from": _with(
        _FETCH_FOLDER_AGAIN,
        "{folder} 缺少 {count} 个权重，第一个是 {name}，应在 {files:list} 里。",
        "{folder} lacks {count:weight|weights}, the first is {name!r}, which should be in {files:list}.",
    ),
    "llm.weight_unknown": _with(
        _FETCH_FOLDER_AGAIN,
        "{path} 里的权重 {name} 不属于这种模型结构。",
        "{path} has a weight {name!r} that this architecture does not know.",
    ),
    "llm.weight_shape": _with(
        _FETCH_FOLDER_AGAIN,
        "{path}：权重 {name} 的形状是 {shape}，config.json 要求 {wanted}。",
        "{path}: weight {name!r} has shape {shape}, but config.json needs {wanted}.",
    ),
    "llm.target_taken": (
        "{path} 已存在但不是模型，请换个文件夹，或删除它。",
        "{path} exists and is no checkpoint. Choose another folder, or remove it.",
    ),
    "llm.write_failed": (
        "写入 {path} 失败：{why}。已完成的部分在 {partial}；请腾出磁盘空间后再次运行同一命令。",
        "Writing {path} failed: {why}. What is done so far stays in {partial}; "
        "free the disk and run the same command again.",
    ),
}

_PLACEMENT: dict[str, tuple[str, str]] = {
    "llm.not_a_number": (
        "模型算出的不是数：数值溢出，或者微调已损坏。请设置 MINICPM_RAG_PRECISION=float32 再试，或换用另一个模型。",
        "The model computes no numbers any more: they overflow, or a fine-tune is broken. "
        "Try MINICPM_RAG_PRECISION=float32, or another model.",
    ),
    "llm.token_unknown": (
        "模型不认识词元“{token}”（{number}）：它的词表只有 {most} 项。分词器和权重不是一起的，请一并换成同一来源的。",
        "The model does not know the token {token!r} ({number}): its table has {most} rows. "
        "Tokenizer and weights do not belong together; take both from one place.",
    ),
    "llm.device_unknown": (
        "没有设备 {device}，请用 auto、cuda 或 cpu。",
        "Device {device!r} is not known. Use auto, cuda or cpu.",
    ),
    "llm.no_gpu": (
        "指定了设备 {device}，但 torch {version} 找不到 GPU。请改用 cpu 或 auto，或者安装 CUDA 版的 torch 和驱动。",
        "Device {device!r} was asked for, but torch {version} sees no GPU. "
        "Use device cpu or auto, or install a CUDA build of torch and the driver.",
    ),
    "llm.precision_unknown": (
        "没有精度 {precision}，可用的有 {known:list}。",
        "Precision {precision!r} is not known. Use one of {known:list}.",
    ),
    "llm.weights_unknown": (
        "没有权重格式 {weights}，可用的有 {known:list}。",
        "Weights {weights!r} are not known. Use one of {known:list}.",
    ),
    "llm.attention_unknown": (
        "没有注意力实现 {attention}，可用的有 {known:list}。",
        "Attention {attention!r} is not known. Use one of {known:list}.",
    ),
    "llm.flash_attention_unusable": (
        "flash_attention_2 需要 GPU 和 bfloat16 或 float16，现在是 {device} 和 {precision}。"
        "请设置 MINICPM_RAG_ATTENTION=sdpa。",
        "flash_attention_2 needs a GPU and bfloat16 or float16, not {device} and {precision}. "
        "Set MINICPM_RAG_ATTENTION=sdpa.",
    ),
    "llm.flash_attention_missing": (
        "指定了 flash_attention_2，但没有安装 flash-attn。"
        "请运行 `pip install 'minicpm-rag[gpu]'`，或设置 MINICPM_RAG_ATTENTION=sdpa。",
        "flash_attention_2 was asked for, but flash-attn is not installed. "
        "Run `pip install 'minicpm-rag[gpu]'`, or set MINICPM_RAG_ATTENTION=sdpa.",
    ),
    "llm.weights_need_engine": (
        "{weights} 权重需要 Granite 或 Llama 结构的模型、一块 NVIDIA GPU 和 Triton，这里没有全部具备。"
        "请设置 MINICPM_RAG_WEIGHTS=full，或换小一些的模型。",
        "{weights} weights need a Granite- or Llama-type checkpoint, one NVIDIA GPU and Triton, which are not all "
        "here. Set MINICPM_RAG_WEIGHTS=full, or choose a smaller model.",
    ),
    "llm.weights_do_not_fit": (
        "权重以 {precision} 需要 {size:bytes}，GPU 和主机一共空闲 {free:bytes}。"
        "请换小一些的模型，设置 MINICPM_RAG_WEIGHTS=int8 或 int4，或关闭其他程序。",
        "The weights need {size:bytes} in {precision}, but GPUs and host have {free:bytes} free together. "
        "Choose a smaller model, set MINICPM_RAG_WEIGHTS=int8 or int4, or close other programs.",
    ),
    "llm.weights_cannot_be_split": (
        "权重以 {precision} 需要 {size:bytes}，按模块分到 GPU 和主机内存也放不下。"
        "请换小一些的模型，或设置 MINICPM_RAG_WEIGHTS=int8 或 int4。",
        "The weights need {size:bytes} in {precision}; they do not fit GPUs and host memory module by module. "
        "Choose a smaller model, or set MINICPM_RAG_WEIGHTS=int8 or int4.",
    ),
    "llm.out_of_memory_loading": (
        "以 {precision} 加载 {size:bytes} 权重时内存不足。请关闭其他占用 GPU 的程序，设置 MINICPM_RAG_DEVICE=auto "
        "同时使用主机内存，设置 MINICPM_RAG_WEIGHTS=int8 或 int4，或换小一些的模型。",
        "The device ran out of memory while {size:bytes} of weights were loaded in {precision}. Close other programs "
        "that use the GPU, set MINICPM_RAG_DEVICE=auto to use the host's memory too, "
        "set MINICPM_RAG_WEIGHTS=int8 or int4, or choose a smaller model.",
    ),
}

_ANSWERING: dict[str, tuple[str, str]] = {
    "llm.prompt_too_long": (
        "提示词有 {prompt_tokens} 个词元，除去回答最多容得下 {limit_tokens} 个。请缩短文字，或调低 max_new_tokens。",
        "The prompt has {prompt_tokens} tokens, but at most {limit_tokens} fit beside the answer. "
        "Shorten the text or lower max_new_tokens.",
    ),
    "llm.closed": (
        "这个模型已关闭，请重新打开再提问。",
        "This model was closed. Open it again to ask it.",
    ),
    "llm.template_refuses": (
        "这个模型的对话模板不接受这些消息（{roles:list}）：{why}",
        "The chat template of this model refuses the messages ({roles:list}): {why}",
    ),
    "llm.template_endless": (
        "这个模型的对话模板运行了 {lines:,} 行还没有结束，请换一个模型文件。",
        "The chat template of this model had not ended after {lines:,} lines. Take another file of the model.",
    ),
    "llm.template_without_tools": (
        "这个模型的对话模板不支持工具，请换一个支持工具的模型（如 MiniCPM4 之后的版本），或用模型服务。",
        "The chat template of this model knows no tools. "
        "Choose a model that does (MiniCPM4 and later), or a model server.",
    ),
    "llm.no_constraint": (
        "不能让模型按这个格式输出（{why}）。需要 `pip install 'minicpm-rag[structured]'`。",
        "The model cannot be held to this schema ({why}). It needs `pip install 'minicpm-rag[structured]'`.",
    ),
    "llm.text_only": (
        "这个模型只读文字，消息里有 {kind}。",
        "This model reads text only; a message holds a {kind!r} block.",
    ),
    "llm.out_of_memory": (
        "提示词有 {prompt_tokens} 个词元、回答最长 {new_tokens} 个时内存不足，缩小缓存后仍然不够（{why}）。"
        "请减少参考段落、调低最长回答（max_new_tokens）、关闭其他占用 GPU 的程序、换小一些的模型，"
        "或设置 MINICPM_RAG_WEIGHTS=int8 或 int4。",
        "The device ran out of memory at a prompt of {prompt_tokens} tokens with up to {new_tokens} new ones, also "
        "with the smaller cache ({why}). Shorten the prompt (fewer passages), lower max_new_tokens, close other "
        "programs that use the GPU, or choose a smaller model or MINICPM_RAG_WEIGHTS=int8 or int4.",
    ),
    "llm.cache_too_small": (
        "缓存放不下提示词和回答一共 {tokens} 个词元。请减少参考段落，或调低最长回答（max_new_tokens）。",
        "The cache has no room for {tokens} tokens of prompt and answer. "
        "Shorten the prompt (fewer passages), or lower max_new_tokens.",
    ),
    "llm.no_memory_for_cache": (
        "权重占了 {size:bytes}，没有内存留给缓存。请关闭其他占用 GPU 的程序，或设置 MINICPM_RAG_WEIGHTS=int8 或 int4。",
        "No memory is left for the cache of a single request: the weights take {size:bytes}. "
        "Close other programs that use the GPU, or set MINICPM_RAG_WEIGHTS=int8 or int4.",
    ),
}

_SERVER: dict[str, tuple[str, str]] = {
    "llm.server_address": (
        "MINICPM_RAG_LLM_URL={address} 不是服务地址，应类似 http://127.0.0.1:8000/v1。",
        "MINICPM_RAG_LLM_URL={address!r} is no address. It looks like http://127.0.0.1:8000/v1.",
    ),
    "llm.server_lists_no_model": (
        "{url} 没有列出任何模型，请填写模型名称（MINICPM_RAG_LLM_MODEL）。",
        "The server at {url} lists no model. Set MINICPM_RAG_LLM_MODEL.",
    ),
    "llm.server_lists_no_chat_model": (
        "{url} 只列出了向量模型之类不能作答的模型（{models:list}），请填写会作答的模型名称（MINICPM_RAG_LLM_MODEL）。",
        "The server at {url} lists only models that write no answers ({models:list}). "
        "Set MINICPM_RAG_LLM_MODEL to one that does.",
    ),
    "llm.server_unknown_host": (
        "找不到模型服务 {url} 的主机名，请检查地址的拼写和网络。",
        "The host of the model server {url} is not known. Check how it is spelled, and the network.",
    ),
    "llm.server_certificate": (
        "模型服务 {url} 的证书不受信任（{why}）。如果它由你自己的机构签发，请把 SSL_CERT_FILE 设为该机构的证书文件。",
        "The certificate of the model server at {url} is not trusted: {why}. "
        "If an authority of your own signed it, set SSL_CERT_FILE to the file of its certificate.",
    ),
    "llm.server_no_tls": (
        "与模型服务 {url} 建立加密连接失败（{why}）。它是不是只支持 http://？",
        "No encrypted connection to the model server at {url} came about ({why}). Does it speak http:// only?",
    ),
    "llm.server_proxy": (
        "连接模型服务 {url} 要经过代理，但代理不能用（{why}）。"
        "请检查 HTTP_PROXY、HTTPS_PROXY 和 ALL_PROXY，或把主机名加到 NO_PROXY；"
        "SOCKS 代理需要 `pip install 'httpx[socks]'`。",
        "The proxy on the way to the model server at {url} does not work: {why}. Check HTTP_PROXY, HTTPS_PROXY and "
        "ALL_PROXY, or add the host to NO_PROXY; a SOCKS proxy needs `pip install 'httpx[socks]'`.",
    ),
    "llm.server_overloaded": (
        "模型服务 {url} 太忙，重试几次后仍然拒绝：{words}。请稍后再试。",
        "The model server at {url} is too busy and refused several times: {words}. Try again later.",
    ),
    "llm.server_broke_off": (
        "与模型服务 {url} 的连接在回答中途断开，请再试一次。",
        "The connection to the model server at {url} broke off in the middle of the answer. Try again.",
    ),
    "llm.only_thoughts": (
        "模型 {model} 把全部 {tokens} 个词元都用来思考，没有给出回答。"
        "请调高 MINICPM_RAG_LLM_THINKING_TOKENS，或换一个不思考的模型。",
        "The model {model} thought for all of its {tokens} tokens and gave no answer. "
        "Raise MINICPM_RAG_LLM_THINKING_TOKENS, or choose a model that does not think.",
    ),
    "llm.server_timeout": (
        "模型服务 {url} 超过 {seconds} 秒没有回应，是不是太忙了？",
        "The model server at {url} did not answer within {seconds} s. Is it overloaded?",
    ),
    "llm.server_unreachable": (
        "连不上模型服务 {url}（{why}），它启动了吗？",
        "The model server at {url} cannot be reached ({why}). Is it running there?",
    ),
    "llm.server_refuses_key": (
        "模型服务 {url} 拒绝了密钥，请检查密钥（MINICPM_RAG_LLM_API_KEY）。",
        "The model server at {url} refuses the key. Check MINICPM_RAG_LLM_API_KEY.",
    ),
    "llm.server_no_model": (
        "模型服务 {url} 没有模型 {model}，或者地址少了 /v1。它说：{words}",
        "The model server at {url} has no model {model!r}, or its address lacks /v1. It says: {words}",
    ),
    "llm.server_not_found": (
        "模型服务 {url} 没有可用的模型，或者地址少了 /v1。它说：{words}",
        "The model server at {url} has no model to offer, or its address lacks /v1. It says: {words}",
    ),
    "llm.server_prompt_too_long": (
        "模型服务 {url} 说提示词超过了上下文长度：{words}。请调低 MINICPM_RAG_LLM_CONTEXT_TOKENS，现在是 {limit}。",
        "The model server at {url} says the prompt is longer than its window: {words}. "
        "Lower MINICPM_RAG_LLM_CONTEXT_TOKENS, now {limit}.",
    ),
    "llm.server_error": (
        "模型服务 {url} 返回了错误：{words}",
        "The model server at {url} answered with an error: {words}",
    ),
    "llm.server_no_answer": (
        "模型服务 {url} 返回的不是回答（{why}），它与 OpenAI 兼容吗？",
        "The model server at {url} sent something that is no answer ({why}). Is it OpenAI-compatible?",
    ),
}

_BENCH: dict[str, tuple[str, str]] = {
    # Ways of decoding
    "llm.bench_tutorial": ("教程的写法：generate，缓存逐步变长", "tutorial: generate, growing cache"),
    "llm.bench_static": ("generate，固定缓存，已编译", "generate, static cache, compiled"),
    "llm.bench_uncompiled": ("本程序，内核编译好之前", "ours, before the kernels are compiled"),
    "llm.bench_ours": ("本程序", "ours"),
    "llm.bench_follow_up": (
        "本程序，追问，前 {tokens:,} 个词元相同",
        "ours, follow-up sharing {tokens:,} tokens",
    ),
    "llm.bench_together": ("本程序，{count} 个同时", "ours, {count} together"),
    "llm.bench_short_together": (
        "本程序，{count} 个同时，提示 {tokens:,} 个词元",
        "ours, {count} together, prompts of {tokens:,} tokens",
    ),
    "llm.bench_alike_together": (
        "本程序，{count} 个同时，前 {tokens:,} 个词元相同",
        "ours, {count} together sharing {tokens:,} tokens",
    ),
    "llm.bench_long": ("本程序，提示 {tokens:,} 个词元", "ours, a prompt of {tokens:,} tokens"),
    "llm.bench_undrafted": (
        "本程序，带引文的回答，{count} 个同时，逐个词元",
        "ours, quoting answers, {count} at once, one by one",
    ),
    "llm.bench_drafted": (
        "本程序，带引文的回答，{count} 个同时，先起草",
        "ours, quoting answers, {count} at once, drafted",
    ),
    "llm.bench_quantized": ("本程序，权重 {weights}，缓存 {cache}", "ours, weights {weights}, cache {cache}"),
    "llm.bench_quantized_together": (
        "本程序，权重 {weights}，缓存 {cache}，{count} 个同时",
        "ours, weights {weights}, cache {cache}, {count} together",
    ),
    # Notes on them
    "llm.bench_first_call": ("第一次多用 {seconds:.1f} 秒", "first call {seconds:.1f} s longer"),
    "llm.bench_ready": ("{seconds:.1f} 秒后就绪", "ready in {seconds:.1f} s"),
    "llm.bench_total": (
        "合计；首个词元按最后一个算；两个词元之间最长 {longest:.0f} 毫秒",
        "total; first token: the last one's; longest wait between two {longest:.0f} ms",
    ),
    "llm.bench_answers": (
        "{answers} 个回答，{tokens:,} 个词元，每步 {each:.2f} 个",
        "{answers} answers, {tokens:,} tokens, {each:.2f} a step",
    ),
    "llm.bench_logits_change": ("logits 变化 {share:.1%}", "logits change {share:.1%}"),
    # Errors
    "llm.bench_shape_unknown": (
        "不知道 {name} 的形状，可用的有 {known:list}。",
        "No shape is known for {name!r}. Use one of {known:list}.",
    ),
    "llm.bench_void": (
        "模型没有说出指定的文字，这次测量无效。请反馈给开发者。",
        "The model did not say what it was made to say; the measurement is void. Please report it.",
    ),
    "llm.bench_not_compiled": (
        "{seconds} 秒内没有编译好内核，原因见日志。",
        "The kernels were not compiled within {seconds} s; the log says why.",
    ),
    "llm.bench_questions_unreadable": (
        "{path} 读不出来：{why}。请指定存有 passages.jsonl 和 questions.jsonl 的文件夹。",
        "{path} cannot be read: {why}. Name a folder with passages.jsonl and questions.jsonl.",
    ),
}

TEXTS: dict[str, tuple[str, str]] = {**_FOLDER, **_FILES, **_PLACEMENT, **_ANSWERING, **_SERVER, **_BENCH}
