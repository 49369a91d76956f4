#include "plan.hpp"

#include <algorithm>
#include <stdexcept>

namespace plastica {
namespace {

int64_t padded(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

constexpr int64_t WORTH_SHARING = 512 << 10;  // bytes: about a second cache

}  // namespace

int64_t Plan::take(int64_t floats) {
  const int64_t offset = workspace;
  workspace += padded(floats, 16);
  return offset;
}

Update Plan::network(Cell cell, int64_t inputs, int64_t hidden, int64_t state) {
  require(hidden > 0, "sizes are positive");
  require(hidden <= MOST_HIDDEN, "an update network has at most 256 hidden units");
  require(0 < state && state <= MOST_STATE, "a state has 1 to 64 numbers");
  require(cell != Cell::lstm || state % 2 == 0, "an LSTM halves its state");
  const int64_t matrices = cell == Cell::pmlp ? 2 : 1;  // that a hidden unit reads
  const int64_t size = cell == Cell::lstm
                           ? 2 * state * (inputs - state / 2 + 1)
                           : hidden * (matrices * inputs + 1 + state) + state;
  const Update update{inputs, hidden, state, take(size), theta};
  theta += size;
  return update;
}

Plan::Plan(const Shape& shape, int64_t ticks, int64_t width)
    : state(shape.state), theta(0), workspace(0), start(0), width(width), together(1),
      readout(shape.readout), cell(shape.cell), synapse(shape.synapse) {
  const int depth = static_cast<int>(shape.sizes.size());
  require(depth > 0, "a network has at least one layer");
  require(shape.hidden.size() == shape.sizes.size(), "one hidden size per layer");
  require(shape.edges.size() % 2 == 0, "edges are pairs (post, pre)");
  require(shape.edges.size() / 2 <= MOST_EDGES, "a network has at most 256 edges");
  require(state >= 4, "a neuron's state has at least 4 components");
  require(synapse.cell == Cell::pmlp || synapse.cell == Cell::lstm,
          "a weight's network is a PMLP or an LSTM");
  require(synapse.pair || synapse.product, "a weight's network is fed something");
  for (int64_t c = 0; c < 4; ++c) {
    components[c] = shape.components[c];
    require(0 <= components[c] && components[c] < state, "components are of the state");
  }
  // component 0 is lost when a symbol is shown
  waits = synapse.hebb && shape.transposed && components[2] != components[0] &&
          components[3] != components[0];
  for (size_t e = 0; e < shape.edges.size(); e += 2) {
    const int64_t post = shape.edges[e], pre = shape.edges[e + 1];
    require(0 <= post && post < depth && 0 <= pre && pre < depth, "an edge's layers");
    const int64_t n_post = shape.sizes[post], n_pre = shape.sizes[pre];
    Edge edge{};
    edge.post = static_cast<int>(post);
    edge.pre = static_cast<int>(pre);
    edge.by_pre = n_pre < n_post;
    edge.rows = padded(std::min(n_post, n_pre), 4);
    edge.tall = padded(edge.rows, width);
    edge.stride = padded(std::max(n_post, n_pre), width);
    const int64_t size = edge.rows * edge.stride;
    const int64_t bytes = size * sizeof(float);
    edge.shared = waits && bytes > WORTH_SHARING &&
                  ticks * (edge.rows + edge.stride) <= size;
    edge.start = start;
    start += padded(size, 16);
    if (edge.shared) {
      together = TOGETHER;
      edge.u = take(ticks * edge.tall);
      edge.v = take(ticks * edge.stride);
    } else {
      edge.own = take(size * synapse.state);
    }
    edges.push_back(edge);
  }
  for (int l = 0; l < depth; ++l) {
    Layer layer{};
    layer.neurons = shape.sizes[l];
    require(layer.neurons > 0, "sizes are positive");
    layer.padded = padded(layer.neurons, width);
    int row = static_cast<int>(state);
    for (int k = 0; k < depth; ++k) {       // the order in which a neuron hears
      for (size_t e = 0; e < edges.size(); ++e) {
        const int forward = edges[e].post == l && edges[e].pre == k ? row++ : -1;
        if (forward < 0) continue;
        const bool shown = k >= l && (k == depth - 1 || k == 0);
        layer.reads.push_back({static_cast<int>(e), k, forward, -1, shown});
      }
      for (size_t e = 0; shape.transposed && e < edges.size(); ++e) {
        if (edges[e].pre != l || edges[e].post != k) continue;
        if (k == l)                         // both products in one pass
          layer.reads.back().transposed = row++;
        else
          layer.reads.push_back({static_cast<int>(e), k, -1, row++, false});
      }
    }
    layer.heard = take(row * layer.padded);
    layer.update = network(cell, row, shape.hidden[l], state);
    layers.push_back(layer);
  }
  if (synapse.hebb) return;
  const int64_t fed = 2 * synapse.pair + synapse.product;
  for (Edge& edge : edges)
    edge.update =
        network(synapse.cell, synapse.state + fed, synapse.hidden, synapse.state);
}

void Plan::lay(size_t e, const float* w, float* start) const {
  const Edge& edge = edges[e];
  const int64_t n_post = layers[edge.post].neurons, n_pre = layers[edge.pre].neurons;
  float* to = start + edge.start;
  std::fill(to, to + edge.rows * edge.stride, 0.0f);
  for (int64_t i = 0; i < n_post; ++i)
    for (int64_t j = 0; j < n_pre; ++j)
      to[edge.by_pre ? j * edge.stride + i : i * edge.stride + j] = w[i * n_pre + j];
}

}  // namespace plastica
