// SPDX-License-Identifier: Apache-2.0
// Attributes of streams: what was set is known here, the worker is told.
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"
#include "remoting/client/wait.h"

#include <algorithm>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

constexpr CUstreamAttrID kSettable[] = {
    CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY,
    CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN};

bool settable(CUstreamAttrID attribute)
{
    return std::find(std::begin(kSettable), std::end(kSettable), attribute) != std::end(kSettable);
}

// Of a stream, of a thread's own as of one that was created; the driver's own belong to a context.
struct Key {
    uint64_t context;
    uint64_t stream;
};

// body(Session &, Key, priority)
template<class Body>
CUresult with_stream(CUstream stream, Body &&body)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!good_stream(session, stream))
            return CUDA_ERROR_INVALID_HANDLE;
        Stream *known = find_stream(session, stream);
        return body(session, Key{known ? known->context : context.id, api::id_of(stream)},
                    known ? known->priority : 0);
    });
}

CUresult set(Session &session, Key key, CUstreamAttrID attribute, const CUstreamAttrValue &value)
{
    auto stream = api::handle_of<CUstream>(key.stream);
    CUresult result =
        post_in(session, stream_word(session, current_word(), stream),
                api::Call::vgpuStreamAttribute, handle(stream), val(uint32_t(attribute)),
                api::InArray<unsigned char>::Client(reinterpret_cast<const unsigned char *>(&value),
                                                    sizeof value));
    if (result != CUDA_SUCCESS)
        return result;
    std::lock_guard lock(session.stream_attributes.mutex);
    session.stream_attributes.values[{key.context, key.stream, int(attribute)}] = value;
    return CUDA_SUCCESS;
}

} // namespace

VGPU_ENTRY cuStreamGetAttribute(CUstream stream, CUstreamAttrID attribute, CUstreamAttrValue *value)
{
    return with_stream(stream, [&](Session &session, Key key, int priority) -> CUresult {
        if (!value || (!settable(attribute) && attribute != CU_LAUNCH_ATTRIBUTE_PRIORITY))
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(session.stream_attributes.mutex);
        auto &values = session.stream_attributes.values;
        auto at = values.find({key.context, key.stream, int(attribute)});
        if (at != values.end()) {
            *value = at->second;
            return CUDA_SUCCESS;
        }
        *value = {};
        if (attribute == CU_LAUNCH_ATTRIBUTE_PRIORITY)
            value->priority = priority;
        else if (attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY)
            value->syncPolicy = CU_SYNC_POLICY_AUTO;
        else if (attribute == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP)
            value->memSyncDomainMap.remote = 1;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuStreamGetAttribute_ptsz(CUstream stream, CUstreamAttrID attribute,
                                     CUstreamAttrValue *value)
{
    return cuStreamGetAttribute(per_thread(stream), attribute, value);
}

VGPU_ENTRY cuStreamSetAttribute(CUstream stream, CUstreamAttrID attribute,
                                const CUstreamAttrValue *value)
{
    return with_stream(stream, [&](Session &session, Key key, int) -> CUresult {
        return value && settable(attribute) ? set(session, key, attribute, *value)
                                            : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuStreamSetAttribute_ptsz(CUstream stream, CUstreamAttrID attribute,
                                     const CUstreamAttrValue *value)
{
    return cuStreamSetAttribute(per_thread(stream), attribute, value);
}

VGPU_ENTRY cuStreamCopyAttributes(CUstream to, CUstream from)
{
    return with_stream(from, [&](Session &session, Key source, int) -> CUresult {
        return with_stream(to, [&](Session &, Key target, int) -> CUresult {
            for (CUstreamAttrID attribute : kSettable) {
                CUstreamAttrValue value{};
                {
                    std::lock_guard lock(session.stream_attributes.mutex);
                    auto &values = session.stream_attributes.values;
                    auto at = values.find({source.context, source.stream, int(attribute)});
                    if (at == values.end())
                        continue;
                    value = at->second;
                }
                CUresult result = set(session, target, attribute, value);
                if (result != CUDA_SUCCESS)
                    return result;
            }
            return CUDA_SUCCESS;
        });
    });
}

VGPU_ENTRY cuStreamCopyAttributes_ptsz(CUstream to, CUstream from)
{
    return cuStreamCopyAttributes(per_thread(to), per_thread(from));
}
