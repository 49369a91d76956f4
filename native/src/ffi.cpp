// The one call that XLA makes.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "plan.hpp"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;
using Sizes = ffi::Span<const int64_t>;

namespace {

std::vector<int64_t> list(Sizes span) { return {span.begin(), span.end()}; }

plastica::Cell cell_of(std::string_view name) {
  if (name == "pmlp") return plastica::Cell::pmlp;
  if (name == "tanh") return plastica::Cell::tanh;
  if (name == "relu") return plastica::Cell::relu;
  if (name == "lstm") return plastica::Cell::lstm;
  throw std::invalid_argument("no update is called " + std::string(name));
}

ffi::Error lives(ffi::Buffer<ffi::F32> thetas, ffi::Buffer<ffi::S32> symbols,
                 ffi::RemainingArgs edges, ffi::ResultBuffer<ffi::F32> losses,
                 Sizes sizes, Sizes pairs, Sizes hidden, int64_t state,
                 std::string_view cell, std::string_view synapse, Sizes components,
                 int64_t weight_state, int64_t weight_hidden, bool pair, bool product,
                 bool replaces, bool transposed, bool softmax, int64_t readings,
                 int64_t threads) {
  try {
    plastica::Shape shape{list(sizes), list(pairs), list(hidden), state,
                          softmax ? plastica::Readout::softmax : plastica::Readout::relu,
                          cell_of(cell)};
    if (synapse != "hebb")
      shape.synapse = {false, cell_of(synapse), weight_state, weight_hidden,
                       pair,  product,          replaces};
    shape.transposed = transposed;
    if (components.size() != 4)
      throw std::invalid_argument("a state has four purposes");
    std::copy(components.begin(), components.end(), shape.components);
    std::vector<const float*> weights;
    for (size_t e = 0; e < edges.size() && 2 * e + 1 < pairs.size(); ++e) {
      auto w = edges.get<ffi::Buffer<ffi::F32>>(e);
      if (w.has_error()) return w.error();
      const auto size = [&](size_t end) { return sizes[pairs[2 * e + end]]; };
      if (w->element_count() != static_cast<size_t>(size(0) * size(1)))
        throw std::invalid_argument("weights of an edge are (post, pre)");
      weights.push_back(w->typed_data());
    }
    const int64_t ticks = symbols.element_count() * readings;
    const plastica::Plan plan(shape, ticks, 1);
    const auto members = thetas.dimensions();
    if (members.size() != 2 || members[1] != plan.theta ||
        weights.size() != plan.edges.size() ||
        losses->element_count() != static_cast<size_t>(members[0] * ticks))
      throw std::invalid_argument("thetas, weights and losses must fit the network");
    plastica::live(shape, weights.data(), symbols.typed_data(), symbols.element_count(),
                   readings, thetas.typed_data(), thetas.dimensions()[0], threads,
                   losses->typed_data());
  } catch (const std::exception& error) {
    return ffi::Error::InvalidArgument(error.what());
  }
  return ffi::Error::Success();
}

}  // namespace

#pragma GCC visibility push(default)

extern "C" const char* plastica_isa() {
  try {
    return plastica::isa().name;
  } catch (const std::exception&) {
    return "";
  }
}
extern "C" double plastica_probe_bandwidth(int64_t bytes) {
  return plastica::bandwidth(bytes);
}
extern "C" double plastica_probe_peak() { return plastica::peak(); }

XLA_FFI_DEFINE_HANDLER_SYMBOL(plastica_lives, lives,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::Buffer<ffi::F32>>()
                                  .Arg<ffi::Buffer<ffi::S32>>()
                                  .RemainingArgs()
                                  .Ret<ffi::Buffer<ffi::F32>>()
                                  .Attr<Sizes>("sizes")
                                  .Attr<Sizes>("edges")
                                  .Attr<Sizes>("hidden")
                                  .Attr<int64_t>("state")
                                  .Attr<std::string_view>("cell")
                                  .Attr<std::string_view>("synapse")
                                  .Attr<Sizes>("components")
                                  .Attr<int64_t>("weight_state")
                                  .Attr<int64_t>("weight_hidden")
                                  .Attr<bool>("pair")
                                  .Attr<bool>("product")
                                  .Attr<bool>("replaces")
                                  .Attr<bool>("transposed")
                                  .Attr<bool>("softmax")
                                  .Attr<int64_t>("readings")
                                  .Attr<int64_t>("threads"));
#pragma GCC visibility pop
