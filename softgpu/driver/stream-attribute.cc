// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/stream.h"

#include <algorithm>

// Attributes of streams. Those that say how caches and memory domains are to be used are kept and
// given back; they change nothing here.

namespace vgpu::soft::driver
{
namespace
{

bool known(CUstreamAttrID attribute)
{
    return attribute == CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW ||
           attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY ||
           attribute == CU_LAUNCH_ATTRIBUTE_PRIORITY ||
           attribute == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP ||
           attribute == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN;
}

} // namespace

CUstreamAttrValue Stream::attribute(CUstreamAttrID which) const
{
    require(known(which));
    std::lock_guard hold(lock_);
    auto it = attributes_.find(which);
    if (it != attributes_.end())
        return it->second;
    CUstreamAttrValue value{};
    if (which == CU_LAUNCH_ATTRIBUTE_PRIORITY)
        value.priority = priority;
    if (which == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY)
        value.syncPolicy = CU_SYNC_POLICY_AUTO;
    if (which == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP)
        value.memSyncDomainMap.remote = 1;
    return value;
}

void Stream::set_attribute(CUstreamAttrID which, const CUstreamAttrValue &value)
{
    require(known(which) && which != CU_LAUNCH_ATTRIBUTE_PRIORITY);
    std::lock_guard hold(lock_);
    attributes_[which] = value;
}

void Stream::copy_attributes(const Stream &other)
{
    if (&other == this)
        return;
    std::scoped_lock hold(lock_, other.lock_);
    attributes_ = other.attributes_;
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuStreamGetAttribute(CUstream stream, CUstreamAttrID attribute,
                                                  CUstreamAttrValue *value)
{
    ENTRY({
        require(value != nullptr);
        *value = stream_of(stream, *current::get())->attribute(attribute);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamSetAttribute(CUstream stream, CUstreamAttrID attribute,
                                                  const CUstreamAttrValue *value)
{
    ENTRY({
        require(value != nullptr);
        stream_of(stream, *current::get())->set_attribute(attribute, *value);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuStreamCopyAttributes(CUstream to, CUstream from)
{
    ENTRY({
        auto here = current::get();
        stream_of(to, *here)->copy_attributes(*stream_of(from, *here));
    });
}
