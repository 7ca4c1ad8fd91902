// SPDX-License-Identifier: Apache-2.0
// What comes over a compressed bulk connection: blocks that may be none, read in pieces of any
// size.
#include "remoting/base/error.h"
#include "remoting/wire/compressed-stream.h"
#include "remoting/wire/fuzz.h"
#include "remoting/wire/memory-stream.h"

using namespace vgpu::wire;

FUZZ_TARGET(fuzz_blocks)(std::span<const std::byte> input)
{
    for (size_t most : {size_t(7), size_t(4096), size_t(1) << 17}) {
        std::vector<std::byte> bytes(input.begin(), input.end()), to(most);
        auto stream = make_compressed_stream(std::make_unique<MemoryStream>(bytes));
        try {
            while (stream->read(to))
                continue;
        } catch (const vgpu::Error &) {
        }
    }
}
