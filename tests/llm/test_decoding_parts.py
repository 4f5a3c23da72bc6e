"""The parts of the decoding engine one by one: sampling, drafting, cache blocks, quantized weights."""

from __future__ import annotations

from typing import Any

import pytest

from minicpm_rag.llm.checkpoint.quantization import matrix
from minicpm_rag.llm.decoding.cache import BLOCK, BlockPool
from minicpm_rag.llm.decoding.drafting import draft
from minicpm_rag.llm.decoding.launch import (
    attention_splits,
    flash_stages,
    head_tiles,
    linear_tiles,
    split_tiles,
    tensor_tiles,
    vector_tiles,
)
from minicpm_rag.llm.decoding.sampling import choose, draw
from minicpm_rag.llm.decoding.slots import Slots
from minicpm_rag.llm.generation import Sampling

torch = pytest.importorskip("torch")


def slots_with(sampling: Sampling, prompt: list[int], rows: int, vocabulary: int) -> Slots:
    state = Slots(rows, 64, BLOCK, vocabulary, torch.device("cpu"))
    for row in range(rows):
        state.fill(row, prompt, [1], sampling, seed=row * 7919 + 13)
    return state


def reference(logits: Any, prompt: list[int], sampling: Sampling) -> Any:
    """transformers' probabilities."""
    from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor
    from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    steps = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(float(sampling.repetition_penalty))])
    steps.append(TemperatureLogitsWarper(float(sampling.temperature)))
    if sampling.top_k:
        steps.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        steps.append(TopPLogitsWarper(sampling.top_p))
    return steps(torch.tensor([prompt]), logits[None].clone()).softmax(-1)[0]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0.5, top_p=0.8, top_k=50, repetition_penalty=1.02),
        Sampling(temperature=1.5, top_p=1, top_k=0, repetition_penalty=1.3),
        Sampling(temperature=1, top_p=0.6, top_k=0, repetition_penalty=1),
        Sampling(temperature=1, top_p=1, top_k=5, repetition_penalty=1),
        Sampling(temperature=2, top_p=0.95, top_k=12, repetition_penalty=1.1),
    ],
    ids=lambda s: f"t{s.temperature}-p{s.top_p}-k{s.top_k}-r{s.repetition_penalty}",
)
def test_draws_follow_transformers_distribution(sampling: Sampling) -> None:
    """40,000 draws; new seeds would put a share five standard deviations off once in some 10,000 runs."""
    torch.manual_seed(3)
    logits = torch.randn(24) * 2
    prompt = [3, 5, 5, 9]
    wanted = reference(logits, prompt, sampling)
    rows, count = 4000, torch.zeros(24)
    state = slots_with(sampling, prompt, rows, 24)
    for _ in range(10):  # each position has its own noise
        drawn = draw(logits.expand(rows, 1, 24).clone(), state, torch.arange(rows), torch.zeros(rows, 0).long())
        count += torch.bincount(drawn.flatten(), minlength=24)
        state.length += 1
    assert count[wanted == 0].sum() == 0
    deviation = (wanted * (1 - wanted) / (10 * rows)).sqrt()
    assert ((count / (10 * rows) - wanted).abs() <= 5 * deviation + 1e-9).all()


def test_verifying_drafts_keeps_the_distribution() -> None:
    """Whatever is drafted, each token follows the distribution of its own row."""
    torch.manual_seed(4)
    first, second = torch.randn(12), torch.randn(12)
    sampling = Sampling(temperature=1, top_p=0.9, top_k=0, repetition_penalty=1)
    rows, drafted = 20_000, int(first.argmax())
    state = slots_with(sampling, [1], rows, 12)
    logits = torch.stack((first, second)).expand(rows, 2, 12).clone()
    ids = torch.tensor([[1, drafted]]).expand(rows, 2)
    result = choose(logits, state, torch.arange(rows), ids)
    accepted, tokens = result[:, 0], result[:, 1:]
    assert ((accepted == 2) == (tokens[:, 0] == drafted)).all()
    for drawn, row in ((tokens[:, 0], first), (tokens[accepted == 2, 1], second)):
        wanted = reference(row, [1], sampling)
        share = torch.bincount(drawn, minlength=12) / len(drawn)
        assert ((share - wanted).abs() <= 5 * (wanted * (1 - wanted) / len(drawn)).sqrt() + 1e-9).all()
    # Accepted tokens are noted, others are not.
    assert torch.equal(state.length[:rows], 1 + accepted.int())
    rejected = tokens[accepted == 1, 1]
    untouched = rejected != tokens[accepted == 1, 0]
    seen = state.seen[:rows][accepted == 1].gather(1, rejected[:, None])[:, 0]
    assert not seen[untouched & (rejected != 1)].any()


