"""The sentences of errors about language models in Chinese; see chinese_errors."""

from __future__ import annotations

_CHECKPOINT = {
    "{folder} is not a folder. Name the folder that holds config.json and the weights.": (
        "{folder} 不是文件夹，请指定存放 config.json 和权重的文件夹。"
    ),
    "{folder} has no config.json, so it is not a checkpoint folder.": "{folder} 里没有 config.json，不是模型文件夹。",
    "{folder} is not the folder of a model: it has no config.json.": "{folder} 不是模型文件夹：里面没有 config.json。",
    "Run `minicpm-rag models` for what can be downloaded.": "可下载的模型见 minicpm-rag models。",
    "{path} describes no model that can be built: {why}": "按 {path} 建立不了模型：{why}",
    "{path} says model_type {kind}, which is not supported. Supported: {known}.": (
        "{path} 的 model_type 是 {kind}，不支持。支持的有：{known}。"
    ),
    "{folder} lacks {count} weights, the first is {name}. "
    "The folder is incomplete or belongs to another config.json; fetch it again.": (
        "{folder} 缺少 {count} 个权重，第一个是 {name}。文件夹不完整，或者与 config.json 不符，请重新下载。"
    ),
    "{folder} lacks {count} weights, the first is {name}, which should be in {files}. "
    "The folder is incomplete or belongs to another config.json; fetch it again.": (
        "{folder} 缺少 {count} 个权重，第一个是 {name}，应在 {files} 里。"
        "文件夹不完整，或者与 config.json 不符，请重新下载。"
    ),
    "{path} has a weight {name} that this architecture does not know.": "{path} 里的权重 {name} 不属于这种模型结构。",
    "{path}: weight {name} has shape {shape}, but config.json needs {wanted}.": (
        "{path}：权重 {name} 的形状是 {shape}，config.json 要求 {wanted}。"
    ),
    "{folder} has no tokenizer: neither tokenizer.json nor tokenizer.model is there.": (
        "{folder} 里没有分词器：tokenizer.json 和 tokenizer.model 都没有。"
    ),
    "{path} has no byte pieces, so it is not a MiniCPM tokenizer. "
    "Add the tokenizer.json that belongs to the checkpoint.": (
        "{path} 不是 MiniCPM 的分词器，请放入模型自己的 tokenizer.json。"
    ),
    "{path} cannot be read ({why}).": "{path} 读不出来（{why}）。",
    "{path} cannot be read: {why}.": "{path} 读不出来：{why}。",
    "{path} is damaged or cut short.": "{path} 已损坏或不完整。",
    "{path} is damaged or cut short ({why}).": "{path} 已损坏或不完整（{why}）。",
    "{folder} has no weights: neither model.safetensors nor pytorch_model.bin (or an index of them) is there.": (
        "{folder} 里没有权重：model.safetensors 和 pytorch_model.bin（或它们的索引）都没有。"
    ),
    "A download is unfinished ({names}).": "有没下载完的文件（{names}）。",
    "{path} lists no weights.": "{path} 里没有列出权重。",
    "{path} lists {name}, which is not a file name.": "{path} 里的 {name} 不是文件名。",
    "{folder} lacks {missing} of {count} weight files: {names}.": (
        "{folder} 的 {count} 个权重文件缺了 {missing} 个：{names}。"
    ),
    "The weight files of {folder} have {size} bytes together, {index} says at least {total}: one was cut short.": (
        "{folder} 的权重文件共 {size} 字节，{index} 写明至少 {total} 字节：有文件不完整。"
    ),
    "{path} is empty.": "{path} 是空文件。",
    "{path} is only a Git LFS pointer; the file itself was not fetched.": (
        "{path} 只是 Git LFS 的指针，文件本身没有取来。"
    ),
    "Run `git lfs pull` there, or download the model with `python -m minicpm_rag download`.": (
        "请在那里运行 git lfs pull，或用 python -m minicpm_rag download 下载模型。"
    ),
    "{path} is not a JSON object.": "{path} 不是 JSON 对象。",
    "{path} is not valid JSON ({why}).": "{path} 不是有效的 JSON（{why}）。",
    "{path} was cut short: {size} of {total} bytes are there.": "{path} 不完整：{total} 字节中只有 {size} 字节。",
    "{path} was cut short at {size} bytes.": "{path} 不完整，只有 {size} 字节。",
    "{path} was cut short at {size} bytes, inside its header.": "{path} 不完整，只有 {size} 字节，连文件头都没有齐。",
    "{path} holds no table of weights.": "{path} 里没有权重表。",
    "{path} holds more than weights: reading it could run code, so it was not read. "
    "Use a copy from a source you trust, best in safetensors format.": (
        "{path} 里不只有权重，读取它可能会运行代码，所以没有读取。请换成可信来源的文件，最好是 safetensors 格式。"
    ),
    "{path} is not a safetensors file.": "{path} 不是 safetensors 文件。",
    "{path} cannot be read as safetensors ({why}).": "{path} 不能按 safetensors 读取（{why}）。",
    "Fetch it again: `python -m minicpm_rag download` {rest} every file.": (
        "请重新下载：python -m minicpm_rag download 会检查每个文件。"
    ),
    "Fetch the folder again: `python -m minicpm_rag download` checks every file.": (
        "请重新下载整个文件夹：python -m minicpm_rag download 会检查每个文件。"
    ),
    "{path} exists and is no checkpoint. Choose another folder, or remove it.": (
        "{path} 已存在但不是模型，请换个文件夹，或删除它。"
    ),
    "Writing {path} failed: {why}. What is done so far stays in {partial}; "
    "free the disk and run the same command again.": (
        "写入 {path} 失败：{why}。已完成的部分在 {partial}；请腾出磁盘空间后再次运行。"
    ),
}

