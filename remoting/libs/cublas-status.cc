// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/cublas-status.h"

namespace vgpu::cublas
{
namespace
{

struct StatusText {
    int status;
    const char *name;
    const char *text;
};
constexpr StatusText kStatuses[] = {
    {0, "CUBLAS_STATUS_SUCCESS", "success"},
    {1, "CUBLAS_STATUS_NOT_INITIALIZED", "the library was not initialized"},
    {3, "CUBLAS_STATUS_ALLOC_FAILED", "the resource allocation failed"},
    {7, "CUBLAS_STATUS_INVALID_VALUE", "an invalid value was used as an argument"},
    {8, "CUBLAS_STATUS_ARCH_MISMATCH", "an absent device architectural feature is required"},
    {11, "CUBLAS_STATUS_MAPPING_ERROR", "an access to GPU memory space failed"},
    {13, "CUBLAS_STATUS_EXECUTION_FAILED", "the GPU program failed to execute"},
    {14, "CUBLAS_STATUS_INTERNAL_ERROR", "an internal operation failed"},
    {15, "CUBLAS_STATUS_NOT_SUPPORTED", "the functionality requested is not supported"},
    {16, "CUBLAS_STATUS_LICENSE_ERROR", "an error was detected when checking the license"},
};

const StatusText *find_status(int status)
{
    for (const StatusText &one : kStatuses)
        if (one.status == status)
            return &one;
    return nullptr;
}

} // namespace

const char *status_name(int status) noexcept
{
    const StatusText *found = find_status(status);
    return found ? found->name : "CUBLAS_STATUS_UNKNOWN";
}

const char *status_text(int status) noexcept
{
    const StatusText *found = find_status(status);
    return found ? found->text : "unknown status";
}

} // namespace vgpu::cublas
