// One decode step of one sequence as one kernel, from the embedding to the chosen token.
//
// Decoding waits for weights to be read. With a kernel for each product the memory idles whenever one ends and the next
// begins, 200 times a step. Here one program stays on each multiprocessor for the whole step, and asks for weights long
// before it needs them: they do not depend on what is computed. One warp of each program, the reader, keeps a ring of
// STAGES pieces in shared memory full of the next pieces, across the borders of products and layers:
//
//     reader    | weights of qkv | out ..| gate, up ........ | down ...| next layer's qkv ...     never waits long
//     others    | enter | qkv | attention | out | gate, up | down | qkv ...
//                             ^           ^     ^          ^      ^
//                             every program reads what all have written
//
//   products    out = x w for 8 rows of w at a time, an item. Items go to the programs in turn, over all products, so
//               that none has more to read than others. An item's columns are cut into pieces; each is multiplied by one
//               warp, in steps of 64 bytes of each row, 16 bytes a lane. Few instructions a byte matter: a first version,
//               in which each lane copied what it multiplied, was bound by its 45 instructions a step.
//   numbers     bfloat16 on the tensor cores, whose rows of x are all the same here; 8 and 4 bits are made bfloat16 on
//               the way. In float32, which the tests use, by multiply-adds.
//   norm        x is multiplied by the norm's gain before the product, the result by 1 / rms(x).
//   attention   one program for each (group of query heads, split of the cached tokens); each adds up its own tokens
//               (online softmax, Dao et al., FlashAttention); then the programs add up the splits, some numbers each.
//               Keys and values are brought into the L2 cache while qkv is multiplied.
//   results     go from program to program through memory as words of 32 bits with a flag of 32 bits beside them, the
//               number of the layer and the launch: who reads them reads again until the flag is right, so no barrier
//               is needed (the idea is the LL protocol of NCCL). A word may be overwritten one layer later: nobody gets
//               there before all programs have written their part of the residual stream, and so have read the layer's
//               words. Each must have a part of it for that: GRID is at most the number of tiles.
//
//   choice      every program keeps its own scores. As in `choice.py`, weights above a few thresholds, exchanged as the results
//               are, tell how far down candidates must be looked for; those go to one program, which ranks them. Where they
//               are too many (a flat distribution), passes that set 32 thresholds, one for each lane, find the lowest score
//               that is kept. `sampling.py` defines what is chosen.
//
// `step.py` sets the constants in capitals, builds `Model` and launches; it says what this serves.

#ifndef EMULATED  // cuda_emulation.h stands in for a GPU
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define SHARED(name) extern __shared__ __align__(128) u8 name[]

__device__ __forceinline__ u64 read_once_policy() {
  u64 policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}
// Copies of the bulk copy engine, counted by a barrier in shared memory; `round` is how often it was used before.
__device__ __forceinline__ u32 shared_address(const void* at) { return static_cast<u32>(__cvta_generic_to_shared(at)); }
__device__ __forceinline__ void make_barrier(u64* barrier) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(barrier)) : "memory");
}
__device__ __forceinline__ void publish_barriers() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
__device__ __forceinline__ void expect_bytes(u64* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
}
__device__ __forceinline__ void arrive(u64* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
__device__ __forceinline__ void wait_for(u64* barrier, u32 round) {
  asm volatile(
      "{\n.reg .pred there;\nagain:\nmbarrier.try_wait.parity.shared::cta.b64 there, [%0], %1;\n@!there bra again;\n}\n" ::"r"(
          shared_address(barrier)),
      "r"(round & 1)
      : "memory");
}
__device__ __forceinline__ void copy(u8* to, const u8* from, int bytes, u64* barrier, u64 policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(
          shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier)), "l"(policy)
      : "memory");
}
__device__ __forceinline__ void sync_others() { asm volatile("bar.sync 1, %0;" ::"n"(WARPS * 32) : "memory"); }
// Words with flags: each is read and written as a whole, and not from this multiprocessor's own cache.
__device__ __forceinline__ void load_two(const u64* from, u64& first, u64& second) {
  asm volatile("ld.relaxed.gpu.global.v2.u64 {%0,%1}, [%2];" : "=l"(first), "=l"(second) : "l"(from) : "memory");
}
__device__ __forceinline__ u64 load_one(const u64* from) {
  u64 word;
  asm volatile("ld.relaxed.gpu.global.u64 %0, [%1];" : "=l"(word) : "l"(from) : "memory");
  return word;
}
__device__ __forceinline__ void store_one(u64* to, u64 word) {
  asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(to), "l"(word) : "memory");
}
__device__ __forceinline__ void bring_near(const void* from) { asm volatile("prefetch.global.L2 [%0];" ::"l"(from)); }
__device__ __forceinline__ uint4 load_once(const void* from) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(from));
  return v;
}
// sums += x w^T, for 16 k; lane's pairs of k and the order of k are the same for x and w.
__device__ __forceinline__ void multiply(float (&sums)[4], u32 x_low, u32 x_high, u32 w_low, u32 w_high) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
               : "r"(x_low), "r"(0), "r"(x_high), "r"(0), "r"(w_low), "r"(w_high));
}
__device__ __forceinline__ u32 multiply_add_pairs(u32 a, u32 b, u32 c) {
  u32 d;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}
