"""Triton kernels around the layers: draft tokens, sampling, and updating the slots.

They compute what `drafting` and `sampling` define. Here a BLOCK is a part of the vocabulary that one program reads;
a row is one token of one sequence.

The lowest score that top-k and top-p keep is found without sorting 122,753 of them. Nearly always it is among few:

    1. bound     a threshold that certainly keeps enough
    2. gather    the scores above it: each block's own, up to ROOM of them
    3. search    one program a row halves the interval in which the score lies, until one score is left in it

With top-k the threshold is such that k peaks lie above it, the best scores of 128 tokens each: so it keeps k scores,
and not many more, however steep or flat they are. Without top-k, what lies above each of 16 thresholds is weighed, the
nearer to the best score the closer they are. Where a block has more candidates than ROOM (a flat distribution without
top-k), the search looks at all scores of its row instead: slower, but without kernels that nearly always have nothing
to do.

Top-k weighs each score by 1 and its limit is k. Top-p looks between what top-k keeps and the best score, weighs each
score by its probability, and its limit is the share p of what all kept scores weigh.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous

COARSE = tl.constexpr(16)
ROOM = tl.constexpr(128)
_SEARCHED = tl.constexpr(4096)  # scores at a time where all are looked at
_HALVINGS = tl.constexpr(25)  # of 30 nats, at most: down to 9e-7, as fine as float32 is
_BOUND_HALVINGS = tl.constexpr(16)  # a bound need not be exact
PEAK = tl.constexpr(128)  # scores of which the best is a peak
# A score so many nats below the best has e**-30 of its probability: it is never drawn.
_DEPTH = tl.constexpr(30.0)


@triton.jit
def begin_kernel(ids_ptr, length_ptr, slots_ptr, tokens_ptr, room, T: tl.constexpr, BLOCK_T: tl.constexpr,
                 BLOCK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """The step's tokens [sequences, T]: the last known one and T - 1 draft tokens, as `drafting.draft` finds them."""
    start_next(PDL)
    wait_for_previous(PDL)
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
        drafts = tl.load(row_ptr + tl.minimum(place, room - 1))
        tl.store(tokens_ptr + sequence * T + 1 + ahead, drafts, mask=ahead < T - 1)


