// SPDX-License-Identifier: Apache-2.0
// What each of our cuDNN libraries answers by itself.
#include <cuda.h>

#include <cstddef>
#include <initializer_list>

#define ENTRY extern "C" __attribute__((visibility("default")))

extern "C" int cudnnGetProperty(int type, void *value);

ENTRY size_t cudnnGetVersion()
{
    int parts[3] = {};
    for (int i : {0, 1, 2})
        if (cudnnGetProperty(i, &parts[i]) != 0)
            return 0;
    return size_t(parts[0]) * 10000 + size_t(parts[1]) * 100 + size_t(parts[2]);
}

ENTRY size_t cudnnGetCudartVersion()
{
    return CUDA_VERSION;
}

namespace
{

struct Name {
    int status;
    const char *name;
};
// By category, the thousands, where it has no name of its own here.
constexpr Name kNames[] = {
    {0, "CUDNN_STATUS_SUCCESS"},
    {1001, "CUDNN_STATUS_NOT_INITIALIZED"},
    {2000, "CUDNN_STATUS_BAD_PARAM"},
    {2002, "CUDNN_STATUS_BAD_PARAM_NULL_POINTER"},
    {2004, "CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED"},
    {2008, "CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH"},
    {3000, "CUDNN_STATUS_NOT_SUPPORTED"},
    {3001, "CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN"},
    {3002, "CUDNN_STATUS_NOT_SUPPORTED_SHAPE"},
    {3003, "CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE"},
    {3004, "CUDNN_STATUS_NOT_SUPPORTED_LAYOUT"},
    {3007, "CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH"},
    {4000, "CUDNN_STATUS_INTERNAL_ERROR"},
    {4003, "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"},
    {4004, "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"},
    {5000, "CUDNN_STATUS_EXECUTION_FAILED"},
};

} // namespace

ENTRY const char *cudnnGetErrorString(int status)
{
    for (int wanted : {status, status / 1000 * 1000})
        for (const Name &one : kNames)
            if (one.status == wanted)
                return one.name;
    return "CUDNN_UNKNOWN_STATUS";
}

// More than the status is known beside the worker alone, and is in its log.
ENTRY void cudnnGetLastErrorString(char *message, size_t room)
{
    if (message && room)
        *message = '\0';
}

ENTRY int cudnnQueryRuntimeError(void *handle, int *status, int, void *)
{
    constexpr int kNull = 2002;
    if (!handle || !status)
        return kNull;
    *status = 0;
    return 0;
}

ENTRY int cudnnGetCallback(unsigned *mask, void **data, void **callback)
{
    if (mask)
        *mask = 0;
    for (void **one : {data, callback})
        if (one)
            *one = nullptr;
    return 0;
}
