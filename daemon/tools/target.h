// SPDX-License-Identifier: Apache-2.0
// Whom a tool asks: --server, else the daemon of the lease it runs under, else the site's.
#pragma once

#include <string>

#include "daemon/common/control-client.h"

namespace vgpu::control
{

struct Target {
    std::string server; // HOST:PORT, /path or empty
    std::string conf;   // path or empty

    Client connect() const;
};

} // namespace vgpu::control
