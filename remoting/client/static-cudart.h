// SPDX-License-Identifier: Apache-2.0
// NVIDIA's own CUDA runtime cannot run over this driver: it asks for a keyed check that is not ours
// to answer, and every call of it fails with an error that tells nobody why. It is recognised, by
// reading only, so that the user can be told what to do.
#pragma once

#include <cstddef>
#include <span>

namespace vgpu::client
{

// Whether these bytes hold what NVIDIA's runtime leaves in the read-only data of a program it is
// linked into, stripped or not.
bool holds_nvidia_runtime(std::span<const std::byte> bytes) noexcept;

// Looks at the main program. Logs once, and says, whether NVIDIA's runtime is linked into it.
bool report_static_cudart() noexcept;

// The same for whichever object `address` is in: a library may carry it too, or be it.
void report_caller(const void *address) noexcept;

} // namespace vgpu::client
