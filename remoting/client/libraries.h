// SPDX-License-Identifier: Apache-2.0
// The session's side of the CUDA libraries' wrappers (remoting/api/library-table.h).
#pragma once

#include <cstdint>

namespace vgpu::client
{

// An api::LibraryTable.
const void *library_table() noexcept;

// The name of a library's call by the number that a deferred failure has; null if it is none.
const char *library_call_name(uint32_t number) noexcept;

} // namespace vgpu::client