__device__ __forceinline__ u32 narrow_pair(float low, float high) {
  u32 pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ u16 to_half(float value) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ __forceinline__ float from_half(u16 bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
#endif

constexpr int THREADS = WARPS * 32;  // without the reader's
constexpr float NOTHING = -1e30f;  // below every score
#define LARGEST __uint_as_float(0x7F800000)  // infinity

#if NUMBER_BITS == 32
typedef float Number;
__device__ __forceinline__ float wide(Number value) { return value; }
__device__ __forceinline__ Number narrow(float value) { return value; }
#else
typedef u16 Number;  // bfloat16
__device__ __forceinline__ float wide(Number value) { return __uint_as_float(static_cast<u32>(value) << 16); }
__device__ __forceinline__ Number narrow(float value) { return static_cast<Number>(narrow_pair(value, 0)); }
#endif
__device__ __forceinline__ float rounded(float value) { return wide(narrow(value)); }

struct Matrix {
  const u8* data;
  const float* scale;  // 8 bits: [rows]; 4 bits: [groups, rows]
};
struct Layer {
  Matrix matrices[4];  // in the order of `Kind`
  const Number* gains[2];
  u8* keys;
  u8* values;
  u16* key_scales;
  u16* value_scales;
};
struct Model {
  const Layer* layers;
  Matrix head, embedding;
  const Number* gain;
  const float* cosines;
  const float* sines;
  long long* ids;
  int* length;
  const int* table;
  long long room, table_width;
  // Words with flags, see above: results of the products and of attention; of each head and split the weighted sum of
  // values, and the largest score with the sum of weights.
  u64 *qkv, *after_attention, *hidden, *after_mlp, *mixed, *parts, *shares;
  u64* exchanged;  // [ROUNDS, GRID, 32] words of the choice and [GRID, MOST_CANDIDATES, 2]; their flag is the number of the launch
  u8* seen;        // these of the slots, see `Slots`; ids and length are written too
  const float *temperature, *penalty, *top_p;
  const int* top_k;
  const long long* seed;
  long long spare;
  u32* launches;              // [2] how many launches have ended, and of the present one how many programs
  float epsilon, embedding_multiplier, residual_multiplier, score_multiplier, logits_multiplier;
};

// The products of a layer, and the head after the last.
enum Kind { QKV, OUT, GATE_UP, DOWN, HEAD };
constexpr int QKV_ROWS = (HEADS + 2 * KEY_HEADS) * DIMENSION;
constexpr int MATRICES = 4 * LAYERS + 1;
static_assert(GROUP == 64 && STAGES >= WARPS, "");  // a step of 4 bits is one group in the low halves and one in the high

__device__ constexpr int bits_of(int kind) { return kind == HEAD ? HEAD_BITS : kind == DOWN ? DOWN_BITS : BITS; }
__device__ constexpr int columns_of(int kind) { return kind == OUT ? HEADS * DIMENSION : kind == DOWN ? WIDE : HIDDEN; }
__device__ constexpr int rows_of(int kind) {  // of the result
  return kind == QKV ? QKV_ROWS : kind == GATE_UP ? WIDE : kind == HEAD ? VOCABULARY : HIDDEN;
}
__device__ constexpr int row_bytes_of(int kind) { return columns_of(kind) / 8 * bits_of(kind); }
__device__ constexpr int steps_of(int kind) { return row_bytes_of(kind) / 64; }
__device__ constexpr int tiles_of(int kind) { return (rows_of(kind) + 7) / 8; }
__device__ constexpr int larger(int a, int b) { return a > b ? a : b; }

constexpr int PER_WORD = 4 / static_cast<int>(sizeof(Number));
// A row is cut into pieces of at most LONGEST_PIECE bytes; STRIDE apart in shared memory, rows next to each other are in other
// banks.
__device__ constexpr int pieces_of(int kind) { return (row_bytes_of(kind) + LONGEST_PIECE - 1) / LONGEST_PIECE; }
__device__ constexpr int most_steps_of(int kind) { return (steps_of(kind) + pieces_of(kind) - 1) / pieces_of(kind); }
constexpr int MOST_STEPS = larger(larger(most_steps_of(QKV), most_steps_of(OUT)), larger(most_steps_of(DOWN), most_steps_of(HEAD)));
constexpr int STRIDE = (MOST_STEPS * 64 + 127) / 128 * 128 + 64;
constexpr int PIECE = (8 * STRIDE + (BITS == 4 ? MOST_STEPS * 64 : 0) + 127) / 128 * 128;  // the scales after the rows
constexpr int MOST_PIECES = larger(larger(pieces_of(QKV), pieces_of(OUT)), larger(pieces_of(DOWN), pieces_of(HEAD)));
constexpr int AT_A_TIME = 6;                       // steps of a piece that are in flight together
constexpr int BATCH = WARPS < 8 ? WARPS * 4 : 32;  // items whose sums are added up together, by 8 threads each at most
constexpr int SUMS = MOST_PIECES * 8 + 8;          // floats of an item, apart by 8 so that the next is in other banks
constexpr int LONGEST = larger(larger(HIDDEN, WIDE), HEADS * DIMENSION);
constexpr int PROGRAMS = HEADS / QUERIES;  // groups of query heads that one program reads keys for
constexpr int X_BYTES = (LONGEST * static_cast<int>(sizeof(Number)) + 127) / 128 * 128;
constexpr int PRODUCT_BYTES = X_BYTES + (BATCH * SUMS + WARPS) * 4;
constexpr int ATTENTION_BYTES = (WARPS * QUERIES * (DIMENSION + 2) + (QUERIES + 2) * DIMENSION) * 4;
constexpr int WORK_BYTES = (larger(PRODUCT_BYTES, ATTENTION_BYTES) + 127) / 128 * 128;
constexpr int RESIDUAL_BYTES = (HIDDEN * static_cast<int>(sizeof(Number)) + 127) / 128 * 128;
constexpr int SCORES_BYTES = ((tiles_of(HEAD) + GRID - 1) / GRID * 32 + 127) / 128 * 128;
// In shared memory: the rings; what products and attention use in turn; the residual stream; this program's scores; the
// table of products and two barriers for each piece of the ring.
constexpr int RING_BYTES = STAGES * PIECE;

struct Entry {  // of the table: what this program reads of a matrix
  const u8* data;
  int first;  // tile of 8 rows; the others follow GRID apart
  int items;
};

struct Warp {
  u8* ring;
  u64 *full, *empty;  // barriers [STAGES]
  u8* work;
  Number* residual;
  const Entry* table;
  int pieces;  // of the products before this one
  int lane, warp;
};

// The reader: ask for every piece of this program, in order, as soon as there is room in the ring.
__device__ void read(const Warp& w, const Model& model) {
  u64 policy = read_once_policy();
  int number = 0;
  for (int matrix = 0; matrix < MATRICES; matrix++) {
    const Entry entry = w.table[matrix];
    int kind = matrix == MATRICES - 1 ? HEAD : matrix & 3;
    int rows = kind == QKV ? rows_of(QKV) : kind == GATE_UP ? rows_of(GATE_UP) : kind == HEAD ? rows_of(HEAD) : HIDDEN;
    int steps = kind == OUT ? steps_of(OUT) : kind == DOWN ? steps_of(DOWN) : kind == HEAD ? steps_of(HEAD) : steps_of(QKV);
    int each = kind == OUT    ? most_steps_of(OUT)
               : kind == DOWN ? most_steps_of(DOWN)
               : kind == HEAD ? most_steps_of(HEAD)
                              : most_steps_of(QKV);
    bool gated = kind == GATE_UP;
    const float* scales = BITS == 4 && kind < DOWN ? model.layers[matrix >> 2].matrices[kind].scale : nullptr;
    for (int item = 0; item < entry.items; item++) {
      int tile = entry.first + (gated ? item >> 1 : item) * GRID;
      int row = min(tile * 8 + (w.lane & 7), rows - 1) + (gated ? (item & 1) * rows : 0);
      const u8* from = entry.data + static_cast<u64>(row) * (steps * 64);
      for (int step = 0; step < steps; step += each, number++) {
        int count = min(each, steps - step), place = number % STAGES;
        u8* to = w.ring + place * PIECE;
        wait_for(w.empty + place, number / STAGES + 1);
        if (w.lane == 0) expect_bytes(w.full + place, count * (scales != nullptr ? 512 + 64 : 512));
        __syncwarp();
        if (w.lane < 8) copy(to + w.lane * STRIDE, from + step * 64, count * 64, w.full + place, policy);
        if (scales != nullptr && w.lane >= 8 && w.lane < 10) {
          int half = w.lane - 8;  // a group of 64 columns in the low halves of the bytes, one in the high
          int group = (tile + (gated ? (item & 1) * (WIDE / 8) : 0)) * (steps * 2) + half * steps + step;
          copy(to + 8 * STRIDE + half * count * 32, reinterpret_cast<const u8*>(scales + group * 8), count * 32, w.full + place, policy);
        }
      }
    }
  }
}

constexpr u32 ONE_TWENTY_EIGHT = 0x43004300;  // twice, in bfloat16: its last bit is worth 1

// Four numbers of 8 bits as two pairs: (first, third) and (second, fourth).
__device__ __forceinline__ u32 pair_of_8_bits(u32 word) {
  u32 low = (word & 0x007F007F) | ONE_TWENTY_EIGHT;   // 128 + the low seven bits
  u32 high = (word & 0x00800080) | ONE_TWENTY_EIGHT;  // 256 where the number is negative, else 128
  return multiply_add_pairs(high, 0xBF80BF80, low);
}
__device__ __forceinline__ u32 pair_of_4_bits(u32 word) {
  return multiply_add_pairs((word & 0x000F000F) | ONE_TWENTY_EIGHT, 0x3F803F80, 0xC308C308);  // less 136
}

// How many vectors of x a lane needs for one step.
__device__ constexpr int vectors_of(int kind) { return bits_of(kind) == 8 ? 2 : bits_of(kind) == 4 ? 4 : 1; }

// Multiply one step: [0] and [1] of both sums together are those of rows 2q and 2q + 1 of the item in lane q < 4; in float32,
// sums[0] is that of row lane / 4, to be added over four lanes. Two sums, since a tensor core takes a while to add to one.
template <int KIND>
__device__ __forceinline__ void multiply_step(uint4 v, float2 low, float2 high, const uint4* x, float (&sums)[4], float (&more)[4]) {
#if NUMBER_BITS == 32
  sums[0] += __uint_as_float(v.x) * __uint_as_float(x[0].x) + __uint_as_float(v.y) * __uint_as_float(x[0].y) +
             __uint_as_float(v.z) * __uint_as_float(x[0].z) + __uint_as_float(v.w) * __uint_as_float(x[0].w);
#else
  if (bits_of(KIND) == 16) {
    multiply(sums, x[0].x, x[0].y, v.x, v.y);
    multiply(more, x[0].z, x[0].w, v.z, v.w);
  } else if (bits_of(KIND) == 8) {
    multiply(sums, x[0].x, x[0].y, pair_of_8_bits(v.x), pair_of_8_bits(v.x >> 8));
    multiply(more, x[0].z, x[0].w, pair_of_8_bits(v.y), pair_of_8_bits(v.y >> 8));
    multiply(sums, x[1].x, x[1].y, pair_of_8_bits(v.z), pair_of_8_bits(v.z >> 8));
    multiply(more, x[1].z, x[1].w, pair_of_8_bits(v.w), pair_of_8_bits(v.w >> 8));
  } else {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      uint4 a = x[half * 2], b = x[half * 2 + 1];
      float first[4] = {0, 0, 0, 0}, second[4] = {0, 0, 0, 0};
      int shift = half * 4;
      multiply(first, a.x, a.y, pair_of_4_bits(v.x >> shift), pair_of_4_bits(v.x >> (shift + 8)));
      multiply(second, a.z, a.w, pair_of_4_bits(v.y >> shift), pair_of_4_bits(v.y >> (shift + 8)));
      multiply(first, b.x, b.y, pair_of_4_bits(v.z >> shift), pair_of_4_bits(v.z >> (shift + 8)));
      multiply(second, b.z, b.w, pair_of_4_bits(v.w >> shift), pair_of_4_bits(v.w >> (shift + 8)));
      sums[0] += (first[0] + second[0]) * (half ? high.x : low.x);
      sums[1] += (first[1] + second[1]) * (half ? high.y : low.y);
    }
  }
#endif
}

// Multiply a piece with its part of x.
template <int KIND, int STEPS>
__device__ __forceinline__ void multiply_piece(const u8* at, const u8* group_scales, const u8* all_x, int first, int lane,
                                               float (&sums)[4][4]) {
  constexpr int VECTORS = vectors_of(KIND);
  const uint4* all = reinterpret_cast<const uint4*>(all_x) + (first * 4 + (lane & 3)) * (VECTORS == 1 ? 1 : 2);
#pragma unroll 1
  for (int start = 0; start < STEPS; start += AT_A_TIME)
#pragma unroll
    for (int i = 0; i < AT_A_TIME; i++) {
      int step = start + i;
      if (STEPS % AT_A_TIME && step >= STEPS) break;
      uint4 x[VECTORS];
#pragma unroll
      for (int j = 0; j < VECTORS; j++)
        x[j] = all[step * 4 * (VECTORS == 1 ? 1 : 2) + j % 2 + j / 2 * (columns_of(KIND) / 16)];
      float2 low = make_float2(0, 0), high = low;
      if (bits_of(KIND) == 4) {
        low = *reinterpret_cast<const float2*>(group_scales + step * 32);
        high = *reinterpret_cast<const float2*>(group_scales + (STEPS + step) * 32);
      }
      multiply_step<KIND>(*reinterpret_cast<const uint4*>(at + step * 64), low, high, x, sums[i & 1], sums[2 + (i & 1)]);
    }
}

// A vector of numbers, 16 bytes, as floats and back.
constexpr int VECTOR = 16 / static_cast<int>(sizeof(Number));
__device__ __forceinline__ void unpack(uint4 v, float (&out)[VECTOR]) {
#if NUMBER_BITS == 32
  out[0] = __uint_as_float(v.x), out[1] = __uint_as_float(v.y), out[2] = __uint_as_float(v.z), out[3] = __uint_as_float(v.w);
#else
  u32 words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    out[2 * i] = __uint_as_float(words[i] << 16);
    out[2 * i + 1] = __uint_as_float(words[i] & 0xFFFF0000);
  }
#endif
}
__device__ __forceinline__ uint4 pack(const float (&in)[VECTOR]) {
  uint4 v;
#if NUMBER_BITS == 32
  v.x = __float_as_uint(in[0]), v.y = __float_as_uint(in[1]), v.z = __float_as_uint(in[2]), v.w = __float_as_uint(in[3]);
#else
  u32 words[4];
#pragma unroll
  for (int i = 0; i < 4; i++) words[i] = narrow_pair(in[2 * i], in[2 * i + 1]);
  v.x = words[0], v.y = words[1], v.z = words[2], v.w = words[3];
#endif
  return v;
}
// Pairs in the order in which `pair_of_8_bits` makes them.
__device__ __forceinline__ uint4 in_pairs(uint4 v) {
  uint4 p;
  p.x = (v.x & 0xFFFF) | (v.y << 16);
  p.y = (v.x >> 16) | (v.y & 0xFFFF0000);
  p.z = (v.z & 0xFFFF) | (v.w << 16);
  p.w = (v.z >> 16) | (v.w & 0xFFFF0000);
  return p;
}

