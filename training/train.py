"""Train the reader on a GPU in minutes, and score the rows kept for evaluation.

    python training/train.py DATA OUT --name articles --hold-out-articles --seconds 300 --save
    python training/train.py DATA OUT --name no_drcd --leave-out drcd_zh

DATA is the folder that prepare.py wrote. The learning rate follows the work done or the time spent, whichever is
further, so that a training always ends in its time. Writes NAME.scores.npz and, with --save, the weights in float16.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from data import Data
from model import Reader

BATCH, RATE, WARM = 128, 2e-4, 0.06
# How often a row of a set is seen in an epoch: small sets that count more often, large easy ones less
SHARES = {
    "cmrc_zh": 1.3,
    "xquad_zh": 1.5,
    "xquad_en": 1.7,
    "squad2_en": 2.0,
    "cross": 1.5,
    "tatqa": 0.6,
    "policyqa": 0.4,
    "tables": 0.6,
    "made": 0.5,
}
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
        self.offsets = np.array([offset for _, offset in found])
        self.begins = torch.tensor(np.cumsum(self.lengths) - self.lengths, device=device)
        self.flat = torch.tensor(np.concatenate([tokens for tokens, _ in found]), device=device)

    def batch(self, chosen: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows of the embedder's table, (batch, length, 384), and the mask, (batch, length)."""
        longest = int(self.lengths[chosen].max())  # from the host's copy: nothing here waits for the device
        lengths = torch.tensor(self.lengths[chosen], device=self.device)
        places = torch.arange(longest, device=self.device)
        mask = places[None] < lengths[:, None]
        index = self.begins[torch.tensor(chosen, device=self.device)][:, None] + places[None]
        return self.weights[self.flat[index.clamp(max=len(self.flat) - 1)]], mask


def new_reader(data: OnDevice) -> Reader:
    """The embedder's body with fresh heads."""
    reader = Reader()
    missing, unexpected = reader.body.load_state_dict(
        {k: torch.tensor(v.astype(np.float32)) for k, v in data.body.items()}, strict=False
    )
    assert not unexpected and all("position_ids" in m or "token_type_ids" in m for m in missing), (missing, unexpected)
    return reader.to(data.device)


