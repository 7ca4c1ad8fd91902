// SPDX-License-Identifier: Apache-2.0
// cuSPARSE: what the wrapper answers itself.
#include "remoting/libs/tabled.h"

using namespace vgpu::libs;

LIBRARY_ENTRY int cusparseGetStream(void *handle, CUstream *stream)
{
    if (!handle || object_of(handle)->type == 0)
        return the_library.not_initialized;
    if (!stream)
        return the_library.invalid;
    *stream = object_of(handle)->stream;
    return 0;
}

LIBRARY_ENTRY int cusparseGetPointerMode(void *handle, int *mode)
{
    if (!handle || object_of(handle)->type == 0)
        return the_library.not_initialized;
    if (!mode)
        return the_library.invalid;
    *mode = int(object_of(handle)->mode);
    return 0;
}

namespace
{

struct StatusText {
    const char *name;
    const char *text;
};
// By the status.
constexpr StatusText kStatuses[] = {
    {"CUSPARSE_STATUS_SUCCESS", "success"},
    {"CUSPARSE_STATUS_NOT_INITIALIZED", "initialization error"},
    {"CUSPARSE_STATUS_ALLOC_FAILED", "resource allocation failed"},
    {"CUSPARSE_STATUS_INVALID_VALUE", "invalid value"},
    {"CUSPARSE_STATUS_ARCH_MISMATCH", "device architecture mismatch"},
    {"CUSPARSE_STATUS_MAPPING_ERROR", "mapping error"},
    {"CUSPARSE_STATUS_EXECUTION_FAILED", "kernel launch failure"},
    {"CUSPARSE_STATUS_INTERNAL_ERROR", "internal error"},
    {"CUSPARSE_STATUS_MATRIX_TYPE_NOT_SUPPORTED", "matrix type not supported"},
    {"CUSPARSE_STATUS_ZERO_PIVOT", "zero pivot"},
    {"CUSPARSE_STATUS_NOT_SUPPORTED", "operation not supported"},
    {"CUSPARSE_STATUS_INSUFFICIENT_RESOURCES", "insufficient resources"},
};
constexpr StatusText kUnknown = {"unrecognized error code", "unrecognized error code"};

const StatusText &text_of(int status)
{
    return status >= 0 && size_t(status) < std::size(kStatuses) ? kStatuses[status] : kUnknown;
}

} // namespace

LIBRARY_ENTRY const char *cusparseGetErrorName(int status)
{
    return text_of(status).name;
}

LIBRARY_ENTRY const char *cusparseGetErrorString(int status)
{
    return text_of(status).text;
}