__device__ __forceinline__ float sum_of_warp(float value) {
#pragma unroll
  for (int apart = 16; apart; apart >>= 1) value += __shfl_xor_sync(0xFFFFFFFF, value, apart);
  return value;
}

// x of layer 0: the embedding of the last known token.
__device__ __forceinline__ void embedding_of(const Model& model, long long id, int vector, float (&out)[VECTOR]) {
#if EMBEDDING_BITS == 8
  const signed char* row = reinterpret_cast<const signed char*>(model.embedding.data) + id * HIDDEN + vector * VECTOR;
  for (int i = 0; i < VECTOR; i++) out[i] = rounded(rounded(row[i] * model.embedding.scale[id]) * model.embedding_multiplier);
#else
  unpack(*reinterpret_cast<const uint4*>(model.embedding.data + (id * HIDDEN + vector * VECTOR) * sizeof(Number)), out);
  for (int i = 0; i < VECTOR; i++) out[i] = rounded(out[i] * model.embedding_multiplier);
#endif
}

__device__ __forceinline__ u64 word_of(u32 bits, u32 flag) { return static_cast<u64>(flag) << 32 | bits; }
__device__ __forceinline__ bool has(u64 word, u32 flag) { return static_cast<u32>(word >> 32) == flag; }

// Four words, once they are there.
__device__ __forceinline__ uint4 read_words(const u64* from, u32 flag) {
  u64 a, b, c, d;
  do {
    load_two(from, a, b);
    load_two(from + 2, c, d);
  } while (!has(a, flag) || !has(b, flag) || !has(c, flag) || !has(d, flag));
  return make_uint4(static_cast<u32>(a), static_cast<u32>(b), static_cast<u32>(c), static_cast<u32>(d));
}

// One lane waits for a word, so that the others need not ask in vain, over and over.
__device__ __forceinline__ void await_word(const u64* word, u32 flag, int lane) {
  if (lane == 0)
    while (!has(load_one(word), flag)) {
    }
  __syncwarp();
}

// Put x into shared memory, multiplied by the norm's gain where there is one; returns the thread's sum of squares.
template <int KIND>
__device__ __forceinline__ float bring_x(Warp& w, const Model& model, int layer, u32 flag, long long id) {
  constexpr bool NORM = KIND == QKV || KIND == GATE_UP || KIND == HEAD;
  constexpr int VECTORS = columns_of(KIND) / VECTOR, EACH = (VECTORS + THREADS - 1) / THREADS;
  int thread = threadIdx.x;
  const Number* gains = KIND == HEAD ? model.gain : model.layers[layer].gains[KIND == GATE_UP];
  uint4 gain[EACH];  // asked for before x is there
#pragma unroll
  for (int i = 0; i < EACH; i++)
    if (NORM && thread + i * THREADS < VECTORS) gain[i] = *reinterpret_cast<const uint4*>(gains + (thread + i * THREADS) * VECTOR);

  const u64* words = KIND == OUT ? model.mixed : KIND == GATE_UP ? model.after_attention : KIND == DOWN ? model.hidden : model.after_mlp;
  bool entering = KIND == QKV && layer == 0;
  if (!entering && thread / 32 * 32 < VECTORS) await_word(words + thread * 4, flag, w.lane);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < EACH; i++) {
    int vector = thread + i * THREADS;
    if (vector >= VECTORS) continue;
    float x[VECTOR];
    uint4 packed;
    if (entering) {
      embedding_of(model, id, vector, x);
      packed = pack(x);
    } else {
      packed = read_words(words + vector * 4, flag);
      unpack(packed, x);
    }
    if (NORM) {
      if (KIND != HEAD) reinterpret_cast<uint4*>(w.residual)[vector] = packed;
      float gains[VECTOR];
      unpack(gain[i], gains);
#pragma unroll
      for (int j = 0; j < VECTOR; j++) squares += x[j] * x[j], x[j] *= gains[j];
      packed = pack(x);
    }
    reinterpret_cast<uint4*>(w.work)[vector] = bits_of(KIND) < 16 ? in_pairs(packed) : packed;
  }
  return squares;
}

