// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/errors.h"

#include "remoting/client/entry.h"

#include <algorithm>
#include <iterator>

namespace vgpu::client
{
namespace
{

struct Row {
    int number;
    ErrorText text;
};

// In the header's order, which is ascending; the test sees to that.
constexpr Row kRows[] = {
#include "remoting/client/errors.inc"
};

} // namespace

const ErrorText *error_text(CUresult result) noexcept
{
    auto row = std::lower_bound(std::begin(kRows), std::end(kRows), int(result),
                                [](const Row &row, int number) { return row.number < number; });
    return row != std::end(kRows) && row->number == int(result) ? &row->text : nullptr;
}

const char *error_name(CUresult result) noexcept
{
    auto text = error_text(result);
    return text ? text->name : "an unknown CUresult";
}

} // namespace vgpu::client

using namespace vgpu::client;

// Both work without a session, and name an unknown error by a null pointer, as the driver does.
VGPU_ENTRY cuGetErrorName(CUresult error, const char **name)
{
    if (!name)
        return CUDA_ERROR_INVALID_VALUE;
    auto text = error_text(error);
    *name = text ? text->name : nullptr;
    return text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

VGPU_ENTRY cuGetErrorString(CUresult error, const char **description)
{
    if (!description)
        return CUDA_ERROR_INVALID_VALUE;
    auto text = error_text(error);
    *description = text ? text->description : nullptr;
    return text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
