// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress: honest in name, version and variant. Works before cuInit, as the driver's does.
#include "remoting/client/proc-address.h"

#include "remoting/client/entry.h"

using namespace vgpu::client;

VGPU_ENTRY cuGetProcAddress_v2(const char *symbol, void **function, int version, cuuint64_t flags,
                               CUdriverProcAddressQueryResult *status)
{
    constexpr cuuint64_t kKnown =
        CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
    if (!symbol || !function || version < 0 || (flags & ~kKnown) != 0 ||
        flags == kKnown)
        return CUDA_ERROR_INVALID_VALUE;
    *function = nullptr;
    const Procedure *found = nullptr;
    CUdriverProcAddressQueryResult outcome = CU_GET_PROC_ADDRESS_SUCCESS;
    switch (find_procedure(symbol, version, flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM,
                           found)) {
    case Lookup::found:
        *function = reinterpret_cast<void *>(found->address);
        break;
    case Lookup::too_new:
        outcome = CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT;
        break;
    case Lookup::unknown:
        outcome = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
        break;
    }
    if (status)
        *status = outcome;
    return found ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

VGPU_ENTRY cuGetProcAddress(const char *symbol, void **function, int version, cuuint64_t flags)
{
    return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}