// How a sequence's next token is chosen.
struct Choice {
  float temperature, penalty, top_p;
  int top_k;
  const u8* seen;
  float* scores;  // in shared memory, of this program's items in turn
};

// One product: wait for x, multiply this program's items, and hand their results on. `flag` is x's.
template <int KIND>
__device__ __forceinline__ void product(Warp& w, const Model& model, int layer, u32 flag, long long id, float* logits, const Choice& choice) {
  constexpr bool NORM = KIND == QKV || KIND == GATE_UP || KIND == HEAD;
  constexpr int PARTS = KIND == GATE_UP ? 2 : 1;  // items of a result
  constexpr int PIECES = pieces_of(KIND), EACH = most_steps_of(KIND), LAST = steps_of(KIND) - (PIECES - 1) * EACH;
  constexpr int ROWS = PER_WORD;  // of the result that one thread stores
  int thread = threadIdx.x, result = thread / (8 / ROWS);
  const Entry& entry = w.table[KIND == HEAD ? MATRICES - 1 : layer * 4 + KIND];
  const float* scales = KIND == HEAD ? model.head.scale : model.layers[layer].matrices[KIND].scale;
  int first_row = (entry.first + result * GRID) * 8 + thread % (8 / ROWS) * ROWS;
  float scale[ROWS], up_scale[ROWS], before[ROWS];
  bool seen[ROWS];
  auto fetch = [&](int row, int count) {  // what the result needs besides the sums
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      bool mine = result * PARTS < count && row + i < rows_of(KIND);
      scale[i] = bits_of(KIND) == 8 && mine ? scales[row + i] : 1;
      up_scale[i] = bits_of(KIND) == 8 && KIND == GATE_UP && mine ? scales[WIDE + row + i] : 1;
      seen[i] = KIND == HEAD && mine && choice.seen[row + i];
      before[i] = (KIND == OUT || KIND == DOWN) && mine ? wide(w.residual[row + i]) : 0;
    }
  };
  fetch(first_row, min(BATCH, entry.items));

  float squares = bring_x<KIND>(w, model, layer, flag, id);
  float* all_sums = reinterpret_cast<float*>(w.work + X_BYTES);
  float* sums_of_squares = all_sums + BATCH * SUMS;
  if (NORM) {
    squares = sum_of_warp(squares);
    if (w.lane == 0) sums_of_squares[w.warp] = squares;
  }
  sync_others();
  float inverse = 1;
  if (NORM) {
    squares = 0;
#pragma unroll
    for (int i = 0; i < WARPS; i++) squares += sums_of_squares[i];
    inverse = rsqrtf(squares / columns_of(KIND) + model.epsilon);
  }
  for (int start = 0; start < entry.items; start += BATCH) {
    int count = min(BATCH, entry.items - start);
    int row = first_row + start / PARTS * GRID * 8;
    if (start > 0) {
      sync_others();  // the sums of the batch before were read
      fetch(row, count);
    }
    int first = w.pieces + start * PIECES;  // number of the batch's first piece
    for (int piece = (w.warp + WARPS - first % WARPS) % WARPS; piece < count * PIECES; piece += WARPS) {
      int number = first + piece, place = number % STAGES, part = piece % PIECES;
      // The piece before it in this place is perhaps another warp's, and has not even come. A barrier tells only odd rounds
      // from even ones, so this warp must not be a round ahead; it is not two, where there are as many pieces as warps.
      wait_for(w.empty + place, number / STAGES + 1);
      wait_for(w.full + place, number / STAGES);
      const u8* at = w.ring + place * PIECE + (w.lane >> 2) * STRIDE + (w.lane & 3) * 16;
      const u8* group_scales = w.ring + place * PIECE + 8 * STRIDE + (w.lane & 3) * 8;
      float sums[4][4] = {};
      if (LAST == EACH || part < PIECES - 1)
        multiply_piece<KIND, EACH>(at, group_scales, w.work, part * EACH, w.lane, sums);
      else
        multiply_piece<KIND, LAST>(at, group_scales, w.work, part * EACH, w.lane, sums);
      __syncwarp();
      if (w.lane == 0) arrive(w.empty + place);
      float* to = all_sums + piece / PIECES * SUMS + part * 8;
#if NUMBER_BITS == 32
      sums[0][0] += sums[1][0];
      sums[0][0] += __shfl_xor_sync(0xFFFFFFFF, sums[0][0], 1);
      sums[0][0] += __shfl_xor_sync(0xFFFFFFFF, sums[0][0], 2);
      if ((w.lane & 3) == 0) to[w.lane >> 2] = sums[0][0];
#else
      if (w.lane < 4) *reinterpret_cast<float2*>(to + w.lane * 2) = make_float2(sums[0][0] + sums[1][0] + (sums[2][0] + sums[3][0]), sums[0][1] + sums[1][1] + (sums[2][1] + sums[3][1]));
#endif
    }
    sync_others();
    if (result * PARTS >= count) continue;
    float sum[ROWS], up[ROWS];
    const float* from = all_sums + result * PARTS * SUMS + thread % (8 / ROWS) * ROWS;
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      sum[i] = up[i] = 0;
#pragma unroll
      for (int j = 0; j < PIECES; j++) {
        sum[i] += from[j * 8 + i];
        if (KIND == GATE_UP) up[i] += from[SUMS + j * 8 + i];
      }
      sum[i] *= inverse * scale[i];
      if (KIND == GATE_UP) sum[i] = sum[i] / (1 + __expf(-sum[i])) * (up[i] * inverse * up_scale[i]);
      if (KIND == OUT || KIND == DOWN) sum[i] = before[i] + model.residual_multiplier * sum[i];
      if (KIND == HEAD) {
        float score = sum[i] * model.logits_multiplier;
        if (row + i < VOCABULARY) logits[row + i] = score;
        if (seen[i]) score = score > 0 ? score / choice.penalty : score * choice.penalty;
        if (choice.temperature != 0) score /= choice.temperature;
        choice.scores[(start + result) * 8 + thread % (8 / ROWS) * ROWS + i] = row + i < VOCABULARY ? score : -LARGEST;
      }
    }
    u64* words = KIND == QKV ? model.qkv : KIND == OUT ? model.after_attention : KIND == GATE_UP ? model.hidden : model.after_mlp;
#if NUMBER_BITS == 32
    u32 bits = __float_as_uint(sum[0]);
#else
    u32 bits = narrow_pair(sum[0], sum[ROWS - 1]);
#endif
    if (KIND != HEAD) store_one(words + row / ROWS, word_of(bits, KIND == QKV ? flag + 1 : flag));
  }
  w.pieces += entry.items * PIECES;
}

// Keys and values: LANES lanes read one vector of DIMENSION numbers, EACH_LANE numbers each.
#if CACHE_BITS == 8
typedef signed char Cached;
#else
typedef Number Cached;
#endif
constexpr int EACH_LANE = 16 / static_cast<int>(sizeof(Cached));
constexpr int LANES = DIMENSION / EACH_LANE;
constexpr int AT_ONCE = 32 / LANES;         // tokens that a warp reads with one load
constexpr int WORKERS = WARPS * AT_ONCE;    // groups of lanes, each with tokens of its own
constexpr int AHEAD = QUERIES == 1 ? 4 : 2; // tokens of a worker whose keys and values are read together

__device__ __forceinline__ void numbers_of(uint4 v, float (&out)[EACH_LANE]) {
#if CACHE_BITS == 8
  u32 words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 16; i++) out[i] = static_cast<signed char>(words[i / 4] >> (i % 4 * 8));
#else
  unpack(v, out);
#endif
}

struct Tokens {  // of one worker
  uint4 keys[AHEAD], values[AHEAD];
  float key_scales[AHEAD], value_scales[AHEAD];
};

