// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/limit.h"

#include "remoting/base/log.h"

#include <mutex>
#include <set>

namespace vgpu::server
{

bool has_room(const char *what, size_t have, size_t most)
{
    if (have < most) [[likely]]
        return true;
    static std::mutex mutex;
    static std::set<const char *> said;
    std::lock_guard lock(mutex);
    if (said.insert(what).second)
        log(Level::warning,
            "the program has %zu %s, the most of a session: more of them are refused", have, what);
    return false;
}

} // namespace vgpu::server
