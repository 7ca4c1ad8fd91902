// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/random.h"

#include "remoting/base/error.h"

#include <cerrno>

#include <sys/random.h>

namespace vgpu
{

void fill_random(std::span<std::byte> bytes)
{
    while (!bytes.empty()) {
        ssize_t n = getrandom(bytes.data(), bytes.size(), 0);
        if (n > 0)
            bytes = bytes.subspan(size_t(n));
        else if (errno != EINTR)
            fail_errno("the kernel gives no random bytes");
    }
}

uint64_t random_u64()
{
    uint64_t number;
    fill_random(std::as_writable_bytes(std::span(&number, 1)));
    return number;
}

} // namespace vgpu