__device__ __forceinline__ void read_tokens(Tokens& t, const Layer& layer, const int* table, int key_head, int token, int end,
                                            int lane) {
#pragma unroll
  for (int i = 0; i < AHEAD; i++) {
    int at = token + i * WORKERS;
    t.keys[i] = t.values[i] = make_uint4(0, 0, 0, 0);
    t.key_scales[i] = t.value_scales[i] = 1;
    if (at < end) {
      u64 place = (static_cast<u64>(table[at / CACHE_BLOCK]) * KEY_HEADS + key_head) * CACHE_BLOCK + at % CACHE_BLOCK;
      u64 byte = place * DIMENSION * sizeof(Cached) + lane % LANES * 16;
      t.keys[i] = load_once(layer.keys + byte);
      t.values[i] = load_once(layer.values + byte);
#if CACHE_BITS == 8
      t.key_scales[i] = from_half(layer.key_scales[place]);
      t.value_scales[i] = from_half(layer.value_scales[place]);
#endif
    }
  }
}

// Have the keys and values of this program's tokens brought into the L2 cache.
__device__ __forceinline__ void bring_tokens_near(const Model& model, int number, long long slot, int old) {
  const Layer& layer = model.layers[number];
  const int* table = model.table + slot * model.table_width;
  int unit = blockIdx.x, part = (old + SPLITS - 1) / SPLITS, split = unit / PROGRAMS;
  if (unit >= PROGRAMS * SPLITS) return;
  int key_head = unit % PROGRAMS * QUERIES / (HEADS / KEY_HEADS), end = min(old, (split + 1) * part);
  for (int at = split * part + threadIdx.x; at < end; at += THREADS) {
    u64 place = (static_cast<u64>(table[at / CACHE_BLOCK]) * KEY_HEADS + key_head) * CACHE_BLOCK + at % CACHE_BLOCK;
    for (int byte = 0; byte < DIMENSION * static_cast<int>(sizeof(Cached)); byte += 128) {
      bring_near(layer.keys + place * DIMENSION * sizeof(Cached) + byte);
      bring_near(layer.values + place * DIMENSION * sizeof(Cached) + byte);
    }
  }
}

struct Softmax {  // of one worker and query head: largest score so far; weights and weighted values relative to it
  float best, total, mixed[EACH_LANE];
};

template <int COUNT>
__device__ __forceinline__ void take_in(Softmax& s, const float (&scores)[COUNT], const bool (&here)[COUNT],
                                        const float (&values)[COUNT][EACH_LANE]) {
  float best = s.best;
#pragma unroll
  for (int i = 0; i < COUNT; i++)
    if (here[i]) best = fmaxf(best, scores[i]);
  float shrink = exp2f(s.best - best);
  s.best = best;
  s.total *= shrink;
#pragma unroll
  for (int d = 0; d < EACH_LANE; d++) s.mixed[d] *= shrink;
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    float weight = here[i] ? exp2f(scores[i] - best) : 0;
    s.total += weight;
#pragma unroll
    for (int d = 0; d < EACH_LANE; d++) s.mixed[d] += weight * values[i][d];
  }
}

// Rotate queries, and for the last split the new key, into shared memory [QUERIES + 2, DIMENSION]; the value as it is.
__device__ __forceinline__ void bring_heads(const Model& model, int program, int key_head, int heads, int old, u32 flag, float* to) {
  constexpr int WORDS = DIMENSION / 2 / PER_WORD;  // of half a head
  const float *cosines = model.cosines + static_cast<u64>(old) * DIMENSION, *sines = model.sines + static_cast<u64>(old) * DIMENSION;
  for (int place = threadIdx.x; place < heads * WORDS; place += THREADS) {
    int number = place / WORDS, d = place % WORDS * PER_WORD;
    int head = number < QUERIES ? program * QUERIES + number : HEADS + (number - QUERIES) * KEY_HEADS + key_head;
    float cosine[2][PER_WORD], sine[2][PER_WORD];
#pragma unroll
    for (int i = 0; i < 2 * PER_WORD; i++) {
      int at = d + i % PER_WORD + i / PER_WORD * (DIMENSION / 2);
      bool turns = number <= QUERIES;
      cosine[i / PER_WORD][i % PER_WORD] = turns ? cosines[at] : 1;
      sine[i / PER_WORD][i % PER_WORD] = turns ? sines[at] : 0;
    }
    const u64* from = model.qkv + (head * DIMENSION + d) / PER_WORD;
    u64 first, second;
    do {
      first = load_one(from);
      second = load_one(from + WORDS);
    } while (!has(first, flag) || !has(second, flag));
#pragma unroll
    for (int i = 0; i < PER_WORD; i++) {
#if NUMBER_BITS == 32
      float a = __uint_as_float(static_cast<u32>(first)), b = __uint_as_float(static_cast<u32>(second));
#else
      float a = wide(static_cast<Number>(first >> (16 * i))), b = wide(static_cast<Number>(second >> (16 * i)));
#endif
      to[number * DIMENSION + d + i] = rounded(a * cosine[0][i] - b * sine[0][i]);
      to[number * DIMENSION + d + i + DIMENSION / 2] = rounded(b * cosine[1][i] + a * sine[1][i]);
    }
  }
}

// Put the new token's key or value into the cache; `numbers` become what later steps will read.
__device__ __forceinline__ float keep(u8* cache, u16* scales, u64 place, int lane, bool store, float (&numbers)[EACH_LANE]) {
  u8* to = cache + place * DIMENSION * sizeof(Cached) + lane % LANES * 16;
#if CACHE_BITS == 8
  float largest = 0;
  for (int i = 0; i < EACH_LANE; i++) largest = fmaxf(largest, fabsf(numbers[i]));
  for (int apart = 1; apart < LANES; apart <<= 1) largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFF, largest, apart));
  u16 half = to_half(fmaxf(largest / 127, 1e-6f));
  float scale = from_half(half);
  u32 words[4] = {0, 0, 0, 0};
  for (int i = 0; i < EACH_LANE; i++) {
    numbers[i] = fminf(fmaxf(rintf(numbers[i] / scale), -127.f), 127.f);
    words[i / 4] |= (static_cast<u32>(static_cast<int>(numbers[i])) & 0xFF) << (i % 4 * 8);
  }
  if (store) *reinterpret_cast<uint4*>(to) = make_uint4(words[0], words[1], words[2], words[3]);
  if (store && lane % LANES == 0) scales[place] = half;
  return scale;
#else
  if (store) *reinterpret_cast<uint4*>(to) = pack(numbers);
  return 1;
#endif
}

