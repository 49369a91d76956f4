// The one call that XLA makes.
#include <stdexcept>
#include <vector>

#include "plan.hpp"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;
using Sizes = ffi::Span<const int64_t>;

namespace {

std::vector<int64_t> list(Sizes span) { return {span.begin(), span.end()}; }

ffi::Error lives(ffi::Buffer<ffi::F32> thetas, ffi::Buffer<ffi::S32> symbols,
                 ffi::RemainingArgs edges, ffi::ResultBuffer<ffi::F32> losses,
                 Sizes sizes, Sizes pairs, Sizes hidden, int64_t state, bool softmax,
                 int64_t readings, int64_t threads) {
  try {
    plastica::Shape shape{list(sizes), list(pairs), list(hidden), state,
                          softmax ? plastica::Readout::softmax : plastica::Readout::relu};
    std::vector<const float*> weights;
    for (size_t e = 0; e < edges.size(); ++e) {
      auto w = edges.get<ffi::Buffer<ffi::F32>>(e);
      if (w.has_error()) return w.error();
      weights.push_back(w->typed_data());
    }
    plastica::live(shape, weights.data(), symbols.typed_data(), symbols.element_count(),
                   readings, thetas.typed_data(), thetas.dimensions()[0], threads,
                   losses->typed_data());
  } catch (const std::exception& error) {
    return ffi::Error::InvalidArgument(error.what());
  }
  return ffi::Error::Success();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const char* plastica_isa() {
  try {
    return plastica::isa().name;
  } catch (const std::exception&) {
    return "";
  }
}

#pragma GCC visibility push(default)
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
                                  .Attr<bool>("softmax")
                                  .Attr<int64_t>("readings")
                                  .Attr<int64_t>("threads"));
#pragma GCC visibility pop
