// SPDX-License-Identifier: Apache-2.0
// What the driver has said lately; CUDA 13 gave the runtime these.
#include "remoting/cudart/runtime.h"

#if CUDART_VERSION >= 13000

using namespace vgpu::cudart;

extern "C" {

cudaError_t cudaLogsRegisterCallback(cudaLogsCallback_t function, void *data,
                                     cudaLogsCallbackHandle *handle)
{
    return call(driver().cuLogsRegisterCallback, reinterpret_cast<CUlogsCallback>(function), data,
                handle);
}

cudaError_t cudaLogsUnregisterCallback(cudaLogsCallbackHandle handle)
{
    return call(driver().cuLogsUnregisterCallback, handle);
}

cudaError_t cudaLogsCurrent(cudaLogIterator *iterator, unsigned flags)
{
    return call(driver().cuLogsCurrent, iterator, flags);
}

cudaError_t cudaLogsDumpToFile(cudaLogIterator *iterator, const char *path, unsigned flags)
{
    return call(driver().cuLogsDumpToFile, iterator, path, flags);
}

cudaError_t cudaLogsDumpToMemory(cudaLogIterator *iterator, char *buffer, size_t *size,
                                 unsigned flags)
{
    return call(driver().cuLogsDumpToMemory, iterator, buffer, size, flags);
}

} // extern "C"

#endif