__device__ __forceinline__ void attention(Warp& w, const Model& model, int number, u32 flag, long long slot, int old) {
  const Layer& layer = model.layers[number];
  const int* table = model.table + slot * model.table_width;
  // Heads lie where x was, which nobody reads any more; sums of the product before may still be read.
  static_assert((QUERIES + 2) * DIMENSION * 4 <= X_BYTES, "");
  float* heads = reinterpret_cast<float*>(w.work);        // [QUERIES + 2, DIMENSION]
  float* merged = heads + (QUERIES + 2) * DIMENSION;      // [WARPS, QUERIES, DIMENSION]
  float* shares = merged + WARPS * QUERIES * DIMENSION;   // [WARPS, QUERIES, 2]
  int part = (old + SPLITS - 1) / SPLITS;
  for (int unit = blockIdx.x; unit < PROGRAMS * SPLITS; unit += GRID) {
    int program = unit % PROGRAMS, split = unit / PROGRAMS, key_head = program * QUERIES / (HEADS / KEY_HEADS);
    int end = min(old, (split + 1) * part), token = split * part + w.warp * AT_ONCE + w.lane / LANES;
    Tokens now;
    read_tokens(now, layer, table, key_head, token, end, w.lane);
    bring_heads(model, program, key_head, split == SPLITS - 1 ? QUERIES + 2 : QUERIES, old, flag, heads);
    sync_others();
    float query[QUERIES][EACH_LANE];
    Softmax softmax[QUERIES];
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
      softmax[q].best = NOTHING, softmax[q].total = 0;
#pragma unroll
      for (int d = 0; d < EACH_LANE; d++) {
        softmax[q].mixed[d] = 0;
        query[q][d] = heads[q * DIMENSION + w.lane % LANES * EACH_LANE + d] * model.score_multiplier;
      }
    }
    int first = split * part;  // the same for all lanes, which add up their scores together
    for (; first < end; first += WORKERS * AHEAD, token += WORKERS * AHEAD) {
      Tokens later;
      read_tokens(later, layer, table, key_head, token + WORKERS * AHEAD, end, w.lane);
      float scores[QUERIES][AHEAD], values[AHEAD][EACH_LANE];
      bool here[AHEAD];
#pragma unroll
      for (int i = 0; i < AHEAD; i++) {
        float key[EACH_LANE];
        numbers_of(now.keys[i], key);
        numbers_of(now.values[i], values[i]);
        here[i] = token + i * WORKERS < end;
#pragma unroll
        for (int d = 0; d < EACH_LANE; d++) values[i][d] *= now.value_scales[i];
#pragma unroll
        for (int q = 0; q < QUERIES; q++) {
          float score = 0;
#pragma unroll
          for (int d = 0; d < EACH_LANE; d++) score += query[q][d] * key[d];
#pragma unroll
          for (int apart = 1; apart < LANES; apart <<= 1) score += __shfl_xor_sync(0xFFFFFFFF, score, apart);
          scores[q][i] = score * now.key_scales[i];
        }
      }
#pragma unroll
      for (int q = 0; q < QUERIES; q++) take_in<AHEAD>(softmax[q], scores[q], here, values);
      now = later;
    }

    if (split == SPLITS - 1 && w.warp == 0) {  // the new token
      float key[EACH_LANE], value[1][EACH_LANE];
#pragma unroll
      for (int d = 0; d < EACH_LANE; d++) {
        key[d] = heads[QUERIES * DIMENSION + w.lane % LANES * EACH_LANE + d];
        value[0][d] = heads[(QUERIES + 1) * DIMENSION + w.lane % LANES * EACH_LANE + d];
      }
      u64 place = (static_cast<u64>(table[old / CACHE_BLOCK]) * KEY_HEADS + key_head) * CACHE_BLOCK + old % CACHE_BLOCK;
      bool here[1] = {w.lane < LANES};
      bool store = here[0] && program * QUERIES % (HEADS / KEY_HEADS) == 0;
      float key_scale = keep(layer.keys, layer.key_scales, place, w.lane, store, key);
      float value_scale = keep(layer.values, layer.value_scales, place, w.lane, store, value[0]);
#pragma unroll
      for (int d = 0; d < EACH_LANE; d++) value[0][d] *= value_scale;
#pragma unroll
      for (int q = 0; q < QUERIES; q++) {
        float score[1] = {0};
#pragma unroll
        for (int d = 0; d < EACH_LANE; d++) score[0] += query[q][d] * key[d];
#pragma unroll
        for (int apart = 1; apart < LANES; apart <<= 1) score[0] += __shfl_xor_sync(0xFFFFFFFF, score[0], apart);
        score[0] *= key_scale;
        take_in<1>(softmax[q], score, here, value);
      }
    }

    // Add up the workers: of a warp, then of the program.
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
      Softmax& s = softmax[q];
#pragma unroll
      for (int apart = LANES; apart < 32; apart <<= 1) {
        float other = __shfl_xor_sync(0xFFFFFFFF, s.best, apart);
        float best = fmaxf(s.best, other), own_share = exp2f(s.best - best), share = exp2f(other - best);
        s.best = best;
        s.total = s.total * own_share + __shfl_xor_sync(0xFFFFFFFF, s.total, apart) * share;
#pragma unroll
        for (int d = 0; d < EACH_LANE; d++)
          s.mixed[d] = s.mixed[d] * own_share + __shfl_xor_sync(0xFFFFFFFF, s.mixed[d], apart) * share;
      }
      if (w.lane < LANES) {
        float* to = merged + (w.warp * QUERIES + q) * DIMENSION + w.lane * EACH_LANE;
#pragma unroll
        for (int d = 0; d < EACH_LANE; d++) to[d] = s.mixed[d];
        if (w.lane == 0) shares[(w.warp * QUERIES + q) * 2] = s.best, shares[(w.warp * QUERIES + q) * 2 + 1] = s.total;
      }
    }
    sync_others();
    for (int place = threadIdx.x; place < QUERIES * DIMENSION; place += THREADS) {
      int q = place / DIMENSION, head = program * QUERIES + q;
      float best = NOTHING, total = 0, sum = 0;
#pragma unroll
      for (int i = 0; i < WARPS; i++) best = fmaxf(best, shares[(i * QUERIES + q) * 2]);
#pragma unroll
      for (int i = 0; i < WARPS; i++) {
        float share = exp2f(shares[(i * QUERIES + q) * 2] - best);
        total += share * shares[(i * QUERIES + q) * 2 + 1];
        sum += share * merged[i * QUERIES * DIMENSION + place];
      }
      store_one(model.parts + (head * SPLITS + split) * DIMENSION + place % DIMENSION, word_of(__float_as_uint(sum), flag));
      if (place % DIMENSION == 0) {
        u64* to = model.shares + (head * SPLITS + split) * 2;
        store_one(to, word_of(__float_as_uint(best), flag));
        store_one(to + 1, word_of(__float_as_uint(total), flag));
      }
    }
    sync_others();  // shared memory is used again
  }
}

// Add up the splits: a warp four numbers of one head, a lane one split.
__device__ __forceinline__ void combine(const Model& model, const Warp& w, u32 flag) {
  for (int i = w.warp; blockIdx.x + i * GRID < HEADS * DIMENSION / 4; i += WARPS) {
    int place = (blockIdx.x + i * GRID) * 4, head = place / DIMENSION, split = w.lane;
    float best = NOTHING, total = 0, value[4] = {0, 0, 0, 0};
    if (split < SPLITS) {
      u64 words[4], share[2];
      do {
        load_two(model.shares + (head * SPLITS + split) * 2, share[0], share[1]);
        const u64* from = model.parts + (head * SPLITS + split) * DIMENSION + place % DIMENSION;
        load_two(from, words[0], words[1]);
        load_two(from + 2, words[2], words[3]);
      } while (!has(share[0], flag) || !has(share[1], flag) || !has(words[0], flag) || !has(words[1], flag) || !has(words[2], flag) ||
               !has(words[3], flag));
      best = __uint_as_float(static_cast<u32>(share[0])), total = __uint_as_float(static_cast<u32>(share[1]));
#pragma unroll
      for (int j = 0; j < 4; j++) value[j] = __uint_as_float(static_cast<u32>(words[j]));
    }
    __syncwarp();
    constexpr int WIDTH = SPLITS > 16 ? 32 : SPLITS > 8 ? 16 : SPLITS > 4 ? 8 : 4;
    float largest = best;
#pragma unroll
    for (int apart = 1; apart < WIDTH; apart <<= 1) largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFF, largest, apart));
    float scale = exp2f(best - largest);
    total *= scale;
#pragma unroll
    for (int apart = 1; apart < WIDTH; apart <<= 1) total += __shfl_xor_sync(0xFFFFFFFF, total, apart);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      value[j] *= scale;
#pragma unroll
      for (int apart = 1; apart < WIDTH; apart <<= 1) value[j] += __shfl_xor_sync(0xFFFFFFFF, value[j], apart);
      value[j] /= total;
    }
    if (w.lane == 0)
#pragma unroll
      for (int j = 0; j < 4; j += PER_WORD) {
#if NUMBER_BITS == 32
        u32 bits = __float_as_uint(value[j]);
#else
        u32 bits = narrow_pair(value[j], value[j + 1]);
#endif
        store_one(model.mixed + (place + j) / PER_WORD, word_of(bits, flag));
      }
  }
}

constexpr int PASSES = 5;      // 32 thresholds each: 30 nats down to the spacing of float32
constexpr float DEPTH = 30;    // nats below the best score at which none is drawn
constexpr int COARSE = 16;     // thresholds that tell how many candidates there are
enum Round { BEST, WEIGHTS, FIRST_PASS, DRAWN = FIRST_PASS + 2 * PASSES, ROUNDS };
// Scores, rows, weights and what lies above each, in the ring's memory, after this program's weights.
constexpr int CANDIDATES = (RING_BYTES - SCORES_BYTES) / 16 < MOST_CANDIDATES ? (RING_BYTES - SCORES_BYTES) / 16 : MOST_CANDIDATES;