def test_a_draft_token_counts_as_seen_for_the_rows_behind_it() -> None:
    sampling = Sampling(temperature=0, repetition_penalty=10)
    state = slots_with(sampling, [0], 1, 4)
    logits = torch.tensor([[[0.0, 0.0, 5.0, 4.0], [0.0, 0.0, 5.0, 4.0]]])
    result = choose(logits, state, torch.tensor([0]), torch.tensor([[0, 2]]))
    assert result.tolist() == [[2, 2, 3]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 9, 2, 3, 4], [5, 6, 9]),  # three tokens agree
        ([1, 3, 4, 7, 8, 4, 5, 6, 3, 4], [7, 8, 4]),  # two agree further back than one
        ([7, 4, 1, 9, 4, 2, 9, 4], [2, 9, 4]),  # the latest of two places
        ([5, 6, 5, 6, 5, 6], [5, 6, 5]),  # a text that repeats itself goes on repeating
    ],
)
def test_the_draft_is_what_followed_the_longest_agreement(text: list[int], expected: list[int]) -> None:
    ids = torch.tensor([[*text, 99, 98, 97, 96]])  # behind the end lies what earlier steps left
    assert draft(ids, torch.tensor([len(text)]), 3)[0].tolist() == expected


def test_a_text_without_any_repetition_still_gives_valid_ids() -> None:
    found = draft(torch.tensor([[5, 6, 7, 0, 0, 0]]), torch.tensor([3]), 3)
    assert found.shape == (1, 3)
    assert ((found >= 0) & (found <= 7)).all()


class _Shape:
    layers = (None,)
    key_heads, head_dimension = 1, 8
    dtype, device = torch.float32, torch.device("cpu")


@pytest.fixture
def pool() -> BlockPool:
    return BlockPool(_Shape(), 6)  # type: ignore[arg-type]


def test_blocks_are_shared_by_prompts_that_begin_alike(pool: BlockPool) -> None:
    ids = list(range(200))
    blocks, ready = pool.take(ids, 220, 199) or ([], -1)
    assert (len(blocks), ready) == (4, 0)
    pool.remember(ids, blocks)
    pool.give_back(blocks)
    again, ready = pool.take([*ids[:130], 999, 998], 140, 131) or ([], -1)
    assert ready == 128
    assert again[:2] == blocks[:2]
    assert again[2] not in blocks[:2]


def test_the_last_prompt_token_is_never_taken_from_the_cache(pool: BlockPool) -> None:
    ids = list(range(128))
    blocks, _ = pool.take(ids, 130, 127) or ([], 0)
    pool.remember(ids, blocks)
    pool.give_back(blocks)
    assert (pool.take(ids, 130, 127) or ([], -1))[1] == BLOCK


def test_remembered_blocks_make_room_oldest_first(pool: BlockPool) -> None:
    for start in (0, 1000):
        ids = list(range(start, start + 128))
        blocks, _ = pool.take(ids, 128, 127) or ([], 0)
        pool.remember(ids, blocks)
        pool.give_back(blocks)
    assert pool.take(range(5000, 5200), 200, 199) is not None
    assert (pool.take(list(range(1000, 1128)), 128, 127) or ([], -1))[1] == BLOCK


def test_a_sequence_that_finds_too_few_blocks_takes_none_and_evicts_none(pool: BlockPool) -> None:
    kept, _ = pool.take(range(300), 300, 299) or ([], 0)
    ids = list(range(1000, 1064))
    blocks, _ = pool.take(ids, 64, 63) or ([], 0)
    pool.remember(ids, blocks)
    pool.give_back(blocks)
    assert pool.take(range(2000, 2200), 200, 199) is None
    pool.give_back(kept)
    assert (pool.take([*ids, 5], 65, 64) or ([], -1))[1] == BLOCK


