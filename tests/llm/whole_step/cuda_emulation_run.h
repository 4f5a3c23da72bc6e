// After the kernel's text: runs it.
namespace emulated {
inline const Model* model;
inline const long long* slots;
inline float* logits;
inline long long* chosen;
inline void run_thread() {
  decode_step(*model, slots, logits, chosen);
  running->ended = true;
  yield();
}
}  // namespace emulated

extern "C" void emulate(const Model* model, const long long* slots, float* logits, long long* chosen, long long bytes) {
  using namespace emulated;
  emulated::model = model, emulated::slots = slots, emulated::logits = logits, emulated::chosen = chosen;
  std::vector<Program> programs(GRID);
  std::vector<Group> groups(GRID * (WARPS + 1));
  std::vector<Thread> threads(GRID * (WARPS + 1) * 32);
  for (int i = 0; i < GRID; i++) programs[i].memory.assign(bytes, 0xFF), programs[i].number = i;
  for (size_t i = 0; i < threads.size(); i++) {
    Thread& thread = threads[i];
    thread.stack.resize(1 << 17);
    thread.program = &programs[i / ((WARPS + 1) * 32)], thread.group = &groups[i / 32], thread.number = i % ((WARPS + 1) * 32);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.data(), thread.context.uc_stack.ss_size = thread.stack.size();
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, run_thread, 0);
  }
  bool some = true;
  for (u32 round = 0; some; round++) {
    some = false;
    for (size_t place = threads.size(); place--;)  // backwards: the order must not matter
      if (!threads[place].ended) {
        some = true;
        u32 warp = place / 32, nap = (round / 256 * 2654435761u ^ (warp + 1) * 2246822519u) * 3266489917u;
        if (nap >> 30 == 0) continue;  // a quarter of the warps rest for a while: others must not run into them
        running = &threads[place];
        swapcontext(&scheduler, &running->context);
      }
  }
}
