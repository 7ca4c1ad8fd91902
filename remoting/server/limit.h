// SPDX-License-Identifier: Apache-2.0
// How many things a session may have. A client that reaches one of these leaks, or means harm.
#pragma once

#include <cstddef>

namespace vgpu::server
{

// Whether one more fits beside those there are. If not, the client is answered
// CUDA_ERROR_OUT_OF_MEMORY, which says nothing of why: the log does, once for each kind of thing.
// `what` is a plural, and a literal.
bool has_room(const char *what, size_t have, size_t most);

} // namespace vgpu::server