// Give this program's words [32] of a round to all.
__device__ __forceinline__ void give(const Model& model, int round, int place, u32 bits, u32 flag) {
  store_one(model.exchanged + (round * GRID + blockIdx.x) * 32 + place, word_of(bits, flag));
}
__device__ __forceinline__ u32 take(const u64* from, u32 flag) {
  u64 word;
  do word = load_one(from);
  while (!has(word, flag));
  return static_cast<u32>(word);
}
__device__ __forceinline__ u32 taken(const Model& model, int round, int program, int place, u32 flag) {
  return take(model.exchanged + (round * GRID + program) * 32 + place, flag);
}
// This program's candidates: their scores and rows.
__device__ __forceinline__ u64* candidates_of(const Model& model, int program) {
  return model.exchanged + ROUNDS * GRID * 32 + program * MOST_CANDIDATES * 2;
}

// The largest of all threads' numbers that are no NaN.
__device__ __forceinline__ float largest_of(float value, float* partial, const Warp& w) {
#pragma unroll
  for (int apart = 16; apart; apart >>= 1) value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFF, value, apart));
  if (w.lane == 0) partial[w.warp] = value;
  sync_others();
  for (int i = 0; i < WARPS; i++) value = fmaxf(value, partial[i]);
  sync_others();
  return value;
}

// The sum of all threads' numbers.
__device__ __forceinline__ float sum_of(float value, float* partial, const Warp& w) {
  value = sum_of_warp(value);
  if (w.lane == 0) partial[w.warp] = value;
  sync_others();
  value = 0;
  for (int i = 0; i < WARPS; i++) value += partial[i];
  sync_others();
  return value;
}

// The sum of each lane's number over the warps of all programs.
__device__ __forceinline__ float sum_of_all(const Model& model, const Warp& w, int round, u32 flag, float value, float* partial) {
  partial[w.warp * 32 + w.lane] = value;
  sync_others();
  if (w.warp == 0) {
    value = 0;
    for (int i = 0; i < WARPS; i++) value += partial[i * 32 + w.lane];
    give(model, round, w.lane, __float_as_uint(value), flag);
  }
  sync_others();
  constexpr int EACH = (GRID + WARPS - 1) / WARPS;
  u64 words[EACH];
  bool there;
  do {  // all at once: one after the other each would take as long as all together
    there = true;
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      int program = w.warp + i * WARPS;
      words[i] = program < GRID ? load_one(model.exchanged + (round * GRID + program) * 32 + w.lane) : word_of(0, flag);
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) there = there && has(words[i], flag);
  } while (!there);
  value = 0;
#pragma unroll
  for (int i = 0; i < EACH; i++) value += __uint_as_float(static_cast<u32>(words[i]));
  partial[w.warp * 32 + w.lane] = value;
  sync_others();
  value = 0;
  for (int i = 0; i < WARPS; i++) value += partial[i * 32 + w.lane];
  sync_others();
  return value;
}

// What this warp's scores weigh that lie above each lane's threshold: their weights, or for the others 1.
__device__ __forceinline__ float weight_above(const Warp& w, const float* scores, const float* weights, bool weighed, int count, float threshold) {
  float above = 0;
  for (int i = w.warp; i < count; i += WARPS)
    if (scores[i] > threshold) above += weighed ? weights[i] : 1;
  return above;
}

// The part of (low, high] between the two thresholds where the weight falls below the limit.
__device__ __forceinline__ void narrow_down(float& low, float& high, float weight, float limit) {
  float step = (high - low) / 32;
  u32 under = __ballot_sync(0xFFFFFFFF, weight < limit);
  int first = under ? __ffs(under) - 1 : 32;
  high = first == 32 ? high : low + step * first;
  low += step * max(first - 1, 0);
}

__device__ __forceinline__ u32 hashed(u32 word) {
  word = (word ^ (word >> 16)) * 0x7FEB352D;
  word = (word ^ (word >> 15)) * 0x846CA68B;
  return word ^ (word >> 16);
}

// A score with noise, as `sampling.noise` defines it.
__device__ __forceinline__ float noisy(float score, int row, u32 key) {
  float uniform = (static_cast<float>(hashed(hashed(row + key) ^ hashed(key + 0x85EBCA6B))) + 0.5f) * 2.3283064365386963e-10f;
  float series = uniform * (1 + uniform * (0.5f + uniform * 0.3333333333f));
  float exponential = uniform < 0.01f ? series : -logf(1 - uniform);
  return score - logf(exponential);
}

struct Drawn {  // the best so far; of equal ones the first
  float value;
  int token;
  __device__ __forceinline__ void prefer(float other, int place) {
    if (other > value || (other == value && place < token)) value = other, token = place;
  }
};

// The best of this program's threads, in thread 0.
__device__ __forceinline__ void gather(Drawn& drawn, float* partial, const Warp& w) {
#pragma unroll
  for (int apart = 16; apart; apart >>= 1) {
    float value = __shfl_xor_sync(0xFFFFFFFF, drawn.value, apart);
    drawn.prefer(value, __float_as_uint(__shfl_xor_sync(0xFFFFFFFF, __uint_as_float(drawn.token), apart)));
  }
  sync_others();
  if (w.lane == 0) partial[w.warp * 2] = drawn.value, partial[w.warp * 2 + 1] = __uint_as_float(drawn.token);
  sync_others();
  if (threadIdx.x == 0)
    for (int i = 1; i < WARPS; i++) drawn.prefer(partial[i * 2], __float_as_uint(partial[i * 2 + 1]));
}

__device__ __forceinline__ void note(const Model& model, long long slot, int old, int token, long long* chosen) {
  model.ids[slot * model.room + old + 1] = token;
  model.seen[slot * VOCABULARY + token] = 1;
  model.length[slot] = slot == model.spare ? 1 : old + 2;
  chosen[0] = 1;
  chosen[1] = token;
}

// Draw among the scores above `low`, `total` of all programs, in the first program. `above` is the threshold's place in the
// round of weights. A score is kept whose rank is below k, and above which less than p of the weight kept by k lies.
__device__ __forceinline__ void draw_candidate(const Model& model, const Warp& w, const Choice& choice, int above, float low, float best,
                                               float whole, int total, u32 key, u32 flag, const float* scores, int count, float* lists,
                                               float* partial, Drawn& drawn) {
  const Entry& entry = w.table[MATRICES - 1];
  if (w.warp == 0) {
    u64* to = candidates_of(model, blockIdx.x);
    int place = 0;
    for (int start = 0; start < count; start += 32) {
      int i = start + w.lane;
      bool chosen = i < count && scores[i] > low;
      u32 all = __ballot_sync(0xFFFFFFFF, chosen);
      if (chosen) {
        u64* own = to + (place + __popc(all & ((1u << w.lane) - 1))) * 2;
        store_one(own, word_of(__float_as_uint(scores[i]), flag));
        store_one(own + 1, word_of((entry.first + i / 8 * GRID) * 8 + i % 8, flag));
      }
      place += __popc(all);
    }
  }
  if (blockIdx.x != 0) return;
  float *values = lists, *rows = values + CANDIDATES, *weights = rows + CANDIDATES, *before = weights + CANDIDATES;
  for (int program = threadIdx.x; program < GRID; program += THREADS)
    partial[program] = __uint_as_float(taken(model, WEIGHTS, program, above, flag));
  sync_others();
  for (int program = threadIdx.x; program < GRID; program += THREADS) {
    int first = 0, own = static_cast<int>(partial[program]);
    for (int i = 0; i < program; i++) first += static_cast<int>(partial[i]);
    const u64* from = candidates_of(model, program);
    for (int i = 0; i < own; i++) {
      float value = __uint_as_float(take(from + i * 2, flag));
      values[first + i] = value, weights[first + i] = __expf(value - best);
      rows[first + i] = __uint_as_float(take(from + i * 2 + 1, flag));
    }
  }
  sync_others();
  float kept = 0;
  for (int i = threadIdx.x; i < total; i += THREADS) {
    int rank = 0;
    float weight = 0;
    for (int j = 0; j < total; j++)
      if (values[j] > values[i]) rank++, weight += weights[j];
    bool within = choice.top_k == 0 || rank < choice.top_k;
    before[i] = within ? weight : LARGEST;
    kept += within ? weights[i] : 0;
  }
  kept = sum_of(kept, partial, w);
  float limit = choice.top_p < 1 ? choice.top_p * (choice.top_k > 0 ? kept : whole) : LARGEST;
  for (int i = threadIdx.x; i < total; i += THREADS) {
    int row = __float_as_uint(rows[i]);
    if (before[i] < limit) drawn.prefer(noisy(values[i], row, key), row);
  }
  gather(drawn, partial, w);
}

