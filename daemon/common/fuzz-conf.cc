// SPDX-License-Identifier: Apache-2.0
// Any text is a vgpu.conf that is understood, or is refused with a reason that names its place.
#include "daemon/common/conf.h"
#include "remoting/base/error.h"

#include <cstdlib>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try {
        vgpu::control::parse_conf({reinterpret_cast<const char *>(data), size}, "vgpu.conf");
    } catch (const vgpu::Error &error) {
        if (std::strncmp(error.what(), "vgpu.conf", 9) != 0)
            abort();
    }
    return 0;
}
