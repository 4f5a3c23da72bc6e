"""Train the reader on a GPU in minutes, and score the rows kept for evaluation.

    python training/train.py DATA OUT --name articles --hold-out-articles --seconds 300 --save
    python training/train.py DATA OUT --name no_drcd --leave-out drcd_zh
    python training/train.py DATA OUT --name further --start OUT/articles.weights OUT/all.weights --rate 1e-4

DATA is the folder that prepare.py wrote. The learning rate follows the work done or the time spent, whichever is
further, so that a training always ends in its time. Writes NAME.scores.npz and, with --save, the weights in float16.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import Data, load_weights
from model import Reader

BATCH, WARM = 128, 0.06
STEP = 32  # tokens: sequences are padded to a multiple of it, so that a step has one of sixteen shapes
NOWHERE = 0.25  # weight of "first and last token are <s>" where a passage does not answer
# How often a row of a set is seen in an epoch: small sets that count more often, large easy ones less
SHARES = {
    "cmrc_zh": 1.3,
    "xquad_zh": 1.5,
    "xquad_en": 1.7,
    "squad2_en": 2.0,
    "pubmedqa_en": 2.0,
    "cross": 1.5,
    "tatqa": 0.6,
    "policyqa": 0.4,
    "tables": 0.6,
    "jaquad_ja": 0.5,
    "fairytales": 0.5,
    "written": 1.2,
}
# Likewise rows of public sets that do not answer: twice as many as those that do would teach that most passages do not
NOT_ANSWERED = {"hard": 0.5, "elsewhere": 0.5, "spoiled": 0.5}
LONGEST_ANSWER = 60  # tokens


class OnDevice(Data):
    """All sequences in the device's memory, ready to be put together into batches."""

    def __init__(self, folder: Path, device: str, seed: int) -> None:
        super().__init__(folder)
        self.device = device
        self.weights = torch.tensor(self.table.astype(np.float32), device=device)
        public = [n for n, s in enumerate(self.meta["sets"]) if not s.startswith("made")]
        rng = np.random.default_rng(seed)  # titles say little at times
        bare = (rng.random(len(self.rows)) < 0.2) & np.isin(self["set"], public) & (self["evaluation"] == 0)
        found = [self.sequence(n, without_context=bare[n]) for n in range(len(self.rows))]
        self.lengths = np.array([len(tokens) for tokens, _ in found])
        self.offsets = torch.tensor(np.array([offset for _, offset in found]), device=device)
        self.lengths_there = torch.tensor(self.lengths, device=device)
        self.begins = torch.tensor(np.cumsum(self.lengths) - self.lengths, device=device)
        self.flat = torch.tensor(np.concatenate([tokens for tokens, _ in found]), device=device)
        self.columns = {
            c: torch.tensor(self[c].astype(np.int64), device=device)
            for c in ("start", "end", "answers", "says", "kind")
        }

    def batch(self, rows: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of the embedder's table, (batch, length, 384), and the mask, (batch, length)."""
        places = torch.arange(length, device=self.device)
        mask = places[None] < self.lengths_there[rows][:, None]
        index = self.begins[rows][:, None] + places[None]
        return self.weights[self.flat[index.clamp(max=len(self.flat) - 1)]], mask


class Training:
    """A reader in bfloat16 whose weights are moved in float32.

    A step of one shape is recorded once as a CUDA graph and replayed: the model is so small that launching its
    operations one by one takes longer than they do.
    """

    def __init__(self, data: OnDevice, start: Sequence[Path] = ()) -> None:
        self.data = data
        self.reader = Reader()
        if start:
            self.reader.load_state_dict({k: torch.tensor(v) for k, v in load_weights(start).items()})
        else:
            body = {k: torch.tensor(v.astype(np.float32)) for k, v in data.body.items() if "position_ids" not in k}
            self.reader.body.load_state_dict(body)
        self.reader.to(data.device).train().body.to(torch.bfloat16)
        parameters = list(self.reader.body.parameters())
        # The body's weights and gradients lie in one piece each, so that the optimizer has one tensor to move
        self.flat = torch.cat([p.data.reshape(-1) for p in parameters])
        self.gradient = torch.zeros_like(self.flat)
        at = 0
        for p in parameters:
            p.data = self.flat[at : at + p.numel()].view_as(p)
            p.grad = self.gradient[at : at + p.numel()].view_as(p)
            at += p.numel()
        self.master = self.flat.float().requires_grad_()
        self.master.grad = torch.zeros_like(self.master)
        self.heads = [p for name, p in self.reader.named_parameters() if not name.startswith("body.")]
        for p in self.heads:
            p.grad = torch.zeros_like(p)
        self.uncertain = torch.tensor(
            [data.meta["kinds"].index(k) for k in ("spoiled", "elsewhere")], device=data.device
        )
        self.losses = torch.zeros((), device=data.device)
        self.rows = torch.zeros(BATCH, dtype=torch.int64, device=data.device)
        self.recorded: dict[int, Callable[[], object]] = {}
        self.optimizer = torch.optim.AdamW([self.master, *self.heads], weight_decay=0.01, fused=data.device == "cuda")

    def loss(self, rows: torch.Tensor, length: int) -> torch.Tensor:
        """Spans, answers and claims together."""
        data = self.data
        words, mask = data.batch(rows, length)
        span, answers, says = self.reader(words.to(torch.bfloat16), mask)
        column = {name: values[rows] for name, values in data.columns.items()}
        weight = torch.where(torch.isin(column["kind"], self.uncertain), 0.5, 1.0)
        loss = torch.zeros((), device=data.device)
        for logits, wanted in ((answers, column["answers"]), (says, column["says"])):
            known = (wanted >= 0).float() * weight
            each = F.binary_cross_entropy_with_logits(logits.float(), wanted.clamp(min=0).float(), reduction="none")
            loss = loss + (each * known).sum() / BATCH
        # Claims too are told where the answer stands: the reader finds the right one before it compares
        offset = data.offsets[rows]
        at, to = offset + column["start"], offset + column["end"]
        inside = (column["start"] >= 0) & (at < length) & (to < length)
        nowhere = column["answers"] == 0
        share = torch.where(inside, 0.5, torch.where(nowhere, 0.5 * NOWHERE * weight, 0.0))
        span = span.float().masked_fill(~mask[..., None], -1e4)
        for place, wanted in ((0, at), (1, to)):
            each = F.cross_entropy(span[..., place], torch.where(inside, wanted, 0), reduction="none")
            loss = loss + (each * share).sum() / BATCH
        return loss

    def gradients(self, rows: torch.Tensor, length: int) -> None:
        """The gradients of a batch, cut to a length of 1, where the optimizer looks for them."""
        self.gradient.zero_()
        for p in self.heads:
            p.grad.zero_()  # type: ignore[union-attr]
        loss = self.loss(rows, length)
        loss.backward()
        self.losses += loss.detach()
        self.master.grad.copy_(self.gradient)  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_([self.master, *self.heads], 1.0)

    def record(self, lengths: list[int]) -> None:
        """Record the steps of these lengths; where there is no GPU they are run as they are."""
        if self.data.device != "cuda":
            return
        torch.backends.cuda.enable_cudnn_sdp(False)
        pool = None
        for length in sorted(lengths, reverse=True):  # the longest first: the others fit into its memory
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(2):
                    self.gradients(self.rows, length)
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=pool):
                self.gradients(self.rows, length)
            pool = pool or graph.pool()
            self.recorded[length] = graph.replay
        self.losses.zero_()

    def step(self, rows: torch.Tensor, length: int, rate: float) -> None:
        """One batch."""
        if length in self.recorded:
            self.rows.copy_(rows)
            self.recorded[length]()
        else:
            self.gradients(rows, length)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.flat.copy_(self.master.detach())

    def finished(self) -> Reader:
        """The reader with its weights in float32."""
        at, master = 0, self.master.detach().clone()
        for p in self.reader.body.parameters():
            p.grad = None
            p.data = master[at : at + p.numel()].view_as(p)
            at += p.numel()
        return self.reader.eval()