// Choose the next token and note it; chosen [2]: 1, for one token, and the token. Weights lie where the rings were.
__device__ __forceinline__ void choose(const Model& model, const Warp& w, const Choice& choice, long long slot, int old, u32 flag,
                                       float* weights, long long* chosen) {
  const Entry& entry = w.table[MATRICES - 1];
  int count = entry.items * 8;
  const float* scores = choice.scores;
  float* partial = reinterpret_cast<float*>(w.work);  // [WARPS, 32], or [GRID]
  u32 key = hashed(static_cast<u32>(model.seed[slot]) ^ (static_cast<u32>(old + 1) * 0x9E3779B1u));
  Drawn drawn = {-LARGEST, VOCABULARY - 1};
  bool greedy = choice.temperature == 0;
  float low = -LARGEST;
  sync_others();
  if (!greedy && (choice.top_k > 0 || choice.top_p < 1)) {
    float best = -LARGEST;
    for (int i = threadIdx.x; i < count; i += THREADS) best = fmaxf(best, scores[i]);
    best = largest_of(best, partial, w);
    if (threadIdx.x == 0) give(model, BEST, 0, __float_as_uint(best), flag);
    for (int program = threadIdx.x; program < GRID; program += THREADS)
      best = fmaxf(best, __uint_as_float(taken(model, BEST, program, 0, flag)));
    best = largest_of(best, partial, w);

    for (int i = threadIdx.x; i < count; i += THREADS) weights[i] = __expf(scores[i] - best);
    sync_others();
    // The lower half of the lanes counts, the upper half weighs.
    float share = (w.lane % COARSE + 1) / static_cast<float>(COARSE), threshold = best - DEPTH * (share * share * share);
    float above = weight_above(w, scores, weights, w.lane >= COARSE, count, threshold);
    above = sum_of_all(model, w, WEIGHTS, flag, above, partial);
    float whole = __shfl_sync(0xFFFFFFFF, above, 31);
    u32 enough = __ballot_sync(0xFFFFFFFF, above >= (choice.top_k > 0 ? choice.top_k : choice.top_p * whole));
    enough = choice.top_k > 0 ? enough & 0xFFFF : enough >> COARSE;
    int first = enough ? __ffs(enough) - 1 : COARSE - 1;
    float total = __shfl_sync(0xFFFFFFFF, above, first);
    if (total <= CANDIDATES) {
      low = __shfl_sync(0xFFFFFFFF, threshold, first);
      draw_candidate(model, w, choice, first, low, best, whole, static_cast<int>(total), key, flag, scores, count,
                     weights + SCORES_BYTES / 4, partial, drawn);
      if (blockIdx.x == 0 && threadIdx.x == 0) note(model, slot, old, drawn.token, chosen);
      return;
    }
    low = best - DEPTH;  // a flat distribution
    float high = best, limit = choice.top_k;
    for (int pass = choice.top_k > 0 ? 0 : PASSES; pass < (choice.top_p < 1 ? 2 : 1) * PASSES; pass++) {
      bool by_weight = pass >= PASSES;
      if (pass == PASSES) high = best;
      threshold = low + (high - low) / 32 * w.lane;
      float weight = weight_above(w, scores, weights, by_weight, count, threshold);
      weight = sum_of_all(model, w, FIRST_PASS + pass, flag, weight, partial);
      if (pass == PASSES) limit = __shfl_sync(0xFFFFFFFF, weight, 0) * choice.top_p;
      narrow_down(low, high, weight, limit);
    }
  }
  for (int i = threadIdx.x; i < count; i += THREADS) {
    int row = (entry.first + i / 8 * GRID) * 8 + i % 8;
    if (greedy || scores[i] > low) drawn.prefer(greedy ? scores[i] : noisy(scores[i], row, key), row);
  }
  gather(drawn, partial, w);
  if (threadIdx.x == 0) {
    give(model, DRAWN, 0, __float_as_uint(drawn.value), flag);
    give(model, DRAWN, 1, drawn.token, flag);
  }
  if (blockIdx.x != 0) return;
  for (int program = threadIdx.x; program < GRID; program += THREADS)
    drawn.prefer(__uint_as_float(taken(model, DRAWN, program, 0, flag)), taken(model, DRAWN, program, 1, flag));
  gather(drawn, partial, w);
  if (threadIdx.x == 0) note(model, slot, old, drawn.token, chosen);
}

// slots [1]: the sequence's row of ids, length and table. logits [VOCABULARY]: those after its last known token. A token
// is chosen where `chosen` [2] is given, see `choose`.
extern "C" __global__ void __launch_bounds__(THREADS + 32, 1)
decode_step(const __grid_constant__ Model model, const long long* slots, float* logits, long long* chosen) {
  SHARED(memory);
  Warp w;
  w.lane = threadIdx.x % 32, w.warp = threadIdx.x / 32;
  w.ring = memory;
  w.work = memory + RING_BYTES;
  w.residual = reinterpret_cast<Number*>(w.work + WORK_BYTES);
  float* scores = reinterpret_cast<float*>(w.work + WORK_BYTES + RESIDUAL_BYTES);
  Entry* table = reinterpret_cast<Entry*>(w.work + WORK_BYTES + RESIDUAL_BYTES + SCORES_BYTES);
  w.table = table;
  w.full = reinterpret_cast<u64*>(table + MATRICES);
  w.empty = w.full + STAGES;
  w.pieces = 0;

  for (int matrix = threadIdx.x; matrix < MATRICES; matrix += THREADS + 32) {
    int kind = matrix == MATRICES - 1 ? HEAD : matrix & 3;
    int each = tiles_of(QKV) + tiles_of(OUT) + tiles_of(GATE_UP) + tiles_of(DOWN);
    int before = matrix / 4 * each + (kind > QKV && kind < HEAD ? tiles_of(QKV) : 0) +
                 (kind > OUT && kind < HEAD ? tiles_of(OUT) : 0) + (kind == DOWN ? tiles_of(GATE_UP) : 0);
    int tiles = kind == QKV ? tiles_of(QKV) : kind == GATE_UP ? tiles_of(GATE_UP) : kind == HEAD ? tiles_of(HEAD) : tiles_of(OUT);
    Entry entry;
    entry.data = kind == HEAD ? model.head.data : model.layers[matrix / 4].matrices[kind].data;
    entry.first = (static_cast<int>(blockIdx.x) + GRID - before % GRID) % GRID;
    entry.items = entry.first < tiles ? (tiles - entry.first + GRID - 1) / GRID : 0;
    if (kind == GATE_UP) entry.items *= 2;
    table[matrix] = entry;
  }
  for (int i = threadIdx.x; i < 2 * STAGES; i += THREADS + 32) make_barrier(w.full + i);
  publish_barriers();
  __syncthreads();
  if (w.warp == WARPS) {
    read(w, model);
    return;
  }

  long long slot = slots[0];
  int old = model.length[slot] - 1;  // tokens whose keys are in the cache
  long long id = model.ids[slot * model.room + old];
  u32 launch = model.launches[0], flag = launch * LAYERS;  // of the layer before
  Choice choice;
  choice.temperature = model.temperature[slot], choice.penalty = model.penalty[slot], choice.top_p = model.top_p[slot];
  choice.top_k = model.top_k[slot];
  choice.seen = model.seen + slot * VOCABULARY;
  choice.scores = scores;
  for (int layer = 0; layer < LAYERS; layer++, flag++) {
    bring_tokens_near(model, layer, slot, old);
    product<QKV>(w, model, layer, flag, id, logits, choice);
    attention(w, model, layer, flag + 1, slot, old);
    combine(model, w, flag + 1);
    product<OUT>(w, model, layer, flag + 1, id, logits, choice);
    product<GATE_UP>(w, model, layer, flag + 1, id, logits, choice);
    product<DOWN>(w, model, layer, flag + 1, id, logits, choice);
  }
  product<HEAD>(w, model, 0, flag, id, logits, choice);
  if (chosen != nullptr) choose(model, w, choice, slot, old, launch + 1, reinterpret_cast<float*>(memory), chosen);

  if (threadIdx.x == 0 && atomicAdd(model.launches + 1, 1u) == GRID - 1) {
    model.launches[1] = 0;
    model.launches[0]++;
  }
}
