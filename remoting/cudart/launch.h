// SPDX-License-Identifier: Apache-2.0
// Launches of a kernel that was found; a context is current.
#pragma once

#include "remoting/cudart/runtime.h"

namespace vgpu::cudart
{

cudaError_t launch(CUkernel kernel, dim3 grid, dim3 block, void **arguments, size_t shared,
                   cudaStream_t stream);
cudaError_t launch_cooperative(CUkernel kernel, dim3 grid, dim3 block, void **arguments,
                               size_t shared, cudaStream_t stream);
cudaError_t launch_extended(const cudaLaunchConfig_t &config, CUkernel kernel, void **arguments,
                            cudaStream_t stream);
cudaError_t translate_config(const cudaLaunchConfig_t &from, cudaStream_t stream,
                             CUlaunchConfig *to);

} // namespace vgpu::cudart
