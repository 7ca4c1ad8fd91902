// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/elf-contents.h"
#include "remoting/image/fatbin.h"
#include "remoting/image/variables.h"

#include <stdexcept>

// Any bytes are either read or refused.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    using namespace vgpu::image;
    std::span<const std::byte> bytes(reinterpret_cast<const std::byte *>(data), size);
    try {
        for (auto &entry : entries(bytes))
            if (entry.raw_bytes < (size_t(1) << 20))
                text(entry);
    } catch (const std::runtime_error &) {
    }
    try {
        variable_bytes(bytes, 80);
    } catch (const std::runtime_error &) {
    }
    try {
        elf_contents(bytes);
    } catch (const std::runtime_error &) {
    }
    return 0;
}