def test_questions_of_several_users_after_the_same_passages_share_their_blocks(pool: BlockPool) -> None:
    passages = list(range(128))
    first, _ = pool.take([*passages, *range(1000, 1064)], 192, 191) or ([], 0)
    pool.remember([*passages, *range(1000, 1064)], first)  # read, and still being answered
    second, ready = pool.take([*passages, *range(2000, 2064)], 192, 191) or ([], 0)
    assert ready == 128
    assert second[:2] == first[:2]
    pool.remember([*passages, *range(2000, 2064)], second)
    pool.give_back(first)
    pool.give_back(second)
    assert pool.remembered == 4
    for question in (1000, 2000):
        blocks, ready = pool.take([*passages, *range(question, question + 64), 5], 193, 192) or ([], 0)
        assert ready == 192
        pool.give_back(blocks)


def test_a_block_makes_room_only_after_those_that_follow_it(pool: BlockPool) -> None:
    ids = list(range(256))
    blocks, _ = pool.take(ids, 256, 255) or ([], 0)
    pool.remember(ids, blocks)
    pool.give_back(blocks)
    other, _ = pool.take(range(5000, 5192), 192, 191) or ([], 0)  # two were free, so one goes
    pool.give_back(other)
    assert (pool.take([*ids, 5], 257, 256) or ([], -1))[1] == 192


def test_prompts_that_begin_alike_and_were_read_at_once_keep_blocks_of_their_own(pool: BlockPool) -> None:
    ids = list(range(128))
    first, _ = pool.take(ids, 128, 127) or ([], 0)
    second, _ = pool.take(ids, 128, 127) or ([], 0)
    pool.remember(ids, first)
    pool.remember(ids, second)
    pool.give_back(second)
    assert pool.remembered == 0
    pool.give_back(first)
    assert (pool.take([*ids, 5], 129, 128) or ([], -1))[0][:2] == first


def test_nothing_is_reused_after_everything_was_forgotten(pool: BlockPool) -> None:
    ids = list(range(128))
    held, _ = pool.take(ids, 128, 127) or ([], 0)
    pool.remember(ids, held)
    pool.forget()
    assert (pool.take([*ids, 5], 129, 128) or ([], -1))[1] == 0
    pool.give_back(held)
    assert pool.remembered == 0


def test_kernels_for_many_rows_fit_a_card_with_99_kb_of_shared_memory() -> None:
    """As consumer cards have; a host stands for one here."""
    small = torch.device("cpu")
    for rows in (16, 32, 64, 256):
        for size in (2, 4):
            tiles = head_tiles(rows, size, small)
            loads = (tiles["BLOCK_R"] + tiles["BLOCK_N"]) * tiles["BLOCK_K"] * size
            assert loads * tiles["STAGES"] <= 99 << 10
            assert tiles["STAGES"] > 1
    for width in (64, 128, 256):
        stages = flash_stages(2 * width, small)
        assert stages == 1 or (2 * stages + 1) * 64 * 2 * width <= 99 << 10
    for rows, bits, size in ((16, 8, 2), (32, 8, 2), (1, 16, 4), (8, 16, 4), (8, 8, 4)):
        for outputs, gated in ((6912, False), (2304, False), (5760, True), (122_753, False)):
            tiles = linear_tiles(rows, outputs, gated, bits, size)
            weights = tiles["BLOCK_N"] * (1 + gated) * (size if bits == 16 else 1)
            loads = tiles["SLICES"] * tiles["BLOCK_K"] * (weights + size * tiles["BLOCK_R"])
            assert loads * tiles["STAGES"] <= 99 << 10
    # Beside its loads it needs room to multiply: compiled with two stages it takes 107,520 bytes.
    assert linear_tiles(32, 5760, True, 4, 4)["STAGES"] == 1


