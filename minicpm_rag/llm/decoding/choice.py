"""Triton kernels around the layers: guessing, choosing the next token, moving the state on.

The same functions as `lookup` and `sampling`, which say what they mean. The lowest score
that top-k and top-p keep is found without sorting 122,753 of them: 32 thresholds at once, five times over,
narrow it down to the precision of the scores themselves. All of it takes 0.1 ms for one row and 0.2 for
eight.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

THRESHOLDS = tl.constexpr(32)
# Scores this far below the best weigh e**-30: none of them is ever drawn.
_DEPTH = tl.constexpr(30.0)


@triton.jit
def begin_kernel(ids_ptr, length_ptr, slots_ptr, tokens_ptr, room, T: tl.constexpr, BLOCK_T: tl.constexpr,
                 BLOCK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """The step's tokens [sequences, T]: the last known one and T - 1 guesses."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    sequence = tl.program_id(0)
    slot = tl.load(slots_ptr + sequence)
    row_ptr = ids_ptr + slot * room
    end = tl.load(length_ptr + slot).to(tl.int32) - 1
    last = tl.load(row_ptr + end)
    tl.store(tokens_ptr + sequence * T, last)
    if T > 1:
        before = tl.load(row_ptr + tl.maximum(end - 1, 0))
        two_before = tl.load(row_ptr + tl.maximum(end - 2, 0))
        best = tl.full([BLOCK], 0, tl.int32)
        for start in tl.range(0, end, BLOCK):
            place = start + tl.arange(0, BLOCK)
            fits = (place < end) & (place >= 2)
            one = fits & (tl.load(row_ptr + place, mask=fits, other=-1) == last)
            two = one & (tl.load(row_ptr + place - 1, mask=fits, other=-1) == before)
            three = two & (tl.load(row_ptr + place - 2, mask=fits, other=-1) == two_before)
            agreeing = one.to(tl.int32) + two.to(tl.int32) + three.to(tl.int32)
            best = tl.maximum(best, tl.where(one, agreeing * room + place, 0))
        found = tl.max(best, axis=0) % room
        ahead = tl.arange(0, BLOCK_T)
        place = found + 1 + ahead % tl.maximum(end - found, 1)
        guesses = tl.load(row_ptr + tl.minimum(place, room - 1))
        tl.store(tokens_ptr + sequence * T + 1 + ahead, guesses, mask=ahead < T - 1)


