// SPDX-License-Identifier: Apache-2.0
// The bytes that programs hand from process to process: as a CUipcMemHandle, as a CUipcEventHandle,
// or in a memory file whose descriptor they pass (cuMemExportToShareableHandle). The server trusts
// none of them.
#pragma once

#include <cuda.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace vgpu::api
{

struct IpcHandle {
    std::array<char, 8> magic;
    uint64_t door; // of the worker that answers for it
    std::array<std::byte, 16> secret;
    std::array<char, 32> node; // on which that is, cut off where it is longer
};
static_assert(sizeof(IpcHandle) == CU_IPC_HANDLE_SIZE);

constexpr std::array<char, 8> kIpcMagic = {'v', 'g', 'p', 'u', 'i', 'p', 'c', '1'};

// Behind which something is offered.
enum class IpcKind : uint32_t {
    memory = 0,     // a block of cuMemAlloc
    allocation = 1, // of cuMemCreate
    event = 2,
    pool = 3,   // a memory pool
    pooled = 4, // a block of one
};

} // namespace vgpu::api
