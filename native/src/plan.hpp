// What a life of PMLPHebb looks like: layers, edges, and where everything lies.
//
// A member's life needs one block of memory, its workspace: for every layer the rows
// that its neurons hear, for every edge the weights or what was added to them, and the
// update networks. All rows are aligned and padded to the vector width; padding is zero
// and stays zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace plastica {

constexpr int64_t MOST_HIDDEN = 256;         // hidden units of an update network
constexpr int64_t MOST_STATE = 64;           // numbers in a neuron's or weight's state
constexpr int64_t MOST_EDGES = 256;

enum class Readout { relu, softmax };

// An update network, from all that a neuron hears, a, to its new state, or from a
// weight's state and what it is fed:
// pmlp: M3 (sigmoid(M1 a) tanh(M2 a) + b1) + b3, Eq. (3);  theta is M1 M2 b1 M3 b3;
// tanh, relu: W2 f(W1 a + b1) + b2;                        theta is W1 b1 W2 b2;
// lstm: a is its hidden state, its cell and its input x;   theta is W_x W_h b, gates in
//       the order input, forget, output, candidate.
enum class Cell { pmlp, tanh, relu, lstm };

// How weights are renewed: w += post pre, Eq. (4), or by a network of each edge, that
// sees a weight's state and (pre, post), their product, or both.
struct Synapse {
  bool hebb = true;
  Cell cell = Cell::pmlp;
  int64_t state = 1;                       // n_w; component 0 is what multiplies
  int64_t hidden = 1;                      // of a PMLP
  bool pair = true, product = false;       // what a weight's network is fed
  bool replaces = false;                   // it puts out the weight, not what is added
};

struct Shape {
  std::vector<int64_t> sizes;              // neurons of each layer, input to output
  std::vector<int64_t> edges;              // post, pre, post, pre, ...
  std::vector<int64_t> hidden;             // hidden units of each layer's update
  int64_t state = 6;                       // n_a, components of a neuron's state
  Readout readout = Readout::relu;
  Cell cell = Cell::pmlp;                  // of all layers
  Synapse synapse{};                       // of all edges
  bool transposed = true;                  // neurons hear transposed weights too
  int64_t components[4] = {0, 1, 2, 3};    // sent forward, back; pre and post factor
};

// An update network where it lies.
struct Update {
  int64_t inputs, hidden, state;           // numbers read, hidden units, numbers put out
  int64_t place;                           // offset, rearranged
  int64_t theta;                           // offset within a member's theta
};

// One pass over the weights of an edge, at the time when layer `layer` listens.
struct Read {
  int edge;
  int source;        // the layer that speaks
  int forward;       // row of `layer` that hears  w   h_source[:, 0], or -1
  int transposed;    // row of `layer` that hears  w^T h_source[:, 1], or -1
  bool one_hot;      // h_source[:, 0] is the symbol shown, one-hot
};

// w[post, pre], kept with the shorter side as rows: fewer sums across lanes.
//
// The weights of tick t are those at birth and a sum of outer products u (x) v. In a
// short life of a large network they are never added: the members share the weights of
// birth, read them together, and keep a history of u and v. Weights that have a state
// are as many such matrices, one after another.
struct Edge {
  int post, pre;
  bool by_pre;                             // rows are pre-synaptic neurons
  bool shared;
  int64_t rows, stride, tall;              // padded to 4; columns, rows padded to W
  int64_t start;                           // offset of the weights at birth
  int64_t own;                             // offset of a member's weights, if not shared
  int64_t u, v;                            // offsets: (ticks, tall), (ticks, stride)
  Update update;                           // unless weights are Hebbian
};

struct Layer {
  int64_t neurons, padded;
  int64_t heard;                           // offset: rows (inputs, padded); state first
  Update update;
  std::vector<Read> reads;
};

constexpr int64_t TOGETHER = 4;            // members that read shared weights in one pass

struct Plan {
  int64_t state, theta, workspace, start, width;
  int64_t together;                        // members of a group: TOGETHER or 1
  bool waits;                              // Eq. (4) is added when weights are next read
  Readout readout;
  Cell cell;
  Synapse synapse;
  int64_t components[4];
  std::vector<Layer> layers;
  std::vector<Edge> edges;

  Plan(const Shape& shape, int64_t ticks, int64_t width);  // may throw invalid_argument

  // Weights of edge e, w[post, pre] without padding, to their place at birth.
  void lay(size_t e, const float* w, float* start) const;

 private:
  int64_t take(int64_t floats);            // from the workspace
  Update network(Cell cell, int64_t inputs, int64_t hidden, int64_t state);
};

// All members of a population live the same passage from the same weights.
struct Episode {
  const float* start;                      // as `Plan::lay` leaves them
  const int32_t* symbols;                  // the passage
  int64_t length, readings;
  int64_t ticks() const { return length * readings; }
};

// Up to `together` members.
struct Group {
  int64_t members;
  const float* theta[TOGETHER];
  float* space[TOGETHER];
  float* losses[TOGETHER];                 // (ticks), NaN from where a life diverged
};

#define PLASTICA_DECLARE(isa)                                    \
  namespace isa {                                                \
  void lives(const Plan&, const Episode&, const Group&);         \
  float probe_read(const float* p, int64_t floats, int64_t times); \
  float probe_fma(int64_t times);                                \
  }
PLASTICA_DECLARE(portable)
PLASTICA_DECLARE(avx2)
PLASTICA_DECLARE(avx512)
#undef PLASTICA_DECLARE

// The vectors of this machine, or those that PLASTICA_NATIVE_ISA names.
struct Isa {
  const char* name;
  int64_t width;
  void (*lives)(const Plan&, const Episode&, const Group&);
  float (*read)(const float*, int64_t, int64_t);
  float (*fma)(int64_t);
};
const Isa& isa();                          // throws std::runtime_error

// Losses (members, length * readings) of thetas (members, theta), over `threads`;
// weights: one matrix (post, pre) an edge.
void live(const Shape& shape, const float* const* weights, const int32_t* symbols,
          int64_t length, int64_t readings, const float* thetas, int64_t members,
          int64_t threads, float* losses);

// Of one thread: bytes per second read of a block again and again, and operations.
double bandwidth(int64_t bytes);
double peak();

}  // namespace plastica