def test_programs_of_a_split_product_read_every_column_once_and_fit_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    from minicpm_rag.llm.decoding import launch

    card = torch.device("cpu")
    for multiprocessors, shared in ((132, 227 << 10), (78, 227 << 10), (8, 99 << 10)):
        monkeypatch.setattr(launch, "_multiprocessors", lambda _, count=multiprocessors: count)
        monkeypatch.setattr(launch, "_shared_memory", lambda _, size=shared: size)
        for rows in (9, 16, 32):
            for outputs, columns, gated in (
                (6912, 2304, False), (2304, 2304, False), (5760, 2304, True), (2304, 5760, False),
                (122_753, 2304, False), (512, 520, False),
            ):  # fmt: skip
                split_tiles.cache_clear()
                tiles = split_tiles(rows, outputs, columns, gated, card)
                assert tiles["BLOCK_R"] >= rows
                loads = 2 * tiles["BLOCK_K"] * (tiles["BLOCK_N"] * (1 + gated) + tiles["BLOCK_R"])
                assert loads * tiles["STAGES"] + 8 * tiles["STAGES"] <= shared
                steps = -(-columns // tiles["BLOCK_K"])
                each = -(-steps // tiles["SPLITS"])
                assert tiles["STAGES"] <= each
                assert (tiles["SPLITS"] - 1) * each < steps  # the last program has something to do
    split_tiles.cache_clear()


def test_kernels_for_one_row_give_each_thread_whole_words_and_no_more_than_its_registers_hold() -> None:
    for bits, outputs, columns, gated in (
        (16, 6912, 2304, False), (16, 2304, 2304, False), (16, 2304, 5760, False), (16, 5760, 2304, True),
        (16, 122_753, 2304, False), (8, 2304, 2304, False), (8, 2304, 5760, False), (16, 6144, 2048, True),
        (16, 2048, 2048, False), (16, 4096, 1024, True),
    ):  # fmt: skip
        tiles = vector_tiles(outputs, columns, gated, bits)
        assert tiles["BLOCK_N"] % tiles["LANES"] == 0
        numbers = tiles["LANES"] * tiles["BLOCK_K"] // (32 * tiles["num_warps"])
        assert numbers * bits // 8 == 16  # bytes that a thread loads at once
        loads = tiles["AHEAD"] * tiles["BLOCK_N"] // tiles["LANES"] * (1 + gated)
        assert loads * 4 <= 128  # of 255 registers
    for bits, outputs, columns, gated in (
        (8, 6912, 2304, False), (8, 5760, 2304, True), (4, 6912, 2304, False), (4, 2304, 2304, False),
        (4, 5760, 2304, True), (4, 4608, 1536, True), (8, 6144, 2048, True), (4, 2048, 6144, False),
    ):  # fmt: skip
        tiles = tensor_tiles(outputs, columns, gated, bits)
        assert tiles["num_warps"] == tiles["SLICES"]
        assert 2 * tiles["AHEAD"] * 4 <= 128
        steps = -(-columns * bits // (8 * 64 * tiles["SLICES"]))
        assert -(-steps // tiles["AHEAD"]) * tiles["AHEAD"] - steps < max(2, tiles["AHEAD"])  # hardly any for nothing


def test_a_sequence_is_split_further_the_fewer_programs_there_are() -> None:
    card = torch.device("cpu")  # counts as eight multiprocessors
    for rows, width in ((1, 64), (8, 128), (64, 128)):
        splits = [attention_splits(programs, rows, width, card) for programs in (1, 2, 4, 16, 64, 1024)]
        assert splits == sorted(splits, reverse=True)
        assert splits[0] >= 16
        assert splits[-1] == (4 if rows == 1 else 1)  # a kernel of its own has one row, and always splits
        assert all(each & (each - 1) == 0 for each in splits)


@pytest.mark.parametrize(("weights", "error"), [("int8", 0.012), ("int4", 0.13)])
def test_quantized_weights_are_near_and_small(weights: Any, error: float) -> None:
    torch.manual_seed(5)
    full = torch.randn(96, 256)
    stored = matrix(full, weights)
    assert stored.bytes < full.nbytes * (0.3 if weights == "int8" else 0.16)
    assert (stored.full(torch.float32) - full).norm() / full.norm() < error
    picked = torch.tensor([5, 0, 95])
    assert torch.equal(stored.some_rows(picked, torch.float32), stored.full(torch.float32)[picked])


def test_columns_that_do_not_divide_into_groups_stay_at_eight_bits() -> None:
    assert matrix(torch.randn(8, 96), "int4").bits == 8


def test_a_row_of_zeros_stays_zero() -> None:
    for weights in ("int8", "int4"):
        assert matrix(torch.zeros(4, 128), weights).full(torch.float32).abs().max() == 0
