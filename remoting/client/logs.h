// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vgpu::client
{

// Warnings and errors are kept for cuLogs* from now on.
void remember_logs() noexcept;

} // namespace vgpu::client
