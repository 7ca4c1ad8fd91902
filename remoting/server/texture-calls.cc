// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects. The driver's are numbers, which kernels are given; the client names
// them by ids of its own.
#include "remoting/server/calls.h"

namespace vgpu::server::calls
{
namespace
{

// make(&object) is the driver's.
template<class Make>
CUresult create(Session &session, api::Kind kind, uint64_t id, uint64_t *object, Make &&make)
{
    if (!session.contexts.current())
        return CUDA_ERROR_INVALID_CONTEXT;
    if (CUresult result = session.handles.claim(kind, id); result != CUDA_SUCCESS)
        return result;
    unsigned long long made = 0;
    CUresult result = make(&made);
    if (result != CUDA_SUCCESS)
        return result;
    session.handles.add(id, reinterpret_cast<void *>(made), 0);
    *object = made;
    return CUDA_SUCCESS;
}

CUresult end(Session &session, api::Kind kind, uint64_t id,
             CUresult(CUDAAPI *destroy)(unsigned long long))
{
    void *object = nullptr;
    CUresult result = session.handles.find(kind, id, object);
    if (result == CUDA_SUCCESS)
        result = destroy ? destroy(reinterpret_cast<uint64_t>(object)) : CUDA_ERROR_NOT_SUPPORTED;
    if (result == CUDA_SUCCESS)
        session.handles.remove(id);
    return result;
}

} // namespace

CUresult vgpuTextureCreate(Session &session, uint64_t texture, uint64_t *object,
                           const CUDA_RESOURCE_DESC *resource, const CUDA_TEXTURE_DESC *description,
                           const CUDA_RESOURCE_VIEW_DESC *view)
{
    auto make = session.driver.cuTexObjectCreate;
    if (!make)
        return CUDA_ERROR_NOT_SUPPORTED;
    return create(session, api::Kind::texture, texture, object,
                  [&](CUtexObject *made) { return make(made, resource, description, view); });
}

CUresult vgpuTextureDestroy(Session &session, uint64_t texture)
{
    return end(session, api::Kind::texture, texture, session.driver.cuTexObjectDestroy);
}

CUresult vgpuSurfaceCreate(Session &session, uint64_t surface, uint64_t *object,
                           const CUDA_RESOURCE_DESC *resource)
{
    auto make = session.driver.cuSurfObjectCreate;
    if (!make)
        return CUDA_ERROR_NOT_SUPPORTED;
    return create(session, api::Kind::surface, surface, object,
                  [&](CUsurfObject *made) { return make(made, resource); });
}

CUresult vgpuSurfaceDestroy(Session &session, uint64_t surface)
{
    return end(session, api::Kind::surface, surface, session.driver.cuSurfObjectDestroy);
}

} // namespace vgpu::server::calls
