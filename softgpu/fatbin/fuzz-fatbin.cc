// SPDX-License-Identifier: Apache-2.0
#include "softgpu/fatbin/fatbin.h"

#include <stdexcept>

// Any bytes are either read or refused.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace vgpu::soft::fatbin;
    try {
        for (auto &entry : entries({reinterpret_cast<const std::byte *>(data), size}))
            if (entry.raw_bytes < (size_t(1) << 20))
                text(entry);
    } catch (const std::runtime_error &) {
    }
    return 0;
}
