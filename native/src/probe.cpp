// What the machine can do at best: reading a block of memory, multiplying and adding.
#include "plan.hpp"
#include "simd.hpp"

namespace plastica {
namespace PLASTICA_ISA {

float probe_read(const float* p, int64_t floats, int64_t times) {
  vf sum[4] = {};
  for (int64_t t = 0; t < times; ++t) {
    for (int64_t i = 0; i + 4 * W <= floats; i += 4 * W)
      for (int k = 0; k < 4; ++k) sum[k] += at(p + i + k * W);
    pin(sum[0]);                           // so that no round is left out
  }
  return tree<4>(sum)[0];
}

// 12 chains of `times` multiply-adds: 24 * width operations a step.
float probe_fma(int64_t times) {
  vf x[12];
  for (int k = 0; k < 12; ++k) x[k] = all(1.0f + k);
  vf a = all(0.999f), b = all(0.001f);
  for (int64_t t = 0; t < times; ++t) {
    pin(a);
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) x[k] = x[k] * a + b;
  }
  float total = 0;
  for (int k = 0; k < 12; ++k) total += sum(x[k]);
  return total;
}

}  // namespace PLASTICA_ISA
}  // namespace plastica
