// SPDX-License-Identifier: Apache-2.0
// cuLogs*: what this driver has said, of which each line tells of an error.
#include "remoting/base/log-history.h"
#include "softgpu/driver/entry.h"

#include <cuda.h>

#if CUDA_VERSION >= 12090

using namespace vgpu::soft::driver;
using vgpu::LogHistory;

SOFT_EXPORT CUresult CUDAAPI cuLogsRegisterCallback(CUlogsCallback function, void *data,
                                                    CUlogsCallbackHandle *handle)
{
    return bare_entry(__func__, [&] {
        require(function, CUDA_ERROR_INVALID_VALUE);
        void *got =
            LogHistory::get().add_callback(reinterpret_cast<LogHistory::Callback>(function), data);
        if (handle)
            *handle = static_cast<CUlogsCallbackHandle>(got);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLogsUnregisterCallback(CUlogsCallbackHandle handle)
{
    return bare_entry(__func__, [&] {
        require(handle && LogHistory::get().remove_callback(handle), CUDA_ERROR_INVALID_VALUE);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLogsCurrent(CUlogIterator *iterator, unsigned flags)
{
    return bare_entry(__func__, [&] {
        require(iterator && flags == 0, CUDA_ERROR_INVALID_VALUE);
        *iterator = LogHistory::get().end();
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLogsDumpToFile(CUlogIterator *iterator, const char *path,
                                              unsigned flags)
{
    return bare_entry(__func__, [&] {
        require(path && flags == 0 && LogHistory::get().dump(iterator, path),
                CUDA_ERROR_INVALID_VALUE);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLogsDumpToMemory(CUlogIterator *iterator, char *buffer, size_t *size,
                                                unsigned flags)
{
    return bare_entry(__func__, [&] {
        require(flags == 0 && LogHistory::get().dump(iterator, buffer, size),
                CUDA_ERROR_INVALID_VALUE);
    });
}

#endif
