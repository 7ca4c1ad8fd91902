// SPDX-License-Identifier: Apache-2.0
// What the recording cuBLASLt writes of its own kinds of parameters.
#pragma once

#include "remoting/libs/cublaslt-descriptors.h"
#include "remoting/libs/record.h"

namespace vgpu::record
{

namespace lt = vgpu::api::lt;

inline null::Said said(lt::Kind kind, const void *descriptor)
{
    return {cublaslt::text_of(kind, descriptor)};
}

inline null::Said said_factor(lt::Kind kind, const void *descriptor, const void *at, bool beta)
{
    if (!descriptor)
        return {"unknown"};
    lt::Factor factor(kind, cublaslt::data_of(descriptor), beta);
    return {factor.on_host ? null::text(null::Exact{at, factor.bytes}) : null::text(at)};
}

} // namespace vgpu::record
