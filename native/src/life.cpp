// A life of PMLPHebb, compiled once for every instruction set (PLASTICA_ISA).
//
// A tick is one sweep over the layers. A layer hears, from every layer k that it is
// joined to, w h_k[:, 0] and w^T h_k[:, 1]; its update network (Eq. 3) turns what each
// neuron hears into the neuron's new state. The Hebbian update (Eq. 4) waits: whenever
// the transposed weights are read, both ends still have the states of the last update,
// so that pass first adds  h_post[:, 3] (x) h_pre[:, 2]  and nothing is passed twice.
// Where nothing reads them so, and where weights are renewed otherwise, `renew` does it
// as soon as the post-synaptic layer has its new state.
//
// Nothing of the standard library is instantiated here: code compiled for one
// instruction set must not be linked into another's path.
#include <math.h>
#include <string.h>

#include "plan.hpp"
#include "simd.hpp"

namespace plastica {
namespace PLASTICA_ISA {
namespace {

enum { FORWARD, TRANSPOSED, PRE, POST };   // which component serves which purpose

constexpr float FLOOR = 0.001f;             // added before the output is normalised

// What is read of one matrix: across = w x, along = w^T y; and the outer products
// u (x) v that are not in it yet. Null where nothing is asked.
struct Reading {
  float* w;
  int64_t rows, stride, tall;
  const float *u, *v;                      // (waiting, tall), (waiting, stride)
  const float* x;                          // (stride)
  float* across;                           // (rows)
  const float* y;                          // (rows)
  float* along;                            // (stride)
};

// One pass over R rows from r0 of the weights, which G members share (G = 1: own ones).
// RENEW: first w += u (x) v, one outer product.
template <int G, int R, bool RENEW, bool ACROSS, bool ALONG>
PLASTICA_INLINE void tile(const Reading* p, int64_t r0) {
  constexpr int Z = G == 1 && R > 4 ? 4 : 1;  // sums side by side: shorter chains
  const int64_t stride = p->stride;
  float* w = p->w + r0 * stride;           // all in locals: stores might alias *p
  const float *u = RENEW ? p->u + r0 : nullptr, *v = p->v, *x[G], *y[G];
  float* along[G];
  for (int g = 0; g < G; ++g) {
    x[g] = p[g].x;
    y[g] = ALONG ? p[g].y + r0 : nullptr;
    along[g] = p[g].along;
  }
  vf sum[G][R] = {};
  for (int64_t j = 0; j < stride; j += W) {
    vf vj, xj[G], z[G][Z] = {};
    if (RENEW) vj = at(v + j);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
      if (ACROSS) xj[g] = at(x[g] + j);
      if (ALONG) z[g][0] = at(along[g] + j);
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      vf row = at(w + r * stride + j);
      if (RENEW) at(w + r * stride + j) = row = row + vj * u[r];
      pin(row);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) {
        if (ACROSS) sum[g][r] += row * xj[g];
        if (ALONG) z[g][r % Z] += row * y[g][r];
      }
    }
#pragma GCC unroll 4
    for (int g = 0; ALONG && g < G; ++g) {
      if constexpr (Z == 4) z[g][0] = (z[g][0] + z[g][1]) + (z[g][2] + z[g][3]);
      at(along[g] + j) = z[g][0];
    }
  }
#pragma GCC unroll 4
  for (int g = 0; ACROSS && g < G; ++g) sums<R>(sum[g], p[g].across + r0);
}

template <int G, bool RENEW, bool ACROSS, bool ALONG>
void pass(const Reading* p) {
  constexpr int MOST = W > 8 ? 8 : 4, R = G == 1 ? MOST : MOST / 2;  // registers' room
  if (ALONG)
    for (int g = 0; g < G; ++g) memset(p[g].along, 0, sizeof(float) * p->stride);
  int64_t r = 0;
  for (; r + R <= p->rows; r += R) tile<G, R, RENEW, ACROSS, ALONG>(p, r);
  if constexpr (R > 4)
    for (; r < p->rows; r += 4) tile<G, 4, RENEW, ACROSS, ALONG>(p, r);
}

template <int G, bool RENEW>
void read(const Reading* p) {
  if (p->x && p->y) pass<G, RENEW, true, true>(p);
  else if (p->x) pass<G, RENEW, true, false>(p);
  else if (p->y) pass<G, RENEW, false, true>(p);
}

// B rows times x.
template <int B>
PLASTICA_INLINE void dots(const float* rows, const float* x, int64_t n, float* out) {
  vf sum[B] = {};
  for (int64_t j = 0; j < n; j += W)
    for (int b = 0; b < B; ++b) sum[b] += at(rows + b * n + j) * at(x + j);
  sums<B>(sum, out);
}

// to += sum_b factor[b] row[b], B rows.
template <int B>
PLASTICA_INLINE void add(float* to, const float* factor, const float* rows, int64_t n) {
  for (int64_t j = 0; j < n; j += W) {
    vf sum = at(to + j);
    for (int b = 0; b < B; ++b) sum += at(rows + b * n + j) * factor[b];
    at(to + j) = sum;
  }
}

// B outer products from c on, read as they wait: across += u (v x), along += v (u y).
template <int B>
PLASTICA_INLINE void waiting(const Reading& p, int64_t c) {
  const float *u = p.u + c * p.tall, *v = p.v + c * p.stride;
  float vx[B], uy[B];
  if (p.x) dots<B>(v, p.x, p.stride, vx);
  if (p.y) dots<B>(u, p.y, p.tall, uy);
  if (p.x) add<B>(p.across, vx, u, p.tall);
  if (p.y) add<B>(p.along, uy, v, p.stride);
}

void waiting(const Reading& p, int64_t count) {
  int64_t c = 0;
  if (W > 4)
    for (; c + 8 <= count; c += 8) waiting<8>(p, c);
  for (; c + 4 <= count; c += 4) waiting<4>(p, c);
  for (; c < count; ++c) waiting<1>(p, c);
}

// w x for a one-hot x: a row or a column of w, and of what waits.
void fetch(const Reading& p, bool by_row, int64_t symbol, int64_t count, float* heard) {
  const int64_t n = by_row ? p.stride : p.tall;
  if (symbol < 0) {
    memset(heard, 0, sizeof(float) * n);
    return;
  }
  if (by_row) {
    memcpy(heard, p.w + symbol * n, sizeof(float) * n);
    for (int64_t c = 0; c < count; ++c)
      add<1>(heard, p.u + c * p.tall + symbol, p.v + c * n, n);
  } else {
    for (int64_t r = 0; r < p.rows; ++r) heard[r] = p.w[r * p.stride + symbol];
    for (int64_t c = 0; c < count; ++c)
      add<1>(heard, p.v + c * p.stride + symbol, p.u + c * n, n);
  }
}

// One edge as one member's layer reads it.
Reading reading(const Plan& plan, const Episode& episode, const Layer& layer,
                const Read& read, float* space) {
  const Edge& edge = plan.edges[read.edge];
  const Layer& source = plan.layers[read.source];
  const float* spoken = space + source.heard;
  float* heard = space + layer.heard;
  Reading p{};
  p.w = edge.shared ? const_cast<float*>(episode.start) + edge.start : space + edge.own;
  p.rows = edge.rows;
  p.stride = edge.stride;
  p.tall = edge.tall;
  p.u = space + edge.u;
  p.v = space + edge.v;
  if (read.forward >= 0 && !read.one_hot) {
    (edge.by_pre ? p.y : p.x) = spoken + plan.components[FORWARD] * source.padded;
    (edge.by_pre ? p.along : p.across) = heard + read.forward * layer.padded;
  }
  if (read.transposed >= 0) {
    (edge.by_pre ? p.x : p.y) = spoken + plan.components[TRANSPOSED] * source.padded;
    (edge.by_pre ? p.across : p.along) = heard + read.transposed * layer.padded;
  }
  return p;
}

// The two ends of an edge as the weights see them: rows u, columns v.
struct Ends {
  int64_t rows, columns;
  const float *u, *v;
};

Ends ends(const Plan& plan, const Edge& edge, const float* space) {
  const Layer &post = plan.layers[edge.post], &pre = plan.layers[edge.pre];
  const float* h_post = space + post.heard + plan.components[POST] * post.padded;
  const float* h_pre = space + pre.heard + plan.components[PRE] * pre.padded;
  if (edge.by_pre) return {pre.neurons, post.neurons, h_pre, h_post};
  return {post.neurons, pre.neurons, h_post, h_pre};
}

// What every member of a group hears on one edge. `count` outer products wait.
void listen(const Plan& plan, const Episode& episode, const Layer& layer,
            const Read& what, const Group& group, int64_t shown, int64_t& count) {
  const Edge& edge = plan.edges[what.edge];
  const bool renews = plan.waits && what.transposed >= 0;
  Reading p[TOGETHER];
  for (int64_t g = 0; g < group.members; ++g) {
    float* space = group.space[g];
    p[g] = reading(plan, episode, layer, what, space);
    if (!renews) continue;                 // the last Hebbian update, Eq. (4):
    const Ends at_ends = ends(plan, edge, space);
    if (edge.shared) {
      memcpy(space + edge.u + count * edge.tall, at_ends.u, sizeof(float) * edge.tall);
      memcpy(space + edge.v + count * edge.stride, at_ends.v, sizeof(float) * edge.stride);
    } else {
      p[g].u = at_ends.u;
      p[g].v = at_ends.v;
    }
  }
  if (renews && edge.shared) ++count;
  const bool at_once = edge.shared && group.members == TOGETHER;
  if (at_once) read<TOGETHER, false>(p);
  for (int64_t g = 0; g < group.members; ++g) {
    if (renews && !edge.shared) read<1, true>(p + g);
    else if (!at_once) read<1, false>(p + g);
    if (count) waiting(p[g], count);
    if (what.one_hot) {
      float* heard = group.space[g] + layer.heard + what.forward * layer.padded;
      fetch(p[g], edge.by_pre, shown, count, heard);
    }
  }
}

// Hidden units are taken a few at a time: as many as have room in the registers.
constexpr int at_once(Cell cell) {
  return (W == 16 ? 7 : 4) * (cell == Cell::pmlp ? 1 : 2);
}

// Theta of an LSTM rearranged: unit by unit four gates' biases, then their weights to
// the hidden state and to what comes beside the state, scaled for `sigmoid` and `tanh`.
void prepare_lstm(const Update& update, const float* theta, float* out) {
  const int64_t units = update.state / 2, X = update.inputs - update.state;
  const float *W_x = theta, *W_h = W_x + 4 * units * X, *b = W_h + 4 * units * units;
  const float scale[4] = {-LOG2E, -LOG2E, -LOG2E, 2 * LOG2E};
  for (int64_t q = 0; q < units; ++q) {
    for (int g = 0; g < 4; ++g) *out++ = scale[g] * b[g * units + q];
    for (int64_t i = 0; i < units; ++i)
      for (int g = 0; g < 4; ++g) *out++ = scale[g] * W_h[(g * units + q) * units + i];
    for (int64_t i = 0; i < X; ++i)
      for (int g = 0; g < 4; ++g) *out++ = scale[g] * W_x[(g * units + q) * X + i];
  }
}

// Theta of another update (an MLP's W1 W2 b2 go by the names M2 M3 b3) rearranged: what
// hidden units read, scaled for `gated` or `tanh` and, group by group, in the order of
// reading; then M3; then what is added last, c = M3 b1 + b3 or b2.
void prepare(Cell cell, const Update& update, const float* theta, float* out) {
  if (cell == Cell::lstm) return prepare_lstm(update, theta, out);
  const bool pmlp = cell == Cell::pmlp;
  const float scale = cell == Cell::relu ? 1 : 2 * LOG2E;
  const int64_t H = update.hidden, I = update.inputs, n_a = update.state;
  const float *M1 = theta, *M2 = pmlp ? M1 + H * I : theta, *b1 = M2 + H * I,
              *M3 = b1 + H, *b3 = M3 + n_a * H;
  for (int64_t h0 = 0; h0 < H; h0 += at_once(cell)) {
    const int64_t end = h0 + at_once(cell), h1 = end < H ? end : H;
    for (int64_t h = h0; !pmlp && h < h1; ++h) *out++ = scale * b1[h];
    for (int64_t i = 0; i < I; ++i) {
      for (int64_t h = h0; pmlp && h < h1; ++h) *out++ = -LOG2E * M1[h * I + i];
      for (int64_t h = h0; h < h1; ++h) *out++ = scale * M2[h * I + i];
    }
  }
  memcpy(out, M3, sizeof(float) * n_a * H);
  out += n_a * H;
  for (int64_t c = 0; c < n_a; ++c) {
    double constant = b3[c];
    for (int64_t h = 0; pmlp && h < H; ++h) constant += double(M3[c * H + h]) * b1[h];
    *out++ = static_cast<float>(constant);
  }
}

// G hidden units of W neurons: gated(M1 a, M2 a), or f(W1 a + b1). Returns where M ends.
template <Cell C, int G>
PLASTICA_INLINE const float* hidden(const float* a, int64_t inputs, int64_t stride,
                                    const float* M, vf* product) {
  constexpr int X = C == Cell::pmlp ? G : 0;
  vf x[G] = {}, y[G] = {};
  if constexpr (!X)
    for (int g = 0; g < G; ++g) y[g] = all(*M++);
  for (int64_t i = 0; i < inputs; ++i, a += stride, M += X + G) {
    const vf heard = at(a);
#pragma GCC unroll 16
    for (int g = 0; g < G; ++g) {
      if constexpr (X) x[g] += heard * M[g];
      y[g] += heard * M[X + g];
    }
  }
#pragma GCC unroll 16
  for (int g = 0; g < G; ++g) {
    if constexpr (C == Cell::pmlp) product[g] = gated(x[g], y[g]);
    else product[g] = C == Cell::tanh ? tanh(y[g]) : relu(y[g]);
  }
  return M;
}

// The last ones, G or fewer.
template <Cell C, int G>
PLASTICA_INLINE const float* rest(int64_t count, const float* a, int64_t inputs,
                                  int64_t stride, const float* M, vf* product) {
  if (count == G) return hidden<C, G>(a, inputs, stride, M, product);
  if constexpr (G > 1) return rest<C, G - 1>(count, a, inputs, stride, M, product);
  return M;
}

// c + M3 product of G components, for W neurons.
template <int G>
PLASTICA_INLINE void state(const vf* product, int64_t hidden, const float* M3,
                           const float* c, float* out, int64_t stride, vi alive) {
  vf sum[G];
#pragma GCC unroll 8
  for (int g = 0; g < G; ++g) sum[g] = all(c[g]);
  for (int64_t h = 0; h < hidden; ++h) {
#pragma GCC unroll 8
    for (int g = 0; g < G; ++g) sum[g] += product[h] * M3[g * hidden + h];
  }
#pragma GCC unroll 8
  for (int g = 0; g < G; ++g) {
    const vi kept = reinterpret_cast<const vi&>(sum[g]) & alive;
    at(out + g * stride) = reinterpret_cast<const vf&>(kept);
  }
}

// The hidden state and cell of W LSTMs, halves of their state (section 5).
PLASTICA_INLINE void lstm(const Update& net, const float* M, float* a, int64_t stride,
                          vi alive) {
  const int64_t units = net.state / 2;
  vf next[MOST_STATE];
  for (int64_t q = 0; q < units; ++q) {
    vf gate[4];
    for (int g = 0; g < 4; ++g) gate[g] = all(*M++);
    for (int64_t i = 0; i < net.inputs; ++i) {
      if (units <= i && i < net.state) continue;  // cells are not seen
      const vf heard = at(a + i * stride);
#pragma GCC unroll 4
      for (int g = 0; g < 4; ++g) gate[g] += heard * *M++;
    }
    const vf c = sigmoid(gate[1]) * at(a + (units + q) * stride) + gated(gate[0], gate[3]);
    next[q] = gated(gate[2], c * (2 * LOG2E));
    next[units + q] = c;
  }
  for (int64_t k = 0; k < net.state; ++k) {
    const vi kept = reinterpret_cast<const vi&>(next[k]) & alive;
    at(a + k * stride) = reinterpret_cast<const vf&>(kept);
  }
}

// The update of W neurons or weights, across lanes, whose inputs are rows of `a`, their
// state first; `alive` keeps the padding zero.
template <Cell C>
__attribute__((noinline)) void update(const Update& net, const float* M, float* a,
                                      int64_t N, vi alive) {
  if constexpr (C == Cell::lstm) return lstm(net, M, a, N, alive);
  else {
    constexpr int MOST = at_once(C);
    const int64_t H = net.hidden, I = net.inputs, n = net.state;
    vf product[MOST_HIDDEN];
    int64_t h = 0;
    for (; h + MOST <= H; h += MOST) M = hidden<C, MOST>(a, I, N, M, product + h);
    const float *M3 = rest<C, MOST - 1>(H - h, a, I, N, M, product + h), *c = M3 + n * H;
    int64_t k = 0;
    for (; k + 6 <= n; k += 6) state<6>(product, H, M3 + k * H, c + k, a + k * N, N, alive);
    for (; k + 2 <= n; k += 2) state<2>(product, H, M3 + k * H, c + k, a + k * N, N, alive);
    for (; k < n; ++k) state<1>(product, H, M3 + k * H, c + k, a + k * N, N, alive);
  }
}

// Lanes that are not padding, of `left` numbers.
PLASTICA_INLINE vi lanes(int64_t left) {
  if (left >= W) return ~vi{};
  vi alive{};
  for (int i = 0; i < left; ++i) alive[i] = -1;
  return alive;
}

template <Cell C>
void update(const Layer& layer, float* space) {
  const float* theta = space + layer.update.place;
  float* heard = space + layer.heard;
  for (int64_t n = 0; n < layer.neurons; n += W)
    update<C>(layer.update, theta, heard + n, layer.padded, lanes(layer.neurons - n));
}

void update(Cell cell, const Layer& layer, float* space) {
  switch (cell) {
    case Cell::pmlp: return update<Cell::pmlp>(layer, space);
    case Cell::tanh: return update<Cell::tanh>(layer, space);
    case Cell::relu: return update<Cell::relu>(layer, space);
    case Cell::lstm: return update<Cell::lstm>(layer, space);
  }
}

// Weights by their own networks, W at a time (6.2).
template <Cell C>
void renew(const Synapse& synapse, const Edge& edge, const Ends& ends, float* space) {
  const int64_t n_w = synapse.state, matrix = edge.rows * edge.stride;
  const float* theta = space + edge.update.place;
  vf a[MOST_STATE + 3];
  for (int64_t r = 0; r < ends.rows; ++r)
    for (int64_t j = 0; j < ends.columns; j += W) {
      float* w = space + edge.own + r * edge.stride + j;
      const vf row = all(ends.u[r]), column = at(ends.v + j);
      vf* fed = a + n_w;
      for (int64_t k = 0; k < n_w; ++k) a[k] = at(w + k * matrix);
      if (synapse.pair) *fed++ = edge.by_pre ? row : column;
      if (synapse.pair) *fed++ = edge.by_pre ? column : row;
      if (synapse.product) *fed++ = row * column;
      float* rows = reinterpret_cast<float*>(a);
      update<C>(edge.update, theta, rows, W, lanes(ends.columns - j));
      for (int64_t k = 0; k < n_w; ++k)
        at(w + k * matrix) = synapse.replaces ? a[k] : at(w + k * matrix) + a[k];
    }
}

// The weights of an edge, as soon as its post-synaptic layer has its new state.
void renew(const Plan& plan, const Edge& edge, float* space) {
  const Ends at_ends = ends(plan, edge, space);
  const Synapse& synapse = plan.synapse;
  if (synapse.hebb)                        // Eq. (4)
    for (int64_t r = 0; r < at_ends.rows; ++r)
      add<1>(space + edge.own + r * edge.stride, at_ends.u + r, at_ends.v, edge.stride);
  else if (synapse.cell == Cell::lstm) renew<Cell::lstm>(synapse, edge, at_ends, space);
  else renew<Cell::pmlp>(synapse, edge, at_ends, space);
}

// Minus the logarithm of p = norm(relu(out) + 0.001), or of softmax(out), at `symbol`.
float surprisal(const Plan& plan, const float* out, int64_t n, int64_t symbol) {
  const int64_t whole = n / W * W;
  vf total{};
  if (plan.readout == Readout::relu) {
    for (int64_t i = 0; i < n; i += W) total += relu(at(out + i));  // padding is zero
    const float own = 0 > out[symbol] ? 0 : out[symbol];
    return logf((sum(total) + n * FLOOR) / (own + FLOOR));
  }
  float top = out[0];
  for (int64_t i = 1; i < n; ++i) top = out[i] > top ? out[i] : top;
  for (int64_t i = 0; i < whole; i += W) total += exp(at(out + i) - top);
  float rest = 0;
  for (int64_t i = whole; i < n; ++i) rest += expf(out[i] - top);
  return logf(sum(total) + rest) - (out[symbol] - top);
}

void show(const Plan& plan, const Layer& layer, float* space, int64_t symbol) {
  float* row = space + layer.heard + plan.components[FORWARD] * layer.padded;
  memset(row, 0, sizeof(float) * layer.padded);
  if (symbol >= 0) row[symbol] = 1.0f;
}

void born(const Plan& plan, const Episode& episode, const float* theta, float* space) {
  memset(space, 0, sizeof(float) * plan.workspace);
  for (const Edge& edge : plan.edges) {
    if (edge.shared) continue;
    const int64_t matrix = edge.rows * edge.stride;
    const size_t bytes = sizeof(float) * matrix;
    float* own = space + edge.own;
    memcpy(own, episode.start + edge.start, bytes);
    if (plan.synapse.hebb) continue;
    if (plan.synapse.cell == Cell::lstm)   // an LSTM's cell begins with the number too
      memcpy(own + plan.synapse.state / 2 * matrix, episode.start + edge.start, bytes);
    prepare(plan.synapse.cell, edge.update, theta + edge.update.theta,
            space + edge.update.place);
  }
  for (const Layer& layer : plan.layers)
    prepare(plan.cell, layer.update, theta + layer.update.theta,
            space + layer.update.place);
}

bool finite(float x) { return fabsf(x) < INFINITY; }

}  // namespace