def train(data: OnDevice, chosen: np.ndarray, epochs: float, seconds: float, seed: int, name: str) -> Reader:
    """Train on the chosen rows: spans, answers and claims together."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    reader = new_reader(data).train()
    reader.body.to(torch.bfloat16)  # the heads stay in float32, and so do the weights that the optimizer moves
    body = list(reader.body.parameters())
    masters, body_data = [p.detach().float().clone() for p in body], [p.data for p in body]
    optimizer = torch.optim.AdamW(
        [*masters, *(p for n, p in reader.named_parameters() if not n.startswith("body."))],
        lr=RATE,
        weight_decay=0.01,
        fused=data.device == "cuda",
    )
    names = data.meta["sets"]
    shares = np.array([SHARES.get(s, 1.0) for s in names])[data["set"][chosen]]
    steps = int(epochs * shares.sum() / BATCH)
    column = {c: torch.tensor(data[c], device=data.device) for c in ("start", "end", "answers", "says", "kind")}
    offsets = torch.tensor(data.offsets, device=data.device)
    uncertain = torch.tensor([data.meta["kinds"].index(k) for k in ("spoiled", "elsewhere")], device=data.device)
    step, started, shown, losses = 0, time.time(), 0.0, []
    while True:
        order = rng.permutation(np.repeat(chosen, (shares + rng.random(len(shares))).astype(int)))
        order = np.concatenate(
            [
                part[np.argsort(data.lengths[part], kind="stable")]
                for part in np.array_split(order, max(1, len(order) // (BATCH * 25)))
            ]
        )
        batches = [order[n : n + BATCH] for n in range(0, len(order), BATCH)]
        for n in rng.permutation(len(batches)):
            progress = max(step / steps, (time.time() - started) / seconds)
            if progress >= 1:
                spent, seen = time.time() - started, step * BATCH / shares.sum()
                print(f"{name}: {step} steps of {BATCH}, {spent:.0f} s, {seen:.1f} epochs", flush=True)
                reader.float()
                for p, master in zip(body, masters, strict=True):
                    p.data.copy_(master)
                return reader.eval()
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(progress / WARM, (1 - progress) / (1 - WARM)) + 1e-7
            rows = torch.tensor(batches[n], device=data.device)
            embeddings, mask = data.batch(batches[n])
            span, answers, says = reader(embeddings.to(torch.bfloat16), mask)
            start, end = column["start"][rows], column["end"][rows]
            at = torch.where(start >= 0, offsets[rows] + start, -100)
            to = torch.where(start >= 0, offsets[rows] + end, -100)
            at, to = (torch.where((at < mask.shape[1]) & (to < mask.shape[1]), x, -100) for x in (at, to))
            span = span.float().masked_fill(~mask[..., None], -1e4)
            weight = torch.where(torch.isin(column["kind"][rows], uncertain), 0.5, 1.0)
            loss = 0.0
            for logits, wanted in ((answers, column["answers"][rows]), (says, column["says"][rows])):
                known = (wanted >= 0).float() * weight
                loss = (
                    loss
                    + (
                        F.binary_cross_entropy_with_logits(
                            logits.float(), wanted.clamp(min=0).float(), reduction="none"
                        )
                        * known
                    ).sum()
                    / BATCH
                )
            # Claims too are told where the answer stands: the reader finds the right one before it compares
            for place, wanted in ((0, at), (1, to)):
                loss = (
                    loss + 0.5 * F.cross_entropy(span[..., place], wanted, ignore_index=-100, reduction="sum") / BATCH
                )
            loss.backward()
            for p, master in zip(body, masters, strict=True):
                master.grad = None if p.grad is None else p.grad.float()
            torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
            optimizer.step()
            torch._foreach_copy_(body_data, masters)
            reader.zero_grad(set_to_none=True)
            step += 1
            if step % 25 == 0:
                losses.append(loss.item())
            if time.time() - shown > 30:
                shown = time.time()
                mean = np.mean(losses[-20:]) if losses else loss.item()
                pace = step * BATCH / (time.time() - started + 1e-9)
                print(f"{name}: step {step}/{steps} at {progress:.2f} loss {mean:.3f} {pace:.0f} rows/s", flush=True)


@torch.no_grad()
def score(data: OnDevice, reader: Reader, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Logits of the rows, and their three best spans in tokens of the window."""
    found = {
        "row": chosen,
        "answers": np.zeros(len(chosen), np.float32),
        "says": np.zeros(len(chosen), np.float32),
        "spans": np.zeros((len(chosen), 3, 2), np.int16),
        "span_score": np.zeros((len(chosen), 3), np.float32),
    }
    order = np.argsort(data.lengths[chosen])
    for n in range(0, len(order), 256):
        part = order[n : n + 256]
        embeddings, mask = data.batch(chosen[part])
        span, answers, says = reader(embeddings, mask)
        offsets = torch.tensor(data.offsets[chosen[part]], device=data.device)
        lengths = torch.tensor(data.lengths[chosen[part]], device=data.device)
        places = torch.arange(mask.shape[1], device=data.device)
        inside = (places[None] >= offsets[:, None]) & (places[None] < lengths[:, None] - 1)
        start, end = (span[..., k].float().masked_fill(~inside, -1e4).log_softmax(-1) for k in (0, 1))
        apart = places[None, :] - places[:, None]
        both = (start[:, :, None] + end[:, None, :]).masked_fill(~((apart >= 0) & (apart < LONGEST_ANSWER))[None], -1e9)
        best, where = both.flatten(1).topk(3)
        width = mask.shape[1]
        found["answers"][part], found["says"][part] = answers.float().cpu(), says.float().cpu()
        found["span_score"][part] = best.cpu()
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
    reader = train(data, np.flatnonzero(training), given.epochs, given.seconds, given.seed, given.name)
    judged = data["evaluation"] == 1
    if given.leave_out:
        judged &= np.isin(data["set"], [number[s] for s in given.leave_out]) | (data["set"] == number["made_test"])
    elif given.hold_out_articles:
        judged &= (data["fold"] == 0) | (data["set"] == number["made_test"])
    else:
        judged &= data["set"] == number["made_test"]
    given.out.mkdir(parents=True, exist_ok=True)
    scores = score(data, reader, np.flatnonzero(judged))
    np.savez_compressed(given.out / f"{given.name}.scores.npz", **scores)
    if given.save:
        state = {k: v.detach().cpu().half().numpy() for k, v in reader.state_dict().items()}
        buffer = io.BytesIO()
        np.savez(buffer, **state)
        whole = buffer.getvalue()
        for n in range(0, len(whole), 15 * 2**20):
            (given.out / f"{given.name}.weights.{n // (15 * 2**20)}").write_bytes(whole[n : n + 15 * 2**20])
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
