// SPDX-License-Identifier: Apache-2.0
// A warning, one line, where base's log would put it and in its form. The runtime is linked into
// programs in C too, so it uses nothing of libstdc++, and not base's log itself.
#pragma once

namespace vgpu::cudart
{

[[gnu::format(printf, 1, 2)]] void log(const char *format, ...);

} // namespace vgpu::cudart
