"""Train the tiny reader: `python tests/support/train_tiny_model.py TARGET`, about four minutes on one H200.

Writes a MiniCPM checkpoint folder as the real ones are laid out (Granite's weights under MiniCPM's
configuration), of at most 4 MB. It learns `tiny_language`, in the chain's own prompt, until it answers what
was held out. It is run by hand when the prompt changes; the weights in `data/tiny-reader` are its result.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy
import torch
from tiny_language import (
    CITIES_ZH,
    COLOURS_ZH,
    GIVEN,
    KINDS_ZH,
    NAME_HANZI,
    SURNAMES,
    Example,
    make_example,
)  # fmt: skip

SEED = 20260
CONFIG: dict[str, Any] = {
    "_name_or_path": "tiny-reader",
    "architectures": ["MiniCPMForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_minicpm.MiniCPMConfig",
        "AutoModelForCausalLM": "modeling_minicpm.MiniCPMForCausalLM",
    },
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "initializer_range": 0.05,
    "rms_norm_eps": 1e-05,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.36.0",
    "use_cache": True,
    "hidden_size": 192,
    "intermediate_size": 384,
    "num_attention_heads": 6,
    "num_hidden_layers": 5,
    "num_key_value_heads": 3,
    "scale_emb": 4,
    "dim_model_base": 64,
    "scale_depth": 1.4,
    "max_position_embeddings": 2048,
    "model_type": "minicpm",
}
# (share of the run, passages, sentences a passage): short prompts first, or copying is never found.
STAGES = ((0.15, (1, 2), (1, 2)), (0.25, (1, 3), (1, 4)), (0.40, (1, 5), (1, 5)), (0.20, (1, 6), (1, 8)))
PROMPT_LOSS = 0.1  # names repeat inside a prompt, so guessing it teaches to look back
MERGES = 480


# The tokenizer


def build_tokenizer(folder: Path) -> None:
    """Train a small byte-fallback BPE on the language's fixed words and write it as MiniCPM's is written."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    rng = random.Random(SEED)
    texts = [_without_slots(make_example(rng, held_out=False)) for _ in range(4000)]
    # Merges must not cross these pieces; the pieces themselves are not part of the tokenizer that is written.
    pieces = pre_tokenizers.Split(Regex(r"▁?[A-Za-z]+|[\u4e00-\u9fff]+|.|\n"), "isolated")
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    special = ["<unk>", "<s>", "</s>"]
    names = NAME_HANZI + SURNAMES + GIVEN + "市路号" + "".join((*CITIES_ZH, *COLOURS_ZH, *KINDS_ZH))
    letters = "".join(chr(code) for code in range(33, 127))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pieces
    alphabet = sorted(set(names + letters + "▁\n" + "".join(texts)) - {" "})
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + MERGES,
        special_tokens=[],
        initial_alphabet=alphabet,
        max_token_length=12,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    tokens = [
        *special,
        *(f"<0x{byte:02X}>" for byte in range(256)),
        *sorted(trained["vocab"], key=trained["vocab"].get),
    ]
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in trained["merges"]]
    final = Tokenizer(
        models.BPE(
            {token: number for number, token in enumerate(tokens)},
            merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    final.normalizer = normalizer
    final.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    final.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    final.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    folder.mkdir(parents=True, exist_ok=True)
    final.save(str(folder / "tokenizer.json"), pretty=False)
    template = (
        "{% for message in messages %}{% if message['role'] == 'user' %}"
        "{{'<用户>' + message['content'].strip() + '<AI>'}}"
        "{% else %}{{message['content'].strip()}}{% endif %}{% endfor %}"
    )
    ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    written = {
        "tokenizer_config.json": {
            "add_bos_token": True,
            "add_eos_token": False,
            **ends,
            "clean_up_tokenization_spaces": False,
            "legacy": True,
            "tokenizer_class": "LlamaTokenizer",
            "chat_template": template,
        },
        "special_tokens_map.json": ends,
        "generation_config.json": {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2},
        "config.json": {**CONFIG, "vocab_size": len(tokens)},
    }
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def _without_slots(example: Example) -> str:
    """The example's text without names and values, so that they stay single characters, which copy well."""
    text = f"<用户>{example.prompt()}<AI>{example.answer}"
    slots = {fact.name for fact in example.facts} | {fact.value for fact in example.facts}
    for slot in sorted(slots, key=len, reverse=True):
        text = text.replace(slot, "\n")
    return "".join(" " if character.isdigit() else character for character in text)


# The data


@dataclass(frozen=True)
class Data:
    """Encoded examples end to end: token ids with the end token, where each starts, each prompt's length."""

    ids: numpy.ndarray
    starts: numpy.ndarray
    prompts: numpy.ndarray

    def __len__(self) -> int:
        return len(self.prompts)

    def lengths(self) -> numpy.ndarray:
        """Tokens of each example."""
        return numpy.diff(self.starts)

    def first(self, count: int) -> Data:
        """The first examples only."""
        return Data(self.ids, self.starts[: count + 1], self.prompts[:count])


def _encode(job: tuple[str, int, int, bool, tuple[int, int], tuple[int, int]]) -> Data:
    folder, seed, count, held_out, passages, facts = job
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    rng = random.Random(seed)
    ids: list[int] = []
    starts, prompts = [0], []
    for _ in range(count):
        example = make_example(rng, held_out=held_out, passages=passages, facts=facts)
        prompt = example.prompt() if held_out else _reworded(rng, example.prompt())
        start = f"<用户>{prompt.strip()}<AI>"
        prompts.append(len(tokenizer.encode(start).ids))
        ids += [*tokenizer.encode(start + example.answer).ids, 2]
        starts.append(len(ids))
    return Data(numpy.array(ids, numpy.int16), numpy.array(starts, numpy.int64), numpy.array(prompts, numpy.int64))


def _reworded(rng: random.Random, prompt: str) -> str:
    """Now and then a prompt with a changed instruction: the reader should not hang on its exact words."""
    instruction, rest = prompt.split("\n\n", 1)
    if rng.random() < 0.25:
        cut = sorted(rng.sample(range(len(instruction) + 1), 2))
        instruction = instruction[: cut[0]] + instruction[cut[1] :]
    return f"{instruction}\n\n{rest}"


def start_data(
    pool: Any,
    folder: Path,
    count: int,
    passages: tuple[int, int],
    facts: tuple[int, int],
    *,
    held_out: bool,
    seed: int,
) -> Callable[[], Data]:
    """Have examples made beside the training; the function that comes back waits for them."""
    parts = max(1, count // 2000)
    jobs = [(str(folder), seed * 1_000_003 + part, count // parts, held_out, passages, facts) for part in range(parts)]
    pending = pool.map_async(_encode, jobs, chunksize=1)

    @cache
    def finished() -> Data:
        made = pending.get()
        offsets = numpy.cumsum([0, *(len(data.ids) for data in made)])
        starts = [data.starts[:-1] + offset for data, offset in zip(made, offsets, strict=False)]
        return Data(
            numpy.concatenate([data.ids for data in made]),
            numpy.concatenate([*starts, offsets[-1:]]),
            numpy.concatenate([data.prompts for data in made]),
        )

    return finished


def batches(data: Data, tokens: int, rng: random.Random) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of `tokens` tokens, of examples of about one length, with the weight of each token."""
    lengths = data.lengths()
    order = numpy.argsort(lengths + numpy.random.default_rng(rng.randrange(1 << 30)).random(len(data)) * 24)
    groups: list[list[int]] = [[]]
    for index in order.tolist():
        if groups[-1] and (len(groups[-1]) + 1) * _padded(int(lengths[index])) > tokens:
            groups.append([])
        groups[-1].append(index)
    while True:
        rng.shuffle(groups)
        for group in groups:
            width = _padded(int(lengths[group].max()))
            ids = numpy.full((len(group), width), 2, dtype=numpy.int64)
            weights = numpy.zeros((len(group), width), dtype=numpy.float32)
            for row, index in enumerate(group):
                length, prompt = int(lengths[index]), int(data.prompts[index])
                ids[row, :length] = data.ids[data.starts[index] : data.starts[index + 1]]
                weights[row, 1:prompt] = PROMPT_LOSS
                weights[row, prompt:length] = 1
            yield torch.from_numpy(ids), torch.from_numpy(weights)


def _padded(length: int) -> int:
    return -(-length // 32) * 32


# The model


def new_model(folder: Path) -> Any:
    """A fresh Granite model with MiniCPM's three scalings, as the project reads the folder."""
    from transformers import GraniteForCausalLM

    from minicpm_rag.llm.checkpoint import read_config

    torch.manual_seed(SEED)
    return GraniteForCausalLM(read_config(folder))


def losses(model: Any, ids: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The weighted loss, and whether each example's answer would be generated exactly (greedy)."""
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    targets, weight = ids[:, 1:], weights[:, 1:]
    each = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    answer = weight == 1
    exact = ((logits.argmax(-1) == targets) | ~answer).all(-1)
    weight = weight.flatten()
    return (each * weight).sum() / weight.sum(), exact


def accuracy(model: Any, data: Data, tokens: int, device: str) -> float:
    """Share of examples whose whole answer, mark and end included, is what greedy decoding writes."""
    right = total = 0
    stream = batches(data, tokens, random.Random(0))
    with torch.no_grad(), torch.autocast(device, torch.bfloat16):
        while total < len(data):
            ids, weights = next(stream)
            _, exact = losses(model, ids.to(device), weights.to(device))
            right, total = right + int(exact.sum()), total + len(exact)
    return right / total


def train(
    model: Any,
    stages: Sequence[Callable[[], Data]],
    tests: Sequence[Callable[[], Data]],
    options: Any,
    device: str,
) -> None:
    """AdamW against the clock: a short warm-up, then a cosine down to 2 %; the stage follows too."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.98), fused=device == "cuda")
    rng = random.Random(SEED)
    shares = [share for share, _, _ in STAGES[options.first_stage :]]
    ends = [sum(shares[: number + 1]) / sum(shares) for number in range(len(shares))]
    streams: dict[int, Iterator[tuple[torch.Tensor, torch.Tensor]]] = {}
    began, step, shown = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - began) / options.seconds) < 1:
        stage = options.first_stage + next((n for n, end in enumerate(ends) if done < end), len(ends) - 1)
        if stage not in streams:
            streams[stage] = batches(stages[stage](), options.tokens, rng)
        ids, weights = next(streams[stage])
        rate = options.rate * min(1, (step + 1) / 200) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(device, torch.bfloat16):
            loss, exact = losses(model, ids.to(device, non_blocking=True), weights.to(device, non_blocking=True))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        if done - shown > 0.05:
            shown = done
            score = accuracy(model, tests[stage]().first(options.probe), options.tokens, device)
            now = f"{done:.2f} step {step} stage {stage} loss {loss.item():.4f}"
            click.echo(f"{now} batch {exact.float().mean().item():.3f} held-out {score:.3f}")


def save(model: Any, folder: Path) -> None:
    """Write the weights in bfloat16 under MiniCPM's names, which are Granite's, without the tied head."""
    from safetensors.torch import save_file

    weights = {
        name: value.detach().to("cpu", torch.bfloat16).contiguous() for name, value in model.state_dict().items()
    }
    weights.pop("lm_head.weight", None)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)


def main() -> None:
    """Build the tokenizer, make the data, train, save, measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", type=Path)
    parser.add_argument("--seconds", type=float, default=210)
    parser.add_argument("--examples", type=int, default=400_000, help="in a stage")
    parser.add_argument("--probe", type=int, default=1000, help="held-out examples looked at along the way")
    parser.add_argument("--tokens", type=int, default=65_536, help="in a batch")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=15)
    parser.add_argument("--first-stage", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    build_tokenizer(options.target)
    with multiprocessing.get_context("fork").Pool(options.workers) as pool:
        stages, tests = [], []
        for number, (_, passages, facts) in enumerate(STAGES):
            tests.append(start_data(pool, options.target, 2000, passages, facts, held_out=True, seed=100 + number))
            count = options.examples if number >= options.first_stage else 2000
            stages.append(start_data(pool, options.target, count, passages, facts, held_out=False, seed=number + 1))
        model = new_model(options.target).to(device)
        if options.start is not None:
            from safetensors.torch import load_file

            model.load_state_dict(load_file(options.start), strict=False)
        click.echo(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
        train(model, stages, tests, options, device)
        save(model, options.target)
        model.to(torch.bfloat16)
        for number, data in enumerate(tests):
            right = accuracy(model, data(), options.tokens, device)
            click.echo(f"held-out {number}: {right:.4f} of {len(data())} exactly right, in bfloat16")


if __name__ == "__main__":
    main()