def shares_of(data: Data) -> np.ndarray:
    """How often each row is seen in an epoch."""
    kinds, sets = np.array(data.meta["kinds"])[data["kind"]], np.array(data.meta["sets"])[data["set"]]
    shares = np.array([SHARES.get(s, 1.0) for s in data.meta["sets"]])[data["set"]]
    for kind, share in NOT_ANSWERED.items():
        shares[(kinds == kind) & ~np.isin(sets, ("made", "across", "written"))] *= share
    return shares


def train(data: OnDevice, chosen: np.ndarray, given: argparse.Namespace) -> Reader:
    """Train on the chosen rows."""
    name, epochs, seconds = given.name, given.epochs, given.seconds
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    started = time.time()
    training = Training(data, given.start)
    padded = (data.lengths + STEP - 1) // STEP * STEP
    training.record(sorted({int(length) for length in padded[chosen]}))
    print(f"{name}: steps recorded after {time.time() - started:.0f} s", flush=True)
    shares = shares_of(data)[chosen]
    steps = int(epochs * shares.sum() / BATCH)
    step, begun, shown, shown_at = 0, time.time(), time.time(), 0
    while True:
        order = rng.permutation(np.repeat(chosen, (shares + rng.random(len(shares))).astype(int)))
        batches = [
            (length, part[n : n + BATCH])
            for length in np.unique(padded[order]).tolist()
            for part in [order[padded[order] == length]]
            for n in range(0, len(part) - BATCH + 1, BATCH)
        ]
        for n in rng.permutation(len(batches)):
            progress = max(step / steps, (time.time() - started) / seconds)
            if progress >= 1:
                spent, seen = time.time() - begun, step * BATCH / shares.sum()
                print(f"{name}: {step} steps of {BATCH}, {spent:.0f} s, {seen:.1f} epochs", flush=True)
                return training.finished()
            length, rows = batches[n]
            rate = given.rate * min(progress / WARM, (1 - progress) / (1 - WARM)) + 1e-7
            training.step(torch.tensor(rows, device=data.device), length, rate)
            step += 1
            if step % 50 == 0 and time.time() - shown > 20:
                mean = training.losses.item() / (step - shown_at)  # waits for the device
                pace = (step - shown_at) * BATCH / (time.time() - shown)
                training.losses.zero_()
                shown, shown_at = time.time(), step
                print(f"{name}: step {step}/{steps} at {progress:.2f} loss {mean:.3f} {pace:.0f} rows/s", flush=True)


