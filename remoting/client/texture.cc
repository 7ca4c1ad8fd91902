// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects. What the application holds is the driver's own number, since kernels
// are given it among their parameters; the worker knows each by an id beside that, and what it was
// made of is remembered here.
#include "remoting/api/array-format.h"
#include "remoting/api/resource.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <algorithm>

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

// The driver looks at allocations only as large as the worker's are, which have several in one.
bool in_allocation(Session &session, CUdeviceptr address, uint64_t bytes)
{
    auto range = session.ranges.find(address);
    if (!range)
        return !session.window().holds(address); // else for the worker's driver to judge
    return range->kind != Range::Kind::registered && bytes <= session.ranges.room(*range, address);
}

CUresult check_resource(Session &session, const CUDA_RESOURCE_DESC &it)
{
    switch (it.resType) {
    case CU_RESOURCE_TYPE_ARRAY:
        return session.arrays.has(api::id_of(it.res.array.hArray)) ? CUDA_SUCCESS
                                                                   : CUDA_ERROR_INVALID_HANDLE;
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
        return session.mipmaps.has(api::id_of(it.res.mipmap.hMipmappedArray))
                   ? CUDA_SUCCESS
                   : CUDA_ERROR_INVALID_HANDLE;
    case CU_RESOURCE_TYPE_LINEAR:
        return in_allocation(session, it.res.linear.devPtr, it.res.linear.sizeInBytes)
                   ? CUDA_SUCCESS
                   : CUDA_ERROR_INVALID_VALUE;
    case CU_RESOURCE_TYPE_PITCH2D: {
        auto &plane = it.res.pitch2D;
        uint64_t row, bytes;
        uint64_t element = std::max(1u, api::element_bytes(plane.format, plane.numChannels));
        if (plane.height == 0 || __builtin_mul_overflow(plane.width, element, &row) ||
            __builtin_mul_overflow(plane.height - 1, plane.pitchInBytes, &bytes) ||
            __builtin_add_overflow(bytes, row, &bytes))
            return CUDA_ERROR_INVALID_VALUE;
        return in_allocation(session, plane.devPtr, bytes) ? CUDA_SUCCESS
                                                           : CUDA_ERROR_INVALID_VALUE;
    }
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

uint64_t current_id()
{
    const Context *context = current_context();
    return context ? context->id : 0;
}

// make(id, &object) asks the worker.
template<class Make>
CUresult create(Session &session, Context &context, api::Kind kind, Looks &table,
                std::shared_ptr<Look> look, Make &&make)
{
    if (CUresult result = check_resource(session, look->resource); result != CUDA_SUCCESS)
        return result;
    look->context = context.id;
    look->id = session.new_id(kind);
    uint64_t object = 0;
    CUresult result = make(look->id, &object);
    if (result == CUDA_SUCCESS)
        table.add(object, std::move(look));
    return result;
}

} // namespace

VGPU_ENTRY cuTexObjectCreate(CUtexObject *object, const CUDA_RESOURCE_DESC *resource,
                             const CUDA_TEXTURE_DESC *description,
                             const CUDA_RESOURCE_VIEW_DESC *view)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!object || !resource || !description)
            return CUDA_ERROR_INVALID_VALUE;
        auto look = std::make_shared<Look>();
        look->resource = *resource;
        look->description = *description;
        if (view)
            look->view = *view;
        look->viewed = view;
        return create(session, context, api::Kind::texture, session.textures, std::move(look),
                      [&](uint64_t id, uint64_t *made) {
                          CUresult result =
                              remote::vgpuTextureCreate(id, made, resource, description, view);
                          if (result == CUDA_SUCCESS)
                              *object = *made;
                          return result;
                      });
    });
}

VGPU_ENTRY cuTexObjectDestroy(CUtexObject object)
{
    return entry([&](Session &session) -> CUresult {
        auto look = session.textures.remove(object, current_id());
        return look ? remote::vgpuTextureDestroy(look->id) : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC *resource, CUtexObject object)
{
    return entry([&](Session &session) -> CUresult {
        auto look = session.textures.find(object, current_id());
        if (!resource || !look)
            return CUDA_ERROR_INVALID_VALUE;
        *resource = look->resource;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC *description, CUtexObject object)
{
    return entry([&](Session &session) -> CUresult {
        auto look = session.textures.find(object, current_id());
        if (!description || !look)
            return CUDA_ERROR_INVALID_VALUE;
        *description = look->description;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC *view, CUtexObject object)
{
    return entry([&](Session &session) -> CUresult {
        auto look = session.textures.find(object, current_id());
        if (!view || !look || !look->viewed)
            return CUDA_ERROR_INVALID_VALUE;
        *view = look->view;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuSurfObjectCreate(CUsurfObject *object, const CUDA_RESOURCE_DESC *resource)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!object || !resource || resource->resType != CU_RESOURCE_TYPE_ARRAY)
            return CUDA_ERROR_INVALID_VALUE;
        auto look = std::make_shared<Look>();
        look->resource = *resource;
        return create(session, context, api::Kind::surface, session.surfaces, std::move(look),
                      [&](uint64_t id, uint64_t *made) {
                          CUresult result = remote::vgpuSurfaceCreate(id, made, resource);
                          if (result == CUDA_SUCCESS)
                              *object = *made;
                          return result;
                      });
    });
}

VGPU_ENTRY cuSurfObjectDestroy(CUsurfObject object)
{
    return entry([&](Session &session) -> CUresult {
        auto look = session.surfaces.remove(object, current_id());
        return look ? remote::vgpuSurfaceDestroy(look->id) : CUDA_ERROR_INVALID_VALUE;
    });
}

VGPU_ENTRY cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC *resource, CUsurfObject object)
{
    return entry([&](Session &session) -> CUresult {
        auto look = session.surfaces.find(object, current_id());
        if (!resource || !look)
            return CUDA_ERROR_INVALID_VALUE;
        *resource = look->resource;
        return CUDA_SUCCESS;
    });
}
