// SPDX-License-Identifier: Apache-2.0
// What vgpud, or who has become it, answers a program that asks NVML: it has slices, or it is
// refused.
#include "remoting/base/error.h"
#include "remoting/nvml/state.h"
#include "remoting/wire/frame.h"
#include "remoting/wire/fuzz.h"

#include <cstdlib>

using namespace vgpu;

FUZZ_TARGET(fuzz_state)(std::span<const std::byte> input)
{
    static const wire::LeaseFile lease = [] {
        wire::LeaseFile made;
        made.lease = "a";
        made.node = "gpu1";
        return made;
    }();
    try {
        const auto answer = wire::parse_frame(input, wire::kMaxFrame);
        if (nvml::slices_of(answer.get(), lease, "here").empty())
            abort();
    } catch (const Error &) {
    }
}