@torch.no_grad()
def score(data: OnDevice, reader: Reader, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Logits of the rows, their three best spans in tokens of the window, how much likelier the best is than <s>."""
    found = {
        "row": chosen,
        "answers": np.zeros(len(chosen), np.float32),
        "says": np.zeros(len(chosen), np.float32),
        "spans": np.zeros((len(chosen), 3, 2), np.int16),
        "span_score": np.zeros((len(chosen), 3), np.float32),
        "somewhere": np.zeros(len(chosen), np.float32),
    }
    order = np.argsort(data.lengths[chosen])
    for n in range(0, len(order), 256):
        part = order[n : n + 256]
        rows = torch.tensor(chosen[part], device=data.device)
        words, mask = data.batch(rows, int(data.lengths[chosen[part]].max()))
        span, answers, says = reader(words, mask)
        offsets, lengths = data.offsets[rows], data.lengths_there[rows]
        places = torch.arange(mask.shape[1], device=data.device)
        inside = (places[None] >= offsets[:, None]) & (places[None] < lengths[:, None] - 1)
        masked = [span[..., k].float().masked_fill(~inside, -1e4) for k in (0, 1)]
        start, end = (logits.log_softmax(-1) for logits in masked)
        apart = places[None, :] - places[:, None]
        both = (start[:, :, None] + end[:, None, :]).masked_fill(~((apart >= 0) & (apart < LONGEST_ANSWER))[None], -1e9)
        best, where = both.flatten(1).topk(3)
        width = mask.shape[1]
        found["answers"][part], found["says"][part] = answers.float().cpu(), says.float().cpu()
        found["span_score"][part] = best.cpu()
        totals = masked[0].logsumexp(-1) + masked[1].logsumexp(-1)
        found["somewhere"][part] = (best[:, 0] + totals - span[:, 0].float().sum(-1)).cpu()
        found["spans"][part] = torch.stack(
            [where // width - offsets[:, None], where % width - offsets[:, None]], -1
        ).cpu()
    return found


def main(given: argparse.Namespace) -> None:
    """Train one reader and score what it has not seen."""
    began = time.time()
    torch.backends.cuda.matmul.allow_tf32 = True
    data = OnDevice(given.data, "cuda" if torch.cuda.is_available() else "cpu", given.seed)
    print(f"{given.name}: {len(data.rows)} rows ready after {time.time() - began:.0f} s", flush=True)
    number = {s: n for n, s in enumerate(data.meta["sets"])}
    left_out = [number[s] for s in (*given.leave_out, *given.without)]
    training = (data["evaluation"] == 0) & ~np.isin(data["set"], left_out)
    if given.hold_out_articles:
        training &= data["fold"] != 0
    reader = train(data, np.flatnonzero(training), given)
    everywhere = np.isin(data["set"], [number["made_test"], number["written"]])  # what no reader is trained on
    judged = np.isin(data["set"], [number[s] for s in given.leave_out]) | everywhere
    if given.hold_out_articles:
        judged |= data["fold"] == 0
    judged &= data["evaluation"] == 1
    given.out.mkdir(parents=True, exist_ok=True)
    if given.save:
        state = {k: v.detach().cpu().half().numpy() for k, v in reader.state_dict().items()}
        buffer = io.BytesIO()
        np.savez(buffer, **state)
        whole = buffer.getvalue()
        for n in range(0, len(whole), 15 * 2**20):
            (given.out / f"{given.name}.weights.{n // (15 * 2**20)}").write_bytes(whole[n : n + 15 * 2**20])
    scores = score(data, reader, np.flatnonzero(judged))
    np.savez_compressed(given.out / f"{given.name}.scores.npz", **scores)
    from evaluate import report

    print(report(data.meta, data.rows, scores, given.name), flush=True)
    print(f"{given.name}: done after {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--name", default="all")
    arguments.add_argument("--epochs", type=float, default=4)
    arguments.add_argument("--seconds", type=float, default=300)
    arguments.add_argument("--rate", type=float, default=2e-4, help="the highest learning rate")
    arguments.add_argument("--start", type=Path, nargs="*", default=[], help="weights to go on from: their mean")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--leave-out", nargs="*", default=[], help="sets not trained on but scored")
    arguments.add_argument("--without", nargs="*", default=[], help="sets not trained on")
    arguments.add_argument(
        "--hold-out-articles",
        action="store_true",
        help="a fifth of the articles of every set is scored, not trained on",
    )
    arguments.add_argument("--save", action="store_true")
    main(arguments.parse_args())
