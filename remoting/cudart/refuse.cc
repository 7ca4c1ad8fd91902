// SPDX-License-Identifier: Apache-2.0
// What the generated functions call that stand for the entry points the runtime does not have.
#include "remoting/cudart/log.h"
#include "remoting/cudart/runtime.h"

// Two threads may both find `said` clear; then the line comes twice.
extern "C" int vgpu_cudart_refuse(const char *name, char *said)
{
    if (!*said) {
        *said = 1;
        vgpu::cudart::log("%s is not supported by slurm-vgpu's CUDA runtime", name);
    }
    return vgpu::cudart::finish(cudaErrorNotSupported);
}
