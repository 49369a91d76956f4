// Members over threads, and the choice of the instruction set.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "plan.hpp"

namespace plastica {
namespace {

// Denormals count as zero, as they do in XLA, while this is alive.
class FlushDenormals {
#if defined(__x86_64__)
  const unsigned before_ = _mm_getcsr();

 public:
  FlushDenormals() { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }
#endif
};

struct Free {
  void operator()(float* p) const { ::operator delete[](p, std::align_val_t(64)); }
};

using Floats = std::unique_ptr<float[], Free>;

Floats floats(int64_t n) {
  return Floats(static_cast<float*>(
      ::operator new[](sizeof(float) * (n + 16), std::align_val_t(64))));
}

const Isa& chosen() {
  static const Isa all[] = {
#if defined(PLASTICA_HAS_avx512)
      {"avx512", 16, avx512::lives, avx512::probe_read, avx512::probe_fma},
#endif
#if defined(PLASTICA_HAS_avx2)
      {"avx2", 8, avx2::lives, avx2::probe_read, avx2::probe_fma},
#endif
      {"portable", 4, portable::lives, portable::probe_read, portable::probe_fma}};
  auto runs = [](const std::string& name) {
#if defined(__x86_64__)
    if (name == "avx512")
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (name == "avx2")
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return name == "portable";
  };
  const char* forced = std::getenv("PLASTICA_NATIVE_ISA");
  for (const Isa& one : all)
    if ((!forced || std::string(forced) == one.name) && runs(one.name)) return one;
  throw std::runtime_error(std::string("PLASTICA_NATIVE_ISA=") + forced +
                           " does not run here: avx512, avx2 and portable are known, "
                           "and the machine must have the first two");
}

}  // namespace

const Isa& isa() { return chosen(); }

void live(const Shape& shape, const float* const* weights, const int32_t* symbols,
          int64_t length, int64_t readings, const float* thetas, int64_t members,
          int64_t threads, float* losses) {
  const Isa& isa = chosen();
  const int64_t ticks = length * readings;
  const Plan plan(shape, ticks, isa.width);
  for (int64_t t = 0; t < length; ++t) {
    const int64_t symbol = symbols[t];
    if (symbol < 0 || symbol >= plan.layers.front().neurons ||
        symbol >= plan.layers.back().neurons)
      throw std::invalid_argument("symbol " + std::to_string(symbol) +
                                  " does not fit the network's ends");
  }
  const Floats start = floats(plan.start);
  for (size_t e = 0; e < plan.edges.size(); ++e) plan.lay(e, weights[e], start.get());
  const Episode episode{start.get(), symbols, length, readings};
  threads = std::max<int64_t>(1, std::min(threads, members));
  const int64_t each = plan.together * plan.workspace;
  const Floats space = floats(threads * each);
  std::atomic<int64_t> next{0};
  auto work = [&](int64_t thread) {        // takes groups of members until none is left
    const FlushDenormals flush;
    for (int64_t m; (m = next.fetch_add(plan.together)) < members;) {
      Group group{std::min(plan.together, members - m), {}, {}, {}};
      for (int64_t g = 0; g < group.members; ++g) {
        group.theta[g] = thetas + (m + g) * plan.theta;
        group.space[g] = space.get() + thread * each + g * plan.workspace;
        group.losses[g] = losses + (m + g) * ticks;
      }
      isa.lives(plan, episode, group);
    }
  };
  std::vector<std::thread> helpers;
  for (int64_t i = 1; i < threads; ++i) helpers.emplace_back(work, i);
  work(0);
  for (std::thread& helper : helpers) helper.join();
}

namespace {

template <class Call>
double seconds(Call call) {                // the least of a few
  double least = 1e9;
  for (int round = 0; round < 9; ++round) {
    const auto start = std::chrono::steady_clock::now();
    volatile float kept = call();
    (void)kept;
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    least = std::min(least, spent.count());
  }
  return least;
}

}  // namespace

double bandwidth(int64_t bytes) {
  const int64_t n = bytes / sizeof(float), times = (int64_t{1} << 27) / bytes + 1;
  const Floats block = floats(n);
  std::fill(block.get(), block.get() + n, 0.0f);
  return bytes * times / seconds([&] { return isa().read(block.get(), n, times); });
}

double peak() {
  const int64_t times = 1 << 20;
  return 24.0 * isa().width * times / seconds([&] { return isa().fma(times); });
}

}  // namespace plastica
