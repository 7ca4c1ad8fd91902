// SPDX-License-Identifier: Apache-2.0
// cuInit and what belongs to no device: versions, private tables, the profiler's switches.
#include "config.h"

#include "remoting/api/library-table.h"
#include "remoting/client/entry.h"
#include "remoting/client/libraries.h"
#include "remoting/client/static-cudart.h"

#include <cudaProfiler.h>

using namespace vgpu::client;

// By this the worker tells us from a vendor's driver: it must never load us as one.
extern "C" __attribute__((visibility("default"))) const char *vgpuClientVersion()
{
    return PACKAGE_VERSION;
}

VGPU_ENTRY cuInit(unsigned flags)
{
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    try {
        return Session::start();
    } catch (...) {
        return caught();
    }
}

// Works before cuInit: then it is the version of the interface we were built with.
VGPU_ENTRY cuDriverGetVersion(int *version)
{
    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    int connected = Session::driver_version();
    *version = connected ? connected : CUDA_VERSION;
    return CUDA_SUCCESS;
}

// One table is ours, for the wrappers of the CUDA libraries. The vendor's are undocumented, and one
// of them is a keyed integrity check that is not ours to answer. Whoever can do without goes on;
// NVIDIA's own runtime cannot, and its user is told what to do.
VGPU_ENTRY cuGetExportTable(const void **table, const CUuuid *id)
{
    if (!table || !id)
        return CUDA_ERROR_INVALID_VALUE;
    *table = vgpu::api::is_library_table(*id) ? library_table() : nullptr;
    if (*table)
        return CUDA_SUCCESS;
    report_caller(__builtin_return_address(0));
    return CUDA_ERROR_NOT_FOUND;
}

// Profiles are taken where the device is; the switches do no harm.
VGPU_ENTRY cuProfilerInitialize(const char *, const char *, CUoutput_mode mode)
{
    return mode == CU_OUT_KEY_VALUE_PAIR || mode == CU_OUT_CSV ? CUDA_SUCCESS
                                                               : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuProfilerStart()
{
    return entry_in_context([](Session &, Context &) { return CUDA_SUCCESS; });
}

VGPU_ENTRY cuProfilerStop()
{
    return entry_in_context([](Session &, Context &) { return CUDA_SUCCESS; });
}
