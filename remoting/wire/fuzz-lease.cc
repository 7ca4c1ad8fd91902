// SPDX-License-Identifier: Apache-2.0
// A lease that is accepted must be written so that it reads back the same.
#include "remoting/base/error.h"
#include "remoting/wire/fuzz.h"
#include "remoting/wire/lease-file.h"

#include <cstdlib>

using namespace vgpu::wire;

FUZZ_TARGET(fuzz_lease)(std::span<const std::byte> input)
{
    std::string once;
    try {
        once = format_lease(
            parse_lease({reinterpret_cast<const char *>(input.data()), input.size()}, "lease"));
    } catch (const vgpu::Error &) {
        return;
    }
    if (format_lease(parse_lease(once, "lease")) != once)
        abort();
}
