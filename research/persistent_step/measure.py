"""Measures the persistent step on a GPU beside the engine's kernels: right first, then how quick.

    python research/persistent_step/measure.py MiniCPM-2B [full int8 int4] [--variants]

Prints the distance of both from plain torch on the same slot, microseconds for layers and head, and with the choice.
Variants leave a part out, or change a constant, to show where the time goes; their results are wrong.
"""

from __future__ import annotations

import argparse
import re
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import nvrtc
import step
import torch

from minicpm_rag.bench import random_model, read_bandwidth
from minicpm_rag.llm.decoding import GraphEngine, fast, plain
from minicpm_rag.llm.decoding.cache import BLOCK
from minicpm_rag.llm.generation import Sampling

TOKENS = 2048


def without_waiting(text: str) -> str:
    """Nobody waits for the others' results: what memory and instructions allow."""
    text = re.sub(r"\} while \(!has\([^;]*\);", "} while (false);", text)
    return text.replace("while (!has(load_one(word), flag)) {", "while (false) {")


def without_weights(text: str) -> str:
    """No weight is read: what instructions and waiting take."""
    text = re.sub(r"expect_bytes\(w.full \+ place, [^;]*;", "arrive(w.full + place);", text)
    return text.replace("if (w.lane < 8) copy(", "if (false) copy(").replace("&& w.lane >= 8 &&", "&& false &&")


VARIANTS: dict[str, tuple[Callable[[str], str], dict[str, int]]] = {
    "as it is": (lambda text: text, {}),
    "without waiting": (without_waiting, {}),
    "without weights": (without_weights, {}),
    "keys not brought near": (lambda text: text.replace("    bring_tokens_near(", "    if (0) bring_tokens_near("), {}),
    "4 steps at a time": (lambda text: text.replace("AT_A_TIME = 6", "AT_A_TIME = 4"), {}),
    "12 steps at a time": (lambda text: text.replace("AT_A_TIME = 6", "AT_A_TIME = 12"), {}),
    "4 warps": (lambda text: text, {"WARPS": 4}),
    "a shorter ring": (lambda text: text, {"STAGES": 8}),
}


def microseconds(work: Callable[[], Any]) -> float:
    """The median time of ten launches in one graph, a launch."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        work()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for _ in range(10):
                work()
        times = []
        for _ in range(20):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record(stream)
            graph.replay()
            end.record(stream)
            end.synchronize()
            times.append(begin.elapsed_time(end) * 100)
    return statistics.median(times)


def made(decoder: Any, edit: Callable[[str], str], change: dict[str, int]) -> step.PersistentStep:
    """The step from an edited text with changed constants."""
    device = decoder.weights.device
    programs = step.programs(decoder.weights, torch.cuda.get_device_properties(device).multi_processor_count)
    known = step.constants(decoder, programs) | change
    known.setdefault("STAGES", step.stages(known, nvrtc.largest_shared_memory(device)))
    return step.PersistentStep(decoder, step.compiled(decoder, edit(step.source()), known))


@torch.inference_mode()
def measure(model: Any, weights: Any, variants: bool) -> None:
    """Print what one engine and the step make of the same slot."""
    engine = GraphEngine(model, drafting=False, weights=weights)
    while not engine.ready:  # its kernels are being compiled and run
        time.sleep(0.1)
    decoder, rows = engine._decoder, torch.tensor([0], device="cuda")
    prompt = torch.randint(3, model.config.vocab_size - 3, (TOKENS,)).tolist()
    list(engine.stream(prompt, Sampling(max_new_tokens=8, seed=1), threading.Event()))  # fills the first slot
    state, length = decoder.state, int(decoder.state.length[0])
    ids = plain.begin(state, rows, 1)

    def layered(operations: Any) -> Any:
        def attend(qkv: Any, layer: int) -> Any:
            cache = decoder.pool.layers[layer]
            return operations.attention(qkv, decoder.weights, cache, decoder.rope, state, rows, length // BLOCK + 1)

        return decoder.logits(decoder._layers(ids.flatten(), operations, attend), operations)

    wanted = layered(plain).clone()
    whole = made(decoder, *VARIANTS["as it is"])
    for name, logits in (("persistent", whole.logits(rows)), ("kernels", layered(fast))):
        print(f"{weights} {name}: {float((logits - wanted).norm() / wanted.norm()):.4f} from plain torch", flush=True)
    print(f"kernels {microseconds(lambda: layered(fast)):.0f} us", flush=True)
    print(f"persistent with the choice {microseconds(lambda: whole.choose(rows)):.0f} us", flush=True)
    for name, (edit, change) in VARIANTS.items():
        state.length[0] = length
        if variants or name == "as it is":
            one = made(decoder, edit, change)
            print(f"persistent, {name}: {microseconds(lambda one=one: one.logits(rows)):.0f} us", flush=True)
    engine.close()


def main() -> None:
    """Measure one shape in the asked numbers of bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape")
    parser.add_argument("weights", nargs="*", default=["full"])
    parser.add_argument("--variants", action="store_true")
    options = parser.parse_args()
    print(f"reading {read_bandwidth('cuda') / 1e12:.2f} TB/s")
    model = random_model(options.shape, "cuda", torch.bfloat16)
    for weights in options.weights:
        measure(model, weights, options.variants)


if __name__ == "__main__":
    main()