void lives(const Plan& plan, const Episode& episode, const Group& group) {
  for (int64_t g = 0; g < group.members; ++g)
    born(plan, episode, group.theta[g], group.space[g]);
  const Layer &first = plan.layers.front(), &last = plan.layers.back();
  int64_t waits[MOST_EDGES] = {};
  int64_t shown = -1, alive = group.members;
  for (int64_t t = 0; t < episode.ticks(); ++t) {
    for (int64_t g = 0; g < group.members; ++g) {
      show(plan, first, group.space[g], shown);
      show(plan, last, group.space[g], shown);
    }
    for (size_t l = 0; l < plan.layers.size(); ++l) {
      const Layer& layer = plan.layers[l];
      for (const Read& read : layer.reads)
        listen(plan, episode, layer, read, group, shown, waits[read.edge]);
      for (int64_t g = 0; g < group.members; ++g) {
        update(plan.cell, layer, group.space[g]);
        for (const Edge& edge : plan.edges)
          if (!plan.waits && edge.post == static_cast<int>(l))
            renew(plan, edge, group.space[g]);
      }
    }
    shown = episode.symbols[t % episode.length];
    for (int64_t g = 0; g < group.members; ++g) {
      const float* out = group.space[g] + last.heard + (plan.state - 1) * last.padded;
      float* loss = group.losses[g] + t;
      *loss = surprisal(plan, out, last.neurons, shown);
      const bool was = t == 0 || finite(loss[-1]);
      if (!was) *loss = NAN;               // diverged once is diverged: so is the sum
      if (was && !finite(*loss)) --alive;
    }
    if (alive == 0) {
      for (int64_t g = 0; g < group.members; ++g)
        for (int64_t s = t + 1; s < episode.ticks(); ++s) group.losses[g][s] = NAN;
      return;
    }
  }
}

}  // namespace PLASTICA_ISA
}  // namespace plastica
