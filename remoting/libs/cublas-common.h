// SPDX-License-Identifier: Apache-2.0
// What the wrapper of cuBLAS and the software GPU's have in common.
#pragma once

namespace vgpu::cublas
{

// A function of the driver API, of the driver that the library works over; null before there is
// one. Each library has its own.
void *driver_function(const char *name) noexcept;

} // namespace vgpu::cublas
