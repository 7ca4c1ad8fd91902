// SPDX-License-Identifier: Apache-2.0
// The few CUDA errors that a refused session carries. cuda.h belongs to the layers that carry
// calls.
#pragma once

namespace vgpu::control
{

constexpr int kCudaNoDevice = 100;       // the lease is void: there is no device for this process
constexpr int kCudaNotPermitted = 800;   // it is somebody else's
constexpr int kCudaNotReady = 802;       // it might work another time
constexpr int kCudaDriverMismatch = 803; // two versions that do not fit

} // namespace vgpu::control
