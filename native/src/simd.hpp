// Vectors of floats, in GCC's vector extensions: the same source for every instruction
// set. NaN passes through everything here, so that a diverged life stays diverged.
#pragma once

#include <cstdint>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

// What is a few instructions in a loop: a call would spill every register.
#define PLASTICA_INLINE __attribute__((always_inline)) inline

namespace plastica {
namespace PLASTICA_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(4 * W), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * W), may_alias));

PLASTICA_INLINE vf& at(float* p) { return *reinterpret_cast<vf*>(p); }
PLASTICA_INLINE const vf& at(const float* p) { return *reinterpret_cast<const vf*>(p); }
PLASTICA_INLINE vf all(float x) { return x - vf{}; }

// Of two numbers; where x is NaN, x.
#if defined(__AVX512F__)
PLASTICA_INLINE vf least(float bound, vf x) { return _mm512_min_ps(all(bound), x); }
PLASTICA_INLINE vf most(float bound, vf x) { return _mm512_max_ps(all(bound), x); }
#elif defined(__AVX2__)
PLASTICA_INLINE vf least(float bound, vf x) { return _mm256_min_ps(all(bound), x); }
PLASTICA_INLINE vf most(float bound, vf x) { return _mm256_max_ps(all(bound), x); }
#else
PLASTICA_INLINE vf least(float bound, vf x) { return all(bound) < x ? all(bound) : x; }
PLASTICA_INLINE vf most(float bound, vf x) { return all(bound) > x ? all(bound) : x; }
#endif
// Keeps x in a register: the compiler would rather load it twice.
#if defined(__x86_64__)
PLASTICA_INLINE void pin(vf& x) { asm("" : "+v"(x)); }
#else
PLASTICA_INLINE void pin(vf&) {}
#endif
PLASTICA_INLINE vf clamp(vf x, float low, float high) { return most(low, least(high, x)); }
PLASTICA_INLINE vf relu(vf x) { return most(0.0f, x); }

// 2^x for |x| < 126: x is split into an integer, which goes into the exponent's bits,
// and r in [-1/2, 1/2], for which 2^r = 1 + r q(r).
struct Power {
  vi exponent;                             // to be added to a float's bits
  vf r, q;
};
PLASTICA_INLINE Power power(vf x) {
  const vf round = all(12582912.0f);       // 1.5 * 2^23: the sum's last bit counts ones
  const vf shifted = x + round;
  const vf r = x - (shifted - round);
  vf q = r * 1.5353362e-4f + 1.3398874e-3f;
  q = q * r + 9.6184374e-3f;
  q = q * r + 5.5503325e-2f;
  q = q * r + 2.4022648e-1f;
  q = q * r + 6.9314720e-1f;
  return {reinterpret_cast<const vi&>(shifted) << 23, r, q};
}

PLASTICA_INLINE vf scaled(vf x, vi exponent) {
  const vi bits = reinterpret_cast<const vi&>(x) + exponent;
  return reinterpret_cast<const vf&>(bits);
}

PLASTICA_INLINE vf exp2(vf x) {
  const Power e = power(x);
  return scaled(e.q * e.r + 1.0f, e.exponent);
}

// 2^x - 1, with all its digits near zero.
PLASTICA_INLINE vf exp2_minus_1(vf x) {
  const Power e = power(x);
  const vf scale = scaled(all(1.0f), e.exponent);
  return scale * (e.q * e.r) + (scale - 1.0f);
}

constexpr float LOG2E = 1.44269504f;

PLASTICA_INLINE vf exp(vf x) { return exp2(clamp(x * LOG2E, -126.0f, 126.0f)); }

// tanh(v) = (2^y - 1) / (2^y + 1), from y = 2 log2(e) v.
PLASTICA_INLINE vf tanh(vf y) {
  const vf b = exp2_minus_1(clamp(y, -30.0f, 30.0f));
  return b / (b + 2.0f);
}

// sigmoid(u) = 1 / (1 + 2^x), from x = -log2(e) u.
PLASTICA_INLINE vf sigmoid(vf x) { return 1.0f / (exp2(clamp(x, -90.0f, 90.0f)) + 1.0f); }

// sigmoid(u) tanh(v), from x = -log2(e) u and y = 2 log2(e) v, with one division.
PLASTICA_INLINE vf gated(vf x, vf y) {
  const vf a = exp2(clamp(x, -90.0f, 90.0f));
  const vf b = exp2_minus_1(clamp(y, -30.0f, 30.0f));
  return b / ((a + 1.0f) * (b + 2.0f));
}

// Lanes whose index has bit D come from b, the others from a; `swapped`: each from the
// lane at distance D.
template <int D, int... I>
PLASTICA_INLINE vf folded(vf a, vf b, std::integer_sequence<int, I...>) {
  const vi own = {(I & D ? I + W : I)...};
  const vi other = {(I & D ? (I ^ D) + W : I ^ D)...};
  return __builtin_shuffle(a, b, own) + __builtin_shuffle(a, b, other);
}

// The sums over lanes of R vectors, R a power of 2: a tree of folds, which leaves the
// sum of v[r] in lane r * W / R.
template <int R, int D = W / 2>
PLASTICA_INLINE vf tree(vf* v) {
  constexpr std::make_integer_sequence<int, W> lanes{};
  if constexpr (R > 1) {
#pragma GCC unroll 16
    for (int r = 0; r < R / 2; ++r) v[r] = folded<D>(v[r], v[r + R / 2], lanes);
    if constexpr (D > 1) return tree<R / 2, D / 2>(v);
  } else {
    v[0] = folded<D>(v[0], v[0], lanes);
    if constexpr (D > 1) return tree<1, D / 2>(v);
  }
  return v[0];
}

template <int STEP, int... I>
PLASTICA_INLINE vf every(vf v, std::integer_sequence<int, I...>) {
  const vi lanes = {(I * STEP % W)...};
  return __builtin_shuffle(v, lanes);
}

// The same, written to out[0] .. out[R - 1].
template <int R>
PLASTICA_INLINE void sums(vf* v, float* out) {
  const vf all = every<W / R>(tree<R>(v), std::make_integer_sequence<int, W>{});
  __builtin_memcpy(out, &all, sizeof(float) * R);
}

PLASTICA_INLINE float sum(vf v) { return tree<1>(&v)[0]; }

}  // namespace
}  // namespace PLASTICA_ISA
}  // namespace plastica
