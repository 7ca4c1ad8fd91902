// SPDX-License-Identifier: Apache-2.0
// Memory of other processes that this one has opened.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace vgpu::client
{

using IpcBytes = std::array<char, CU_IPC_HANDLE_SIZE>;

// Once in each context, however often it is opened there.
struct Imports {
    struct One {
        uint64_t address = 0;
        uint64_t serial = 0; // of its range, which goes with the context
        size_t times = 0;
    };
    std::mutex mutex;
    std::map<std::pair<uint64_t, IpcBytes>, One> opened; // by context and handle
};

} // namespace vgpu::client