@triton.jit
def scores_kernel(logits_ptr, best_ptr, peaks_ptr, seen_ptr, slots_ptr, tokens_ptr, temperature_ptr, penalty_ptr, V,
                  T: tl.constexpr, BLOCK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Turn logits into scores in place, by penalty and temperature; store each block's best score and its peaks."""
    start_next(PDL)
    wait_for_previous(PDL)
    PEAKS: tl.constexpr = BLOCK // PEAK
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    peak = tl.program_id(1) * PEAKS + tl.arange(0, PEAKS)
    index = peak[:, None] * PEAK + tl.arange(0, PEAK)[None, :]
    mask = index < V
    seen = tl.load(seen_ptr + slot * V + index, mask=mask, other=0) != 0
    for place in tl.static_range(1, T):  # draft tokens before this row count as seen
        seen |= (index == tl.load(tokens_ptr + (row // T) * T + place)) & (place <= row % T)
    penalty = tl.load(penalty_ptr + slot)
    temperature = tl.load(temperature_ptr + slot)
    logits = tl.load(logits_ptr + row.to(tl.int64) * V + index, mask=mask, other=float("-inf"))
    scores = tl.where(seen, tl.where(logits > 0, logits / penalty, logits * penalty), logits)
    scores /= tl.where(temperature == 0.0, 1.0, temperature)
    tl.store(logits_ptr + row.to(tl.int64) * V + index, scores, mask=mask)
    peaks = tl.max(scores, axis=1)
    tl.store(peaks_ptr + row * tl.num_programs(1) * PEAKS + peak, peaks)
    tl.store(best_ptr + row * tl.num_programs(1) + tl.program_id(1), tl.max(peaks, axis=0))


@triton.jit
def _best(best_ptr, row, BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr):
    block = tl.arange(0, BLOCKS_PADDED)
    return tl.max(tl.load(best_ptr + row * BLOCKS + block, mask=block < BLOCKS, other=float("-inf")), axis=0)


@triton.jit
def _coarse_thresholds(best, j):
    """The thresholds j of 0..COARSE - 1, falling from just under the best score to _DEPTH below it."""
    share = (j + 1).to(tl.float32) / COARSE
    return best - _DEPTH * share * share * share


@triton.jit
def _peaks_serve(top_k, V):
    return (top_k > 0) & (top_k * PEAK <= V)


@triton.jit
def _below_peaks(peaks, best, top_k):
    """A threshold near the highest above which `top_k` peaks lie; at the least _DEPTH below the best score."""
    low = best - _DEPTH
    high = best
    kept = top_k + 1  # more than are wanted: how many is not known of the lowest threshold
    turn = 0
    while (turn < _BOUND_HALVINGS) & (kept != top_k):
        middle = 0.5 * (low + high)
        above = tl.sum((peaks > middle).to(tl.int32), axis=0)
        fits = above >= top_k
        low = tl.where(fits, middle, low)
        high = tl.where(fits, high, middle)
        kept = tl.where(fits, above, kept)
        turn += 1
    return low


@triton.jit(do_not_specialize=["T"])
def bound_kernel(scores_ptr, best_ptr, peaks_ptr, coarse_ptr, lowest_ptr, slots_ptr, top_k_ptr, V, T,
                 BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr, BLOCK: tl.constexpr, CHUNK: tl.constexpr,
                 PDL: tl.constexpr):  # fmt: skip
    """Phase 1: the threshold from the peaks, by one program a row, or what of each block lies above each of 16."""
    start_next(PDL)
    wait_for_previous(PDL)
    PEAKS: tl.constexpr = BLOCK // PEAK
    row = tl.program_id(0)
    top_k = tl.load(top_k_ptr + tl.load(slots_ptr + row // T))
    best = _best(best_ptr, row, BLOCKS, BLOCKS_PADDED)
    if _peaks_serve(top_k, V):
        if tl.program_id(1) == 0:
            place = tl.arange(0, BLOCKS_PADDED * PEAKS)
            mask = place < BLOCKS * PEAKS
            peaks = tl.load(peaks_ptr + row * BLOCKS * PEAKS + place, mask=mask, other=float("-inf"))
            tl.store(lowest_ptr + row, _below_peaks(peaks, best, top_k))
    else:
        j = tl.arange(0, COARSE)
        threshold = _coarse_thresholds(best, j)
        above = tl.zeros([CHUNK, COARSE], tl.float32)
        for start in tl.range(0, BLOCK, CHUNK):
            index = tl.program_id(1) * BLOCK + start + tl.arange(0, CHUNK)
            scores = tl.load(scores_ptr + row.to(tl.int64) * V + index, mask=index < V, other=float("-inf"))
            weight = tl.where(top_k > 0, 1.0, tl.exp(scores - best))
            above += tl.where(scores[:, None] > threshold[None, :], weight[:, None], 0.0)
        tl.store(coarse_ptr + (row * BLOCKS + tl.program_id(1)) * COARSE + j, tl.sum(above, axis=0))


@triton.jit
def _coarse_weights(coarse_ptr, row, BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr):
    """What lies above each coarse threshold [COARSE], over all blocks."""
    block = tl.arange(0, BLOCKS_PADDED)
    place = (row * BLOCKS + block)[:, None] * COARSE + tl.arange(0, COARSE)[None, :]
    return tl.sum(tl.load(coarse_ptr + place, mask=(block < BLOCKS)[:, None], other=0.0), axis=0)


@triton.jit(do_not_specialize=["T"])
def gather_kernel(scores_ptr, best_ptr, coarse_ptr, lowest_ptr, candidate_ptr, count_ptr, slots_ptr, top_k_ptr,
                  top_p_ptr, V, T, BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr, BLOCK: tl.constexpr,
                  PDL: tl.constexpr):  # fmt: skip
    """Phase 2: this block's candidates, in order, and how many there are."""
    start_next(PDL)
    wait_for_previous(PDL)
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    top_k = tl.load(top_k_ptr + slot)
    index = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    scores = tl.load(scores_ptr + row.to(tl.int64) * V + index, mask=index < V, other=float("-inf"))
    if _peaks_serve(top_k, V):
        low = tl.load(lowest_ptr + row)
    else:
        best = _best(best_ptr, row, BLOCKS, BLOCKS_PADDED)
        weights = _coarse_weights(coarse_ptr, row, BLOCKS, BLOCKS_PADDED)
        limit = tl.where(top_k > 0, top_k.to(tl.float32), tl.load(top_p_ptr + slot) * tl.max(weights, axis=0))
        enough = tl.min(tl.where(weights >= limit, tl.arange(0, COARSE), COARSE - 1), axis=0)
        low = _coarse_thresholds(best, enough)
        if tl.program_id(1) == 0:
            tl.store(lowest_ptr + row, low)
    chosen = (scores > low).to(tl.int32)
    place = tl.cumsum(chosen, axis=0) - 1
    group = row * BLOCKS + tl.program_id(1)
    tl.store(candidate_ptr + group * ROOM + place, scores, mask=(chosen > 0) & (place < ROOM))
    tl.store(count_ptr + group, tl.sum(chosen, axis=0))


@triton.jit
def _above(scores, weights, threshold):
    """What of the scores lies above the threshold: their weights together, and how many they are."""
    above = scores > threshold
    return tl.sum(tl.where(above, weights, 0.0), axis=0), tl.sum(above.to(tl.int32), axis=0)


@triton.jit
def _half(low, middle, high, inside, count, beyond, fits):
    """The half of an interval to go on with, and how many scores lie above its lower and its upper bound."""
    return (
        tl.where(fits, middle, low),
        tl.where(fits, high, middle),
        tl.where(fits, count, inside),
        tl.where(fits, beyond, count),
    )


@triton.jit
def _halved(scores, weights, low, high, limit):
    """What kept scores lie above: the most of what leaves at least `limit` above it; `low` does, `high` does not."""
    _, inside = _above(scores, weights, low)
    beyond = inside * 0
    turn = 0
    while (turn < _HALVINGS) & (inside - beyond > 1):
        middle = 0.5 * (low + high)
        weight, count = _above(scores, weights, middle)
        low, high, inside, beyond = _half(low, middle, high, inside, count, beyond, weight >= limit)
        turn += 1
    return low


@triton.jit
def _above_in_all(scores_ptr, V, best, threshold, COUNTED: tl.constexpr):
    """As `_above`, of all scores of a row."""
    weights = tl.zeros([_SEARCHED], tl.float32)
    counts = tl.zeros([_SEARCHED], tl.int32)
    for start in tl.range(0, V, _SEARCHED):
        index = start + tl.arange(0, _SEARCHED)
        scores = tl.load(scores_ptr + index, mask=index < V, other=float("-inf"))
        above = scores > threshold
        weights += tl.where(above, 1.0 if COUNTED else tl.exp(scores - best), 0.0)
        counts += above.to(tl.int32)
    return tl.sum(weights, axis=0), tl.sum(counts, axis=0)


@triton.jit
def _halved_in_all(scores_ptr, V, best, low, limit, COUNTED: tl.constexpr):
    """As `_halved`, among all scores of a row."""
    _, inside = _above_in_all(scores_ptr, V, best, low, COUNTED)
    high = best
    beyond = inside * 0
    turn = 0
    while (turn < _HALVINGS) & (inside - beyond > 1):
        middle = 0.5 * (low + high)
        weight, count = _above_in_all(scores_ptr, V, best, middle, COUNTED)
        low, high, inside, beyond = _half(low, middle, high, inside, count, beyond, weight >= limit)
        turn += 1
    return low


@triton.jit(do_not_specialize=["T"])
def search_kernel(scores_ptr, best_ptr, coarse_ptr, candidate_ptr, count_ptr, lowest_ptr, slots_ptr, temperature_ptr,
                  top_k_ptr, top_p_ptr, V, T, BLOCKS: tl.constexpr, BLOCKS_PADDED: tl.constexpr,
                  PDL: tl.constexpr):  # fmt: skip
    """Phase 3: what the kept scores of one row lie above."""
    start_next(PDL)
    wait_for_previous(PDL)
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    top_k = tl.load(top_k_ptr + slot)
    top_p = tl.load(top_p_ptr + slot)
    best = _best(best_ptr, row, BLOCKS, BLOCKS_PADDED)
    lowest = best - _DEPTH
    narrowed = (tl.load(temperature_ptr + slot) > 0.0) & ((top_k > 0) | (top_p < 1.0))
    if narrowed:
        lowest = tl.load(lowest_ptr + row)
        place = tl.arange(0, BLOCKS_PADDED * ROOM)
        block = place // ROOM
        count = tl.load(count_ptr + row * BLOCKS + block, mask=block < BLOCKS, other=0)
        if tl.max(count, axis=0) > ROOM:
            scores_ptr += row.to(tl.int64) * V
            if top_k > 0:
                lowest = _halved_in_all(scores_ptr, V, best, lowest, top_k.to(tl.float32), True)
            if top_p < 1.0:
                whole, _ = _above_in_all(scores_ptr, V, best, tl.where(top_k > 0, lowest, best - _DEPTH), False)
                lowest = _halved_in_all(scores_ptr, V, best, lowest, top_p * whole, False)
        else:
            scores = tl.load(
                candidate_ptr + row * BLOCKS * ROOM + place, mask=place % ROOM < count, other=float("-inf")
            )
            if top_k > 0:
                lowest = _halved(scores, tl.full(scores.shape, 1.0, tl.float32), lowest, best, top_k.to(tl.float32))
            if top_p < 1.0:
                weights = tl.exp(scores - best)
                whole, _ = _above(scores, weights, lowest)
                if top_k == 0:
                    whole = tl.max(_coarse_weights(coarse_ptr, row, BLOCKS, BLOCKS_PADDED), axis=0)
                lowest = _halved(scores, weights, lowest, best, top_p * whole)
    tl.store(lowest_ptr + row, lowest)


@triton.jit
def _hashed(word):
    word = (word ^ (word >> 16)) * 0x7FEB352D
    word = (word ^ (word >> 15)) * 0x846CA68B
    return word ^ (word >> 16)


@triton.jit(do_not_specialize=["T"])
def draw_kernel(scores_ptr, lowest_ptr, value_ptr, index_ptr, slots_ptr, length_ptr, temperature_ptr, seed_ptr, V, T,
                BLOCKS: tl.constexpr, BLOCK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Each block's largest score plus noise among the kept scores, and its index; see `sampling.noise`."""
    start_next(PDL)
    wait_for_previous(PDL)
    row = tl.program_id(0)
    slot = tl.load(slots_ptr + row // T)
    low = tl.load(lowest_ptr + row)
    index = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    scores = tl.load(scores_ptr + row.to(tl.int64) * V + index, mask=index < V, other=float("-inf"))
    position = (tl.load(length_ptr + slot) + row % T).to(tl.uint32)
    key = _hashed(tl.load(seed_ptr + slot).to(tl.uint32) ^ (position * 0x9E3779B1))
    word = _hashed(_hashed(index.to(tl.uint32) + key) ^ _hashed(key + 0x85EBCA6B))
    uniform = (word.to(tl.float32) + 0.5) * 2.3283064365386963e-10
    series = uniform * (1.0 + uniform * (0.5 + uniform * 0.3333333333))
    exponential = tl.where(uniform < 0.01, series, -tl.log(1.0 - uniform))
    noisy = tl.where(scores > low, scores - tl.log(exponential), float("-inf"))
    values = tl.where(tl.load(temperature_ptr + slot) == 0.0, scores, noisy)
    place = row * BLOCKS + tl.program_id(1)
    tl.store(value_ptr + place, tl.max(values, axis=0))
    # Where every score is NaN no index is the best; an index outside the vocabulary would end the whole process.
    chosen = tl.program_id(1) * BLOCK + tl.argmax(values, axis=0, tie_break_left=True)
    tl.store(index_ptr + place, tl.minimum(tl.maximum(chosen, 0), V - 1))


@triton.jit
def _both(first, second):
    return first & second


@triton.jit
def finish_kernel(value_ptr, index_ptr, slots_ptr, tokens_ptr, ids_ptr, length_ptr, seen_ptr, out_ptr,
                  room, V, spare, T: tl.constexpr, BLOCK_T: tl.constexpr, BLOCKS: tl.constexpr,
                  BLOCKS_PADDED: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Choose each row's token, count how many are accepted, and update ids, seen and length; see `sampling.choose`."""
    start_next(PDL)
    wait_for_previous(PDL)
    sequence = tl.program_id(0)
    slot = tl.load(slots_ptr + sequence)
    t = tl.arange(0, BLOCK_T)
    block = tl.arange(0, BLOCKS_PADDED)
    place = (sequence * T + t)[:, None] * BLOCKS + block[None, :]
    mask = (t < T)[:, None] & (block < BLOCKS)[None, :]
    winner = tl.argmax(tl.load(value_ptr + place, mask=mask, other=float("-inf")), axis=1, tie_break_left=True)
    chosen = tl.load(index_ptr + (sequence * T + t) * BLOCKS + winner, mask=t < T, other=0).to(tl.int64)
    drafted = tl.load(tokens_ptr + sequence * T + 1 + t, mask=t < T - 1, other=-1)
    agree = tl.associative_scan((drafted == chosen).to(tl.int32), 0, _both)
    accepted = 1 + tl.sum(tl.where(t < T - 1, agree, 0), axis=0)
    length = tl.load(length_ptr + slot).to(tl.int32)
    tl.store(ids_ptr + slot * room + length + t, chosen, mask=t < T)
    tl.store(seen_ptr + slot * V + chosen, tl.full([BLOCK_T], 1, tl.int8), mask=t < accepted)
    tl.store(length_ptr + slot, tl.where(slot == spare, 1, length + accepted))
    tl.store(out_ptr + sequence * (T + 1), accepted.to(tl.int64))
    tl.store(out_ptr + sequence * (T + 1) + 1 + t, chosen, mask=t < T)
