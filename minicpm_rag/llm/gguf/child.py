"""llama.cpp in a process of its own: `python -m minicpm_rag.llm.gguf.child`.

A process of its own, because llama.cpp ends its process where a check in it fails, because the system then takes this
one where memory runs out, and because all memory is free again when it has ended. The request is one JSON line on
stdin. The answer is one JSON line on stdout: where llama.cpp's own server listens, on this machine only and for whoever
has the key, or why it does not. When stdin closes, the process ends. llama.cpp's words go to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> int:
    """Load the model, tell where it is served, and stay until the parent is gone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not come between

    def answer(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    request = json.loads(sys.stdin.readline())
    try:
        import xllamacpp
    except ImportError as error:
        answer(failure="no_extra", why=str(error))
        return 1
    devices = [found["name"] for found in xllamacpp.get_device_info() if found["name"] != "CPU"]
    if request["device"] == "cuda" and not devices:
        answer(failure="no_gpu")
        return 1
    devices = [] if request["device"] == "cpu" else devices
    if not devices and (free := _free_memory()) < request["memory"]:
        answer(failure="no_memory", free=free)
        return 1
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, request, bool(devices)))
    except RuntimeError:  # the reason is among the words on stderr
        answer(failure="not_loaded")
        return 1
    answer(address=server.listening_address, devices=devices)
    while sys.stdin.readline():
        pass
    os._exit(0)  # an answer under way is nobody's any more


def _parameters(xllamacpp: Any, request: dict[str, Any], on_gpu: bool) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = request["path"]
    parameters.n_parallel = request["slots"]
    parameters.n_ctx = request["context"] * request["slots"]
    parameters.kv_unified = False  # each answer has its whole context
    parameters.ctx_shift = False  # an answer ends where the context does, instead of forgetting its beginning
    parameters.n_batch = parameters.n_ubatch = 256  # a question that is given up is noticed between batches
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = request["threads"]
    parameters.n_gpu_layers = -1 if on_gpu else 0  # as many as fit
    parameters.fit_params = on_gpu
    parameters.cache_ram_mib = 0  # up to 8 GB of old prompts otherwise
    parameters.warmup = False
    parameters.port = 0
    parameters.hostnames = ["127.0.0.1"]
    parameters.api_keys = [request["key"]]
    parameters.ui = parameters.endpoint_slots = False
    parameters.verbosity = 1  # errors
    return parameters


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


if __name__ == "__main__":
    sys.exit(main())