@triton.jit
def scores_kernel(logits_ptr, best_ptr, seen_ptr, slots_ptr, tokens_ptr, temperature_ptr, penalty_ptr, V,
                  T: tl.constexpr, BLOCK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Logits to scores in place: penalty, temperature; and each block's best."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    index = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = index < V
    seen = tl.load(seen_ptr + slot * V + index, mask=mask, other=0) != 0
    for place in tl.static_range(1, T):  # guesses before this row count as seen
        seen |= (index == tl.load(tokens_ptr + (row // T) * T + place)) & (place <= row % T)
    penalty = tl.load(penalty_ptr + slot)
    temperature = tl.load(temperature_ptr + slot)
    logits = tl.load(logits_ptr + row.to(tl.int64) * V + index, mask=mask, other=float("-inf"))
    scores = tl.where(seen, tl.where(logits > 0, logits / penalty, logits * penalty), logits)
    scores /= tl.where(temperature == 0.0, 1.0, temperature)
    tl.store(logits_ptr + row.to(tl.int64) * V + index, scores, mask=mask)
    tl.store(best_ptr + row * tl.num_programs(1) + tl.program_id(1), tl.max(scores, axis=0))


@triton.jit
def _best(best_ptr, row, BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr):
    block = tl.arange(0, BLOCKS_PADDED)
    return tl.max(tl.load(best_ptr + row * BLOCKS + block, mask=block < BLOCKS, other=float("-inf")), axis=0)


@triton.jit
def _bracket(bracket_ptr, weight_ptr, top_k, top_p, best, number, PASSES: tl.constexpr, BLOCKS: tl.constexpr,
             BLOCKS_PADDED: tl.constexpr):  # fmt: skip
    """Where pass `number` looks: (low, high, limit). The lowest kept score lies above low and not above high.

    The limit is what may weigh more than a kept score: k scores, then the share p of those k.
    """
    later = number > 0
    row_ptr = bracket_ptr + (number - 1) * 3
    low = tl.load(row_ptr, mask=later, other=0.0)
    high = tl.load(row_ptr + 1, mask=later, other=0.0)
    limit = tl.load(row_ptr + 2, mask=later, other=0.0)
    block = tl.arange(0, BLOCKS_PADDED)
    j = tl.arange(0, THRESHOLDS)
    place = ((number - 1) * BLOCKS + block)[:, None] * THRESHOLDS + j[None, :]
    weight = tl.sum(tl.load(weight_ptr + place, mask=later & (block < BLOCKS)[:, None], other=0.0), axis=0)
    if number == PASSES + 1:  # the first weighing by probability: the lowest threshold tells the whole
        whole = tl.max(weight, axis=0)
        limit = tl.where(top_p < 1.0, whole * top_p, float("inf"))
    step = (high - low) / THRESHOLDS
    under = tl.min(tl.where(weight < limit, j, THRESHOLDS), axis=0)
    new_low = low + step * tl.maximum(under - 1, 0).to(tl.float32)
    new_high = tl.where(under == THRESHOLDS, high, low + step * under.to(tl.float32))
    if number == PASSES:  # top-k is done; top-p starts anew among what it kept
        new_high = best
    if number == 0:
        new_low = best - _DEPTH
        new_high = best
        limit = tl.where(top_k > 0, top_k.to(tl.float32), float("inf"))
    return new_low, new_high, limit


@triton.jit(do_not_specialize=["number", "T"])
def narrow_kernel(scores_ptr, best_ptr, bracket_ptr, weight_ptr, slots_ptr, top_k_ptr, top_p_ptr, V,
                  number, T, PASSES: tl.constexpr, BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr,
                  BLOCK: tl.constexpr, CHUNK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Weigh what lies above each threshold: by count in the first PASSES, then by probability."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    bracket_ptr += row * (2 * PASSES + 1) * 3
    weight_ptr += row * 2 * PASSES * BLOCKS * THRESHOLDS
    best = _best(best_ptr, row, BLOCKS, BLOCKS_PADDED)
    low, high, limit = _bracket(
        bracket_ptr, weight_ptr, tl.load(top_k_ptr + slot), tl.load(top_p_ptr + slot), best,
        number, PASSES, BLOCKS, BLOCKS_PADDED)  # fmt: skip
    if tl.program_id(1) == 0:
        tl.store(bracket_ptr + number * 3, low)
        tl.store(bracket_ptr + number * 3 + 1, high)
        tl.store(bracket_ptr + number * 3 + 2, limit)
    j = tl.arange(0, THRESHOLDS)
    threshold = low + (high - low) / THRESHOLDS * j.to(tl.float32)
    above = tl.zeros([CHUNK, THRESHOLDS], tl.float32)
    for start in tl.range(0, BLOCK, CHUNK):
        index = tl.program_id(1) * BLOCK + start + tl.arange(0, CHUNK)
        scores = tl.load(scores_ptr + row.to(tl.int64) * V + index, mask=index < V, other=float("-inf"))
        weight = tl.where(number < PASSES, 1.0, tl.exp(scores - best))
        above += tl.where(scores[:, None] > threshold[None, :], weight[:, None], 0.0)
    tl.store(weight_ptr + (number * BLOCKS + tl.program_id(1)) * THRESHOLDS + j, tl.sum(above, axis=0))


@triton.jit
def _mixed(word):
    word = (word ^ (word >> 16)) * 0x7FEB352D
    word = (word ^ (word >> 15)) * 0x846CA68B
    return word ^ (word >> 16)


@triton.jit(do_not_specialize=["T"])
def draw_kernel(scores_ptr, best_ptr, bracket_ptr, weight_ptr, value_ptr, index_ptr, slots_ptr, length_ptr,
                temperature_ptr, top_k_ptr, top_p_ptr, seed_ptr, V, T, PASSES: tl.constexpr,
                BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr, BLOCK: tl.constexpr,
                PDL: tl.constexpr):  # fmt: skip
    """Each block's best score plus noise among what is kept, and where it is."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    best = _best(best_ptr, row, BLOCKS, BLOCKS_PADDED)
    low, _high, _limit = _bracket(
        bracket_ptr + row * (2 * PASSES + 1) * 3, weight_ptr + row * 2 * PASSES * BLOCKS * THRESHOLDS,
        tl.load(top_k_ptr + slot), tl.load(top_p_ptr + slot), best,
        2 * PASSES, PASSES, BLOCKS, BLOCKS_PADDED)  # fmt: skip
    index = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    scores = tl.load(scores_ptr + row.to(tl.int64) * V + index, mask=index < V, other=float("-inf"))
    position = (tl.load(length_ptr + slot) + row % T).to(tl.uint32)
    key = _mixed(tl.load(seed_ptr + slot).to(tl.uint32) ^ (position * 0x9E3779B1))
    word = _mixed(_mixed(index.to(tl.uint32) + key) ^ _mixed(key + 0x85EBCA6B))
    uniform = (word.to(tl.float32) + 0.5) * 2.3283064365386963e-10
    series = uniform * (1.0 + uniform * (0.5 + uniform * 0.3333333333))
    exponential = tl.where(uniform < 0.01, series, -tl.log(1.0 - uniform))
    noisy = tl.where(scores > low, scores - tl.log(exponential), float("-inf"))
    values = tl.where(tl.load(temperature_ptr + slot) == 0.0, scores, noisy)
    place = row * BLOCKS + tl.program_id(1)
    tl.store(value_ptr + place, tl.max(values, axis=0))
    # Where every score is NaN no place is the best; a token that is not there would end the whole process.
    chosen = tl.program_id(1) * BLOCK + tl.argmax(values, axis=0, tie_break_left=True)
    tl.store(index_ptr + place, tl.minimum(tl.maximum(chosen, 0), V - 1))


@triton.jit
def _both(first, second):
    return first & second


@triton.jit
def finish_kernel(value_ptr, index_ptr, slots_ptr, tokens_ptr, ids_ptr, length_ptr, seen_ptr, out_ptr,
                  room, V, spare, T: tl.constexpr, BLOCK_T: tl.constexpr, BLOCKS: tl.constexpr,
                  BLOCKS_PADDED: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """The chosen token of each row; how many of them stand; ids, seen and length move on."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    sequence = tl.program_id(0)
    slot = tl.load(slots_ptr + sequence)
    t = tl.arange(0, BLOCK_T)
    block = tl.arange(0, BLOCKS_PADDED)
    place = (sequence * T + t)[:, None] * BLOCKS + block[None, :]
    mask = (t < T)[:, None] & (block < BLOCKS)[None, :]
    winner = tl.argmax(tl.load(value_ptr + place, mask=mask, other=float("-inf")), axis=1, tie_break_left=True)
    chosen = tl.load(index_ptr + (sequence * T + t) * BLOCKS + winner, mask=t < T, other=0).to(tl.int64)
    guessed = tl.load(tokens_ptr + sequence * T + 1 + t, mask=t < T - 1, other=-1)
    agree = tl.associative_scan((guessed == chosen).to(tl.int32), 0, _both)
    stand = 1 + tl.sum(tl.where(t < T - 1, agree, 0), axis=0)
    length = tl.load(length_ptr + slot).to(tl.int32)
    tl.store(ids_ptr + slot * room + length + t, chosen, mask=t < T)
    tl.store(seen_ptr + slot * V + chosen, tl.full([BLOCK_T], 1, tl.int8), mask=t < stand)
    tl.store(length_ptr + slot, tl.where(slot == spare, 1, length + stand))
    tl.store(out_ptr + sequence * (T + 1), stand.to(tl.int64))
    tl.store(out_ptr + sequence * (T + 1) + 1 + t, chosen, mask=t < T)