_MODEL = {
    "There is no question. Type one, or pass {what}.": "没有问题，请输入一个。",
    "The prompt has {tokens} tokens, but at most {most} fit beside the answer. "
    "Shorten the text or lower max_new_tokens.": (
        "提示词有 {tokens} 个 token，最多只能放 {most} 个。请缩短问题、减少参考段落，或调低最长回答。"
    ),
    "This model was closed. Open it again to ask it.": "这个模型已关闭，请重新打开再提问。",
    "The chat template of this model refuses the messages ({roles}): {why}": (
        "这个模型的对话模板不接受这些消息（{roles}）：{why}"
    ),
    "This model reads text only; a message holds a {kind} block.": "这个模型只读文字，消息里有 {kind}。",
    "Device {name} is not known. Use auto, cuda or cpu.": "没有设备 {name}，请用 auto、cuda 或 cpu。",
    "Device {name} was asked for, but torch {version} sees no GPU. "
    "Use device cpu or auto, or install a CUDA build of torch and the driver.": (
        "指定了设备 {name}，但 torch {version} 找不到 GPU。请改用 cpu 或 auto，或者安装 CUDA 版的 torch 和驱动。"
    ),
    "Precision {name} is not known. Use one of {known}.": "没有精度 {name}，可用的有 {known}。",
    "Weights {name} are not known. Use one of {known}.": "没有权重格式 {name}，可用的有 {known}。",
    "Attention {name} is not known. Use one of {known}.": "没有注意力实现 {name}，可用的有 {known}。",
    "flash_attention_2 needs a GPU and bfloat16 or float16, not {device} and {precision}. "
    "Set MINICPM_RAG_ATTENTION=sdpa.": (
        "flash_attention_2 需要 GPU 和 bfloat16 或 float16，现在是 {device} 和 {precision}。"
        "请设置 MINICPM_RAG_ATTENTION=sdpa。"
    ),
    "flash_attention_2 was asked for, but flash-attn is not installed. "
    "Run `pip install 'minicpm-rag[gpu]'`, or set MINICPM_RAG_ATTENTION=sdpa.": (
        "指定了 flash_attention_2，但没有安装 flash-attn。"
        "请运行 pip install 'minicpm-rag[gpu]'，或设置 MINICPM_RAG_ATTENTION=sdpa。"
    ),
    "{kind} weights need an NVIDIA GPU. Set MINICPM_RAG_WEIGHTS=full for device {device}.": (
        "{kind} 权重需要 NVIDIA GPU。设备是 {device} 时请设置 MINICPM_RAG_WEIGHTS=full。"
    ),
    "{kind} weights need a Granite- or Llama-type checkpoint, one NVIDIA GPU and Triton, which are not all here. "
    "Set MINICPM_RAG_WEIGHTS=full, or choose a smaller model.": (
        "{kind} 权重需要 Granite 或 Llama 结构的模型、一块 NVIDIA GPU 和 Triton，这里没有全部具备。"
        "请设置 MINICPM_RAG_WEIGHTS=full，或换小一些的模型。"
    ),
    "The device ran out of memory while {size} GB of weights were loaded in {precision}. Close other programs that "
    "use the GPU, set MINICPM_RAG_DEVICE=auto to use the host's memory too, set MINICPM_RAG_WEIGHTS=int8 or int4, "
    "or choose a smaller model.": (
        "以 {precision} 加载 {size} GB 权重时内存不足。请关闭其他占用 GPU 的程序，设置 MINICPM_RAG_DEVICE=auto "
        "同时使用主机内存，设置 MINICPM_RAG_WEIGHTS=int8 或 int4，或换小一些的模型。"
    ),
    "The weights need {size} GB in {precision}, but GPUs and host have {free} GB free together. "
    "Choose a smaller model, set MINICPM_RAG_WEIGHTS=int8 or int4, or close other programs.": (
        "权重以 {precision} 需要 {size} GB，GPU 和主机一共空闲 {free} GB。"
        "请换小一些的模型，设置 MINICPM_RAG_WEIGHTS=int8 或 int4，或关闭其他程序。"
    ),
    "The weights need {size} GB in {precision}; they do not fit GPUs and host memory module by module. "
    "Choose a smaller model, or set MINICPM_RAG_WEIGHTS=int8 or int4.": (
        "权重以 {precision} 需要 {size} GB，分到 GPU 和主机内存也放不下。"
        "请换小一些的模型，或设置 MINICPM_RAG_WEIGHTS=int8 或 int4。"
    ),
    "The device ran out of memory at a prompt of {tokens} tokens with up to {most} new ones, also with the smaller "
    "cache ({why}). Shorten the prompt (fewer passages), lower max_new_tokens, close other programs that use the "
    "GPU, or choose a smaller model or MINICPM_RAG_WEIGHTS=int8 or int4.": (
        "提示词有 {tokens} 个 token、回答最长 {most} 个时内存不足，缩小缓存后仍然不够（{why}）。请减少参考段落、"
        "调低最长回答、关闭其他占用 GPU 的程序、换小一些的模型，或设置 MINICPM_RAG_WEIGHTS=int8 或 int4。"
    ),
    "The cache has no room for a text of {tokens} tokens.": "缓存放不下 {tokens} 个 token 的文字。",
    "The cache has no room for a text of {tokens} tokens any more.": "缓存已经放不下 {tokens} 个 token 的文字。",
    "No memory is left for the cache of a single text: the weights take {size} GB. "
    "Close other programs that use the GPU, or set MINICPM_RAG_WEIGHTS=int8 or int4.": (
        "权重占了 {size} GB，没有内存留给缓存。请关闭其他占用 GPU 的程序，或设置 MINICPM_RAG_WEIGHTS=int8 或 int4。"
    ),
}

