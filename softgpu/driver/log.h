// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vgpu::soft::driver
{

/// One line on stderr, "libcuda-soft: ..."; VGPU_SOFT_LOG=0 silences. cuLogs* tells of it in any
/// case.
__attribute__((format(printf, 1, 2))) void log(const char *format, ...);

} // namespace vgpu::soft::driver
