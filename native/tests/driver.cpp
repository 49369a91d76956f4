// Lives without Python, to be run under sanitizers: every instruction set of this
// machine against Algorithm 1 written out in doubles, over awkward sizes.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <vector>

#include "plan.hpp"

using plastica::Cell;
using plastica::Readout;
using plastica::Shape;
using Doubles = std::vector<double>;

namespace {

std::mt19937 generator(7);

std::vector<float> normal(size_t n, float scale) {
  std::normal_distribution<float> draw(0, scale);
  std::vector<float> values(n);
  for (float& value : values) value = draw(generator);
  return values;
}

struct World {
  Shape shape;
  std::vector<std::vector<float>> weights;
  std::vector<const float*> pointers;
  std::vector<int32_t> symbols;
  int64_t readings;
};

World world(std::vector<int64_t> sizes, std::vector<int64_t> edges, Readout readout,
            int64_t length, int64_t readings, Cell cell = Cell::pmlp) {
  const std::vector<int64_t> hidden(sizes.size(), 5);
  World w{{sizes, edges, hidden, 5, readout, cell}, {}, {}, {}, readings};
  for (size_t e = 0; e < edges.size(); e += 2)
    w.weights.push_back(normal(sizes[edges[e]] * sizes[edges[e + 1]],
                               1 / std::sqrt(float(sizes[edges[e + 1]]))));
  for (const auto& weights : w.weights) w.pointers.push_back(weights.data());
  for (int64_t t = 0; t < length; ++t)
    w.symbols.push_back(static_cast<int32_t>(generator() % sizes.front()));
  return w;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// What an update network makes of `a`, which begins with a state.
Doubles renewed(Cell cell, const plastica::Update& update, const float* theta,
                const Doubles& a) {
  const size_t I = a.size(), H = update.hidden, S = update.state;
  theta += update.theta;
  Doubles out(S);
  if (cell == Cell::lstm) {
    const size_t units = S / 2, X = I - S;
    const float *W_x = theta, *W_h = W_x + 4 * units * X, *b = W_h + 4 * units * units;
    for (size_t q = 0; q < units; ++q) {
      double gate[4];
      for (size_t g = 0; g < 4; ++g) {
        const size_t row = g * units + q;
        gate[g] = b[row];
        for (size_t i = 0; i < X; ++i) gate[g] += W_x[row * X + i] * a[S + i];
        for (size_t i = 0; i < units; ++i) gate[g] += W_h[row * units + i] * a[i];
      }
      out[units + q] =
          sigmoid(gate[1]) * a[units + q] + sigmoid(gate[0]) * std::tanh(gate[3]);
      out[q] = sigmoid(gate[2]) * std::tanh(out[units + q]);
    }
    return out;
  }
  const bool pmlp = cell == Cell::pmlp;    // or M1 b1 M3 b3 are an MLP's W1 b1 W2 b2
  const float *M1 = theta, *M2 = pmlp ? M1 + H * I : M1, *b1 = M2 + H * I, *M3 = b1 + H,
              *b3 = M3 + S * H;
  for (size_t c = 0; c < S; ++c) out[c] = b3[c];
  for (size_t g = 0; g < H; ++g) {
    double x = 0, y = 0;
    for (size_t k = 0; k < I; ++k) {
      x += M1[g * I + k] * a[k];
      y += M2[g * I + k] * a[k];
    }
    const double product = pmlp ? std::tanh(y) * sigmoid(x) + b1[g]
                           : cell == Cell::tanh ? std::tanh(x + b1[g])
                                                : std::fmax(x + b1[g], 0);
    for (size_t c = 0; c < S; ++c) out[c] += M3[c * H + g] * product;
  }
  return out;
}

// h[l] is (n_l, n_a) by rows; w[e] is (post, pre, n_w).
Doubles naive(const World& world, const plastica::Plan& plan, const float* theta) {
  const Shape& s = world.shape;
  const size_t depth = s.sizes.size(), n_a = s.state, count = s.edges.size() / 2;
  const size_t n_w = s.synapse.state;
  const int64_t* purpose = s.components;
  std::vector<Doubles> h, w;
  for (int64_t n : s.sizes) h.emplace_back(n * n_a);
  for (const auto& weights : world.weights) {
    w.emplace_back(weights.size() * n_w);
    for (size_t i = 0; i < weights.size(); ++i) {
      w.back()[i * n_w] = weights[i];
      if (!s.synapse.hebb && s.synapse.cell == Cell::lstm)
        w.back()[i * n_w + n_w / 2] = weights[i];
    }
  }
  auto find = [&](size_t post, size_t pre) {
    for (size_t e = 0; e < count; ++e)
      if (s.edges[2 * e] == int64_t(post) && s.edges[2 * e + 1] == int64_t(pre)) return e;
    return count;
  };
  Doubles losses;
  const size_t length = world.symbols.size();
  for (size_t t = 0; t < length * world.readings; ++t) {
    for (size_t end : {size_t{0}, depth - 1})
      for (int64_t i = 0; i < s.sizes[end]; ++i)
        h[end][i * n_a + purpose[0]] = t > 0 && world.symbols[(t - 1) % length] == i;
    for (size_t l = 0; l < depth; ++l) {
      const size_t n = s.sizes[l];
      std::vector<Doubles> a(n);
      for (size_t i = 0; i < n; ++i) a[i].assign(&h[l][i * n_a], &h[l][i * n_a] + n_a);
      for (size_t k = 0; k < depth; ++k) {
        const size_t m = s.sizes[k], to = find(l, k), from = find(k, l);
        for (size_t i = 0; i < n; ++i) {
          double forward = 0, back = 0;
          for (size_t j = 0; j < m; ++j) {
            const double* spoken = &h[k][j * n_a];
            if (to < count) forward += w[to][(i * m + j) * n_w] * spoken[purpose[0]];
            if (from < count) back += w[from][(j * n + i) * n_w] * spoken[purpose[1]];
          }
          if (to < count) a[i].push_back(forward);
          if (from < count && s.transposed) a[i].push_back(back);
        }
      }
      for (size_t i = 0; i < n; ++i) {
        const Doubles state = renewed(s.cell, plan.layers[l].update, theta, a[i]);
        std::copy(state.begin(), state.end(), &h[l][i * n_a]);
      }
      for (size_t k = 0; k < depth; ++k) {
        const size_t m = s.sizes[k], to = find(l, k);
        for (size_t i = 0; to < count && i < n; ++i)
          for (size_t j = 0; j < m; ++j) {
            const double post = h[l][i * n_a + purpose[3]];
            const double pre = h[k][j * n_a + purpose[2]];
            double* weight = &w[to][(i * m + j) * n_w];
            if (s.synapse.hebb) {
              *weight += post * pre;
              continue;
            }
            Doubles fed(weight, weight + n_w);
            if (s.synapse.pair) fed.insert(fed.end(), {pre, post});
            if (s.synapse.product) fed.push_back(pre * post);
            const Doubles state =
                renewed(s.synapse.cell, plan.edges[to].update, theta, fed);
            for (size_t c = 0; c < n_w; ++c)
              weight[c] = state[c] + (s.synapse.replaces ? 0 : weight[c]);
          }
      }
    }
    const size_t n = s.sizes.back();
    const int32_t symbol = world.symbols[t % length];
    double sum = 0, own = 0;
    for (size_t i = 0; i < n; ++i) {
      const double out = h.back()[i * n_a + n_a - 1];
      const bool relu = s.readout == Readout::relu;
      const double p = relu ? std::fmax(out, 0) + 0.001 : std::exp(out);
      sum += p;
      if (int32_t(i) == symbol) own = p;
    }
    losses.push_back(std::log(sum / own));
  }
  return losses;
}

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

void compare(const World& w, const char* name) {
  constexpr int64_t members = 7, threads = 3;
  const int64_t ticks = w.symbols.size() * w.readings;
  const plastica::Plan plan(w.shape, ticks, plastica::isa().width);
  const std::vector<float> thetas = normal(members * plan.theta, 0.08f);
  std::vector<float> losses(members * ticks, -1.0f);
  plastica::live(w.shape, w.pointers.data(), w.symbols.data(), w.symbols.size(),
                 w.readings, thetas.data(), members, threads, losses.data());
  double worst = 0;
  for (int64_t m = 0; m < members; ++m) {
    const Doubles expected = naive(w, plan, thetas.data() + m * plan.theta);
    for (int64_t t = 0; t < ticks; ++t)
      worst = std::fmax(worst, std::fabs(expected[t] - losses[m * ticks + t]));
  }
  std::printf("%-10s %-30s off by %.1e\n", plastica::isa().name, name, worst);
  check(worst < 2e-4, name);
}

void diverge(Cell cell) {  // a life that explodes is NaN from there on, and no trap
  const World w =
      world({4, 3, 4}, {0, 1, 1, 0, 1, 1, 1, 2, 2, 1}, Readout::relu, 50, 2, cell);
  const plastica::Plan plan(w.shape, 100, plastica::isa().width);
  const std::vector<float> thetas = normal(plan.theta, 1e30f);
  std::vector<float> losses(100);
  plastica::live(w.shape, w.pointers.data(), w.symbols.data(), 50, 2, thetas.data(), 1, 1,
                 losses.data());
  check(std::isnan(losses.back()), "an exploding life ends in NaN");
}

void refuse(const World& w, const char* what) {
  bool refused = false;
  try {
    compare(w, what);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  check(refused, what);
}

void refuse() {
  const World good = world({4, 4}, {0, 1}, Readout::relu, 3, 1);
  World w = good;
  w.symbols[1] = 4;
  refuse(w, "a symbol that does not fit is refused");
  w = good;
  w.shape.synapse = {false, Cell::tanh, 2, 3};
  refuse(w, "a plain MLP of weights is refused");
  w.shape.synapse = {false, Cell::pmlp, 2, 3, false};
  refuse(w, "a weight that is fed nothing is refused");
}

}  // namespace

int main() {
  const std::vector<int64_t> layered = {0, 1, 1, 0, 1, 1, 1, 2, 2, 1};
  for (int64_t n : {1, 15, 16, 17})
    compare(world({n, 16, n}, layered, Readout::relu, 6, 2), "small layers");
  for (int64_t n : {1, 15, 16, 17})
    compare(world({5, n, 5}, layered, Readout::softmax, 6, 2), "small hidden layers");
  for (int64_t n : {2, 256, 259})
    compare(world({n, 9, n}, layered, Readout::softmax, 5, 2), "alphabets");
  compare(world({27, 20, 27}, layered, Readout::relu, 0, 2), "no text");
  compare(world({6}, {0, 0}, Readout::relu, 5, 2), "one layer");
  compare(world({6, 7}, {}, Readout::relu, 5, 2), "no edges");
  const std::vector<int64_t> any_of_three = {0, 2, 1, 0, 1, 1, 2, 0, 2, 1};
  const std::vector<int64_t> any = {0, 4, 4, 0, 4, 2, 1, 3, 3, 3, 2, 0, 4, 4, 0, 0, 2, 3};
  for (Cell cell : {Cell::pmlp, Cell::tanh, Cell::relu}) {
    compare(world({5, 3, 9, 2, 5}, any, Readout::relu, 5, 2, cell), "any edges");
    compare(world({40, 420, 40}, layered, Readout::relu, 4, 1, cell), "shared weights");
    for (int64_t units = 1; units < 34; ++units) {
      World w = world({5, 17, 5}, layered, Readout::softmax, 3, 2, cell);
      w.shape.hidden = {units, 5, 2 * units};
      compare(w, "hidden units");
    }
    diverge(cell);
  }
  for (Cell cell : {Cell::pmlp, Cell::tanh, Cell::relu, Cell::lstm}) {
    World w = world({5, 19, 33}, any_of_three, Readout::relu, 5, 2, cell);
    w.shape.state = 6;
    compare(w, "another cell");
    w.shape.transposed = false;
    compare(w, "one way");
    for (int64_t& purpose : w.shape.components) purpose = 1;
    compare(w, "one way, one component");
    w.shape.transposed = true;
    compare(w, "one component");
    for (Cell synapse : {Cell::pmlp, Cell::lstm})
      for (int fed = 1; fed < 4; ++fed)
        for (bool replaces : {false, true}) {
          w.shape.synapse = {false, synapse, 4, 9, fed != 2, fed != 1, replaces};
          compare(w, synapse == Cell::lstm ? "LSTM weights" : "PMLP weights");
        }
  }
  refuse();
}
