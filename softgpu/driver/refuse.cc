// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/refuse.h"
#include "softgpu/driver/entry.h"
#include "softgpu/driver/log.h"

namespace vgpu::soft::driver
{

int refuse(const char *name, const char *why, std::atomic<bool> &said) noexcept
{
    if (!said.exchange(true))
        log("%s is not supported by the software GPU: %s", name, why);
    return CUDA_ERROR_NOT_SUPPORTED;
}

} // namespace vgpu::soft::driver

// The driver's private tables are not ours to have: every one is refused.
SOFT_EXPORT CUresult CUDAAPI cuGetExportTable(const void **table, const CUuuid *id)
{
    if (!table || !id)
        return CUDA_ERROR_INVALID_VALUE;
    *table = nullptr;
    return CUDA_ERROR_NOT_FOUND;
}
