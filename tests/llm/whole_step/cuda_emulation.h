// Runs a CUDA kernel on a processor, thread by thread: what `step.cu` needs, and no more.
//
// Every CUDA thread is a fiber; it runs until it waits. Copies into shared memory happen only when they are waited for,
// so a wait that is missing shows.
#pragma once
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
struct uint4 { u32 x, y, z, w; };
struct float4 { float x, y, z, w; };
struct float2 { float x, y; };
struct uint2 { u32 x, y; };
inline uint4 make_uint4(u32 x, u32 y, u32 z, u32 w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
#define __global__
#define __grid_constant__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define SHARED(name) u8* name = emulated::running->program->memory.data()
using std::max;
using std::min;

namespace emulated {
struct Meeting { int waiting = 0, round = 0; };
struct Program {
  std::vector<u8> memory;
  int number, waiting = 0, round = 0;
  Meeting others;
};
struct Group {  // a warp
  int waiting = 0, round = 0;
  float floats[32];
  u32 words[32][4];
};
struct Copy { u8* to; const u8* from; int bytes; };
struct Barrier {  // for one arrival
  u32 round = 0;
  std::vector<Copy> copies;
  int expected = 0;
  bool counts_bytes = false;
};
inline std::map<const void*, Barrier> barriers;
struct Thread {
  ucontext_t context;
  std::vector<u8> stack;
  Program* program;
  Group* group;
  int number;
  bool ended = false;
};
inline Thread* running;
inline ucontext_t scheduler;
inline void yield() { swapcontext(&running->context, &scheduler); }
template <class Waiting>
inline void meet(Waiting& place, int count) {
  int round = place.round;
  if (++place.waiting == count) {
    place.waiting = 0, place.round++;
  } else {
    while (place.round == round) yield();
  }
}
struct ThreadIndex { struct X { operator u32() const { return running->number; } } x; };
struct BlockIndex { struct X { operator u32() const { return running->program->number; } } x; };
}  // namespace emulated
inline emulated::ThreadIndex threadIdx;
inline emulated::BlockIndex blockIdx;

inline u64 read_once_policy() { return 0; }
inline void make_barrier(u64* at) { emulated::barriers[at] = {}; }
inline void publish_barriers() {}
inline void expect_bytes(u64* at, int bytes) {
  emulated::barriers[at].expected += bytes;
  emulated::barriers[at].counts_bytes = true;
}
inline void copy(u8* to, const u8* from, int bytes, u64* at, u64) { emulated::barriers[at].copies.push_back({to, from, bytes}); }
inline void arrive(u64* at) { emulated::barriers[at].round++; }
inline void wait_for(u64* at, u32 round) {
  auto& barrier = emulated::barriers[at];
  while ((barrier.round & 1) == (round & 1)) {
    int bytes = 0;
    for (auto& copy : barrier.copies) bytes += copy.bytes;
    if (bytes > 0 && bytes == barrier.expected) {
      for (auto& copy : barrier.copies) std::memcpy(copy.to, copy.from, copy.bytes);
      barrier.copies.clear(), barrier.expected = 0, barrier.round++;
    } else {
      emulated::yield();
    }
  }
  // A barrier tells only odd rounds from even ones: who waits must not be a round ahead. One that is waited for before its
  // first use passes.
  bool passed = barrier.round == round + 1, fresh = barrier.round + 1 == round && !barrier.counts_bytes;
  if (!passed && !fresh) std::abort();
}
inline uint4 load_once(const void* from) { return *static_cast<const uint4*>(from); }
inline u64 load_one(const u64* from) { emulated::yield(); return *from; }
inline void load_two(const u64* from, u64& first, u64& second) { emulated::yield(); first = from[0], second = from[1]; }
inline void store_one(u64* to, u64 word) { *to = word; }
inline void bring_near(const void*) {}
inline u32 atomicAdd(u32* counter, u32 value) { u32 old = *counter; *counter += value; return old; }
inline float __uint_as_float(u32 bits) { float value; std::memcpy(&value, &bits, 4); return value; }
inline u32 __float_as_uint(float value) { u32 bits; std::memcpy(&bits, &value, 4); return bits; }
inline float rsqrtf(float value) { return 1 / std::sqrt(value); }
inline float __expf(float value) { return std::exp(value); }
inline void __syncthreads() { emulated::meet(*emulated::running->program, WARPS * 32 + 32); }
inline void sync_others() { emulated::meet(emulated::running->program->others, WARPS * 32); }
inline void __syncwarp() { emulated::meet(*emulated::running->group, 32); }
inline float __shfl_xor_sync(u32, float value, int apart) {
  auto& group = *emulated::running->group;
  int lane = emulated::running->number % 32;
  group.floats[lane] = value;
  __syncwarp();
  float other = group.floats[lane ^ apart];
  __syncwarp();
  return other;
}
inline u32 __ballot_sync(u32, bool value) {
  auto& group = *emulated::running->group;
  group.floats[emulated::running->number % 32] = value;
  __syncwarp();
  u32 bits = 0;
  for (int lane = 0; lane < 32; lane++) bits |= static_cast<u32>(group.floats[lane] != 0) << lane;
  __syncwarp();
  return bits;
}
inline float __shfl_sync(u32, float value, int lane) {
  auto& group = *emulated::running->group;
  group.floats[emulated::running->number % 32] = value;
  __syncwarp();
  float theirs = group.floats[lane];
  __syncwarp();
  return theirs;
}
inline int __popc(u32 bits) { return __builtin_popcount(bits); }
inline int __ffs(u32 bits) { return __builtin_ffs(bits); }
inline float half_of_word(u32 word, int half) { return __uint_as_float((half ? word >> 16 : word & 0xFFFF) << 16); }
inline void multiply(float (&sums)[4], u32 x_low, u32 x_high, u32 w_low, u32 w_high) {
  auto& words = emulated::running->group->words;
  int lane = emulated::running->number % 32;
  u32 own[4] = {x_low, x_high, w_low, w_high};
  std::memcpy(words[lane], own, 16);
  __syncwarp();
  for (int column = 0; column < 2; column++)
    for (int quarter = 0; quarter < 4; quarter++)
      for (int part = 0; part < 4; part++)
        sums[column] += half_of_word(words[lane / 4 * 4 + quarter][part / 2], part % 2) *
                        half_of_word(words[(lane % 4 * 2 + column) * 4 + quarter][2 + part / 2], part % 2);
  __syncwarp();
}
inline u32 bfloat16_bits(float value) {
  u32 bits = __float_as_uint(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return 0x7FFF;  // not a number
  return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}
inline u32 narrow_pair(float low, float high) { return bfloat16_bits(low) | bfloat16_bits(high) << 16; }
inline u32 multiply_add_pairs(u32 a, u32 b, u32 c) {
  u32 both = 0;
  for (int half = 0; half < 2; half++)
    both |= bfloat16_bits(half_of_word(a, half) * half_of_word(b, half) + half_of_word(c, half)) << (16 * half);
  return both;
}
inline u16 to_half(float value) { _Float16 half = static_cast<_Float16>(value); u16 bits; std::memcpy(&bits, &half, 2); return bits; }
inline float from_half(u16 bits) { _Float16 half; std::memcpy(&half, &bits, 2); return half; }

