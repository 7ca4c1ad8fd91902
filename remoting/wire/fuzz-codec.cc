// SPDX-License-Identifier: Apache-2.0
// The first bytes choose what is read, the rest is read. A failed decoder must give nothing but
// zeros.
#include "remoting/wire/codec.h"
#include "remoting/wire/fuzz.h"
#include "remoting/wire/message.h"

#include "remoting/base/error.h"

#include <cstdlib>

using namespace vgpu::wire;

FUZZ_TARGET(fuzz_codec)(std::span<const std::byte> input)
{
    try {
        checked_header(input);
    } catch (const vgpu::Error &) {
    }
    size_t choices = input.size() < 16 ? input.size() : 16;
    Decoder decoder(input.subspan(choices));
    for (std::byte choice : input.first(choices)) {
        bool ok = decoder.ok();
        uint64_t got = 0;
        switch (unsigned(choice) % 7) {
        case 0:
            got = decoder.u64();
            break;
        case 1:
            got = decoder.u32();
            break;
        case 2:
            got = uint64_t(decoder.i32());
            break;
        case 3:
            got = decoder.boolean();
            break;
        case 4:
            for (std::byte b : decoder.bytes(size_t(decoder.u64())))
                got += unsigned(b);
            break;
        case 5:
            for (char c : decoder.string(unsigned(choice)))
                got += (unsigned char)c;
            break;
        case 6:
            decoder.f32();
            break;
        }
        if (!ok && (got != 0 || decoder.ok() || decoder.left() != 0))
            abort();
    }
}
