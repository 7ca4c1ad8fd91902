// SPDX-License-Identifier: Apache-2.0
// The driver as a table of functions, filled once from libcuda.so.1.
#pragma once

#include <cuda.h>

// As cudaProfiler.h has them, which not every packaging of the toolkit brings along.
extern "C" CUresult cuProfilerStart(void);
extern "C" CUresult cuProfilerStop(void);

namespace vgpu::cudart
{

struct Driver {
#define DRIVER_CALL(name) decltype(&::name) name;
#include "remoting/cudart/calls.inc"
#undef DRIVER_CALL
};

// Opens libcuda.so.1 at the first call of the process. False where there is none that can be used.
bool open_driver();

// Only after open_driver() said true. A call that the driver lacks answers
// CUDA_ERROR_NOT_SUPPORTED.
extern Driver driver_table;
inline const Driver &driver()
{
    return driver_table;
}

// True from the moment the process began to exit (or the runtime to be unloaded): the driver may be
// gone already.
bool leaving();

} // namespace vgpu::cudart