_SERVER = {
    "{variable}={address} is no address. It looks like http://127.0.0.1:8000/v1.": (
        "{address} 不是服务地址，应类似 http://127.0.0.1:8000/v1。"
    ),
    "The server at {url} lists no model. Set MINICPM_RAG_LLM_MODEL.": (
        "{url} 没有列出任何模型，请填写模型名称（MINICPM_RAG_LLM_MODEL）。"
    ),
    "The model server at {url} did not answer within {seconds} s. Is it overloaded?": (
        "模型服务 {url} 超过 {seconds} 秒没有回应，是不是太忙了？"
    ),
    "The model server at {url} cannot be reached ({why}). Is it running there?": (
        "连不上模型服务 {url}（{why}），它启动了吗？"
    ),
    "The model server at {url} refuses the key. Check MINICPM_RAG_LLM_API_KEY.": (
        "模型服务 {url} 拒绝了密钥，请检查密钥（MINICPM_RAG_LLM_API_KEY）。"
    ),
    "The model server at {url} has no model {name}, or its address lacks /v1. It says: {words}": (
        "模型服务 {url} 没有模型 {name}，或者地址少了 /v1。它说：{words}"
    ),
    "The model server at {url} says the prompt is longer than its window: {words}. "
    "Lower MINICPM_RAG_LLM_CONTEXT_TOKENS, now {limit}.": (
        "模型服务 {url} 说提示词超过了上下文长度：{words}。请调低 MINICPM_RAG_LLM_CONTEXT_TOKENS，现在是 {limit}。"
    ),
    "The model server at {url} answered with an error: {words}": "模型服务 {url} 返回了错误：{words}",
    "The model server at {url} sent something that is no answer ({why}). Is it OpenAI-compatible?": (
        "模型服务 {url} 返回的不是回答（{why}），它与 OpenAI 兼容吗？"
    ),
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

MODEL_ERRORS = _CHECKPOINT | _MODEL | _SERVER | _DOWNLOAD
