// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/entry.h"

#include <cctype>
#include <map>
#include <string>

namespace
{

struct Error {
    const char *name;
    std::string text;
};

/// "CUDA_ERROR_OUT_OF_MEMORY" says "out of memory".
std::string words(std::string name)
{
    const std::string prefix = "CUDA_ERROR_";
    if (name.compare(0, prefix.size(), prefix) == 0)
        name.erase(0, prefix.size());
    for (char &letter : name)
        letter = letter == '_' ? ' ' : static_cast<char>(tolower(letter));
    return name;
}

const std::map<int, Error> &errors()
{
    static const auto &all = *new std::map<int, Error>([] {
        std::map<int, Error> made{
#define SOFT_ERROR(name) {name, {#name, words(#name)}},
#include "softgpu/driver/error-table.inc"
        };
        // Where programs and people expect other words than the name's.
        const std::pair<int, const char *> usual[] = {
            {CUDA_SUCCESS, "no error"},
            {CUDA_ERROR_INVALID_VALUE, "invalid argument"},
            {CUDA_ERROR_NOT_INITIALIZED, "initialization error"},
            {CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"},
            {CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"},
            {CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid"},
            {CUDA_ERROR_INVALID_CONTEXT, "invalid device context"},
            {CUDA_ERROR_NO_BINARY_FOR_GPU,
             "no kernel image is available for execution on the device"},
            {CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed"},
            {CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"},
            {CUDA_ERROR_NOT_FOUND, "named symbol not found"},
            {CUDA_ERROR_NOT_READY, "device not ready"},
            {CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"},
            {CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"},
            {CUDA_ERROR_LAUNCH_TIMEOUT, "the launch timed out and was terminated"},
            {CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, "peer access is already enabled"},
            {CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, "peer access has not been enabled"},
            {CUDA_ERROR_ASSERT, "device-side assert triggered"},
            {CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction was encountered"},
            {CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address"},
            {CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"},
            {CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch"},
            {CUDA_ERROR_NOT_PERMITTED, "operation not permitted"},
            {CUDA_ERROR_NOT_SUPPORTED, "operation not supported"},
            {CUDA_ERROR_UNKNOWN, "unknown error"},
        };
        for (auto &[code, text] : usual)
            made[code].text = text;
        return made;
    }());
    return all;
}

} // namespace

SOFT_EXPORT CUresult CUDAAPI cuGetErrorName(CUresult error, const char **name)
{
    auto it = errors().find(error);
    if (!name)
        return CUDA_ERROR_INVALID_VALUE;
    *name = it == errors().end() ? nullptr : it->second.name;
    return *name ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

SOFT_EXPORT CUresult CUDAAPI cuGetErrorString(CUresult error, const char **text)
{
    auto it = errors().find(error);
    if (!text)
        return CUDA_ERROR_INVALID_VALUE;
    *text = it == errors().end() ? nullptr : it->second.text.c_str();
    return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
