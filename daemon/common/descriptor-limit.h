// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vgpu::control
{

/// A daemon may have more descriptors than the 1024 that a process begins with: else those, and not
/// its own limit of connections, were the end, and nobody would be told.
void raise_descriptor_limit();

} // namespace vgpu::control
