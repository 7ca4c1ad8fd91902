// SPDX-License-Identifier: Apache-2.0
// Error codes: names and texts come from the headers, by generate.py.
#include "remoting/cudart/runtime.h"

namespace vgpu::cudart
{
namespace
{

struct Name {
    int code;
    const char *name;
    const char *text;
};

// In ascending order of code.
const Name names[] = {
#if CUDART_VERSION < 13000
#include "remoting/cudart/12/error-names.inc"
#else
#include "remoting/cudart/13/error-names.inc"
#endif
};

const Name *find(int code)
{
    int low = 0;
    int high = int(sizeof names / sizeof *names);
    while (low < high) {
        int middle = (low + high) / 2;
        if (names[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    const Name *end = names + sizeof names / sizeof *names;
    return names + low < end && names[low].code == code ? names + low : nullptr;
}

} // namespace

cudaError_t translate(CUresult result)
{
    if (result == CUDA_SUCCESS) [[likely]]
        return cudaSuccess;
    return find(int(result)) ? cudaError_t(result) : cudaErrorUnknown;
}

bool is_sticky(cudaError_t error)
{
    switch (int(error)) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
        return true;
    default:
        return false;
    }
}

} // namespace vgpu::cudart

using namespace vgpu::cudart;

extern "C" {

const char *cudaGetErrorName(cudaError_t error)
{
    const Name *name = find(int(error));
    return name ? name->name : "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t error)
{
    const Name *name = find(int(error));
    return name ? name->text : "unrecognized error code";
}

cudaError_t cudaGetLastError(void)
{
    return take_last_error();
}

cudaError_t cudaPeekAtLastError(void)
{
    return last_error();
}
}
