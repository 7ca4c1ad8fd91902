// SPDX-License-Identifier: Apache-2.0
// CUDA arrays and mipmapped arrays: made on the worker, described at home.
#include "remoting/client/array.h"
#include "remoting/api/array-format.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

#include <algorithm>
#include <bit>

namespace vgpu::client
{
namespace
{

std::shared_ptr<Array> note_array(Session &session, CUarray handle, uint64_t context,
                                  const CUDA_ARRAY3D_DESCRIPTOR &description, uint64_t owner)
{
    auto array = std::make_shared<Array>();
    array->context = context;
    array->owner = owner;
    array->description = description;
    array->element = api::element_bytes(description.Format, description.NumChannels);
    return session.arrays.add(api::id_of(handle), array);
}

uint32_t word_of(uint64_t context)
{
    return uint32_t(api::counter_of(context));
}

CUresult create_array(CUarray *handle, const CUDA_ARRAY3D_DESCRIPTOR &description)
{
    return entry_in_context([&](Session &session, Context &context) {
        CUarray made = nullptr;
        CUresult result = remote::cuArray3DCreate_v2(&made, &description);
        if (result == CUDA_SUCCESS) {
            note_array(session, made, context.id, description, 0);
            *handle = made;
        }
        return result;
    });
}

// body(Array &)
template<class Body>
CUresult with_array(CUarray handle, Body &&body)
{
    return entry([&](Session &session) -> CUresult {
        auto array = session.arrays.find(api::id_of(handle));
        return array ? body(session, *array) : CUDA_ERROR_INVALID_HANDLE;
    });
}

// The driver makes no more levels than there are sizes; layers are in all of them.
bool is_layered(const CUDA_ARRAY3D_DESCRIPTOR &it)
{
    return it.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP);
}

unsigned most_levels(const CUDA_ARRAY3D_DESCRIPTOR &it)
{
    size_t largest = std::max({it.Width, it.Height, is_layered(it) ? 0 : it.Depth});
    return unsigned(std::bit_width(largest));
}

CUDA_ARRAY3D_DESCRIPTOR level_of(CUDA_ARRAY3D_DESCRIPTOR it, unsigned level)
{
    auto smaller = [&](size_t size) { return size ? std::max<size_t>(size >> level, 1) : 0; };
    it.Width = smaller(it.Width);
    it.Height = smaller(it.Height);
    if (!is_layered(it))
        it.Depth = smaller(it.Depth);
    return it;
}

} // namespace

CUresult find_in_array(Session &session, CUarray handle, uint64_t x, uint64_t y, uint64_t z,
                       const Box &box, End &end)
{
    auto array = session.arrays.find(api::id_of(handle));
    if (!array)
        return CUDA_ERROR_INVALID_HANDLE;
    end = {};
    end.hint = Hint::array;
    end.place = {api::id_of(handle), array->context, x, y, z, array->element != 0};
    if (!array->element)
        return CUDA_SUCCESS;
    auto &it = array->description;
    auto outside = [](uint64_t begin, uint64_t n, uint64_t size) {
        return begin > size || n > size - begin;
    };
    if (x % array->element != 0 || box.width % array->element != 0 ||
        outside(x, box.width, uint64_t(it.Width) * array->element) ||
        outside(y, box.rows, std::max<size_t>(it.Height, 1)) ||
        outside(z, box.depth, std::max<size_t>(it.Depth, 1)))
        return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

} // namespace vgpu::client

using namespace vgpu::client;
namespace api = vgpu::api;

VGPU_ENTRY cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *description)
{
    if (!array || !description)
        return CUDA_ERROR_INVALID_VALUE;
    return create_array(array, {description->Width, description->Height, 0, description->Format,
                                description->NumChannels, 0});
}

VGPU_ENTRY cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *description)
{
    if (!array || !description)
        return CUDA_ERROR_INVALID_VALUE;
    return create_array(array, *description);
}

VGPU_ENTRY cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR *description, CUarray handle)
{
    if (!description)
        return CUDA_ERROR_INVALID_VALUE;
    return with_array(handle, [&](Session &, Array &array) {
        auto &it = array.description;
        *description = {it.Width, it.Height, it.Format, it.NumChannels};
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR *description, CUarray handle)
{
    if (!description)
        return CUDA_ERROR_INVALID_VALUE;
    return with_array(handle, [&](Session &, Array &array) {
        *description = array.description;
        return CUDA_SUCCESS;
    });
}

// Copies and textures that use it and are under way are waited for by the worker.
VGPU_ENTRY cuArrayDestroy(CUarray handle)
{
    return with_array(handle, [&](Session &session, Array &array) -> CUresult {
        if (array.owner)
            return CUDA_ERROR_INVALID_VALUE; // it goes with what it is a part of
        uint64_t id = api::id_of(handle);
        if (!session.arrays.remove(id))
            return CUDA_ERROR_INVALID_HANDLE; // another thread was first
        for (auto &[index, plane] : array.planes)
            session.arrays.remove(plane);
        return remote::cuArrayDestroy(handle);
    });
}

// Which formats have planes, and what these are, the driver knows.
VGPU_ENTRY cuArrayGetPlane(CUarray *plane, CUarray handle, unsigned index)
{
    return with_array(handle, [&](Session &session, Array &array) -> CUresult {
        if (!plane)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(array.mutex);
        if (auto known = array.planes.find(index); known != array.planes.end()) {
            *plane = api::handle_of<CUarray>(known->second);
            return CUDA_SUCCESS;
        }
        if (array.element)
            return CUDA_ERROR_INVALID_VALUE;
        CUarray made = nullptr;
        CUDA_ARRAY3D_DESCRIPTOR description{};
        uint32_t word = word_of(array.context);
        CUresult result = call_in(session, word, api::Call::cuArrayGetPlane,
                                  api::New<CUarray>::Client{&made, new_id(api::Kind::array)},
                                  vgpu::client::handle(handle), val(index));
        if (result == CUDA_SUCCESS)
            result = call_in(session, word, api::Call::cuArray3DGetDescriptor_v2, out(&description),
                             vgpu::client::handle(made));
        if (result != CUDA_SUCCESS)
            return result;
        note_array(session, made, array.context, description, api::id_of(handle));
        array.planes[index] = api::id_of(made);
        *plane = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMipmappedArrayCreate(CUmipmappedArray *handle,
                                  const CUDA_ARRAY3D_DESCRIPTOR *description, unsigned levels)
{
    return entry_in_context([&](Session &session, Context &context) -> CUresult {
        if (!handle || !description || levels == 0)
            return CUDA_ERROR_INVALID_VALUE;
        CUmipmappedArray made = nullptr;
        CUresult result = remote::cuMipmappedArrayCreate(&made, description, levels);
        if (result != CUDA_SUCCESS)
            return result;
        auto mipmap = std::make_shared<Mipmap>();
        mipmap->context = context.id;
        mipmap->description = *description;
        mipmap->levels = std::clamp(levels, 1u, most_levels(*description));
        session.mipmaps.add(api::id_of(made), mipmap);
        *handle = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMipmappedArrayGetLevel(CUarray *level, CUmipmappedArray handle, unsigned index)
{
    return entry([&](Session &session) -> CUresult {
        auto mipmap = session.mipmaps.find(api::id_of(handle));
        if (!mipmap)
            return CUDA_ERROR_INVALID_HANDLE;
        if (!level || index >= mipmap->levels)
            return CUDA_ERROR_INVALID_VALUE;
        std::lock_guard lock(mipmap->mutex);
        if (auto known = mipmap->arrays.find(index); known != mipmap->arrays.end()) {
            *level = api::handle_of<CUarray>(known->second);
            return CUDA_SUCCESS;
        }
        CUarray made = nullptr;
        CUresult result =
            post_in(session, word_of(mipmap->context), api::Call::cuMipmappedArrayGetLevel,
                    api::New<CUarray>::Client{&made, new_id(api::Kind::array)},
                    vgpu::client::handle(handle), val(index));
        if (result != CUDA_SUCCESS)
            return result;
        note_array(session, made, mipmap->context, level_of(mipmap->description, index),
                   api::id_of(handle));
        mipmap->arrays[index] = api::id_of(made);
        *level = made;
        return CUDA_SUCCESS;
    });
}

VGPU_ENTRY cuMipmappedArrayDestroy(CUmipmappedArray handle)
{
    return entry([&](Session &session) -> CUresult {
        auto mipmap = session.mipmaps.remove(api::id_of(handle));
        if (!mipmap)
            return CUDA_ERROR_INVALID_HANDLE;
        std::lock_guard lock(mipmap->mutex);
        for (auto &[index, level] : mipmap->arrays)
            session.arrays.remove(level);
        return remote::cuMipmappedArrayDestroy(handle);
    });
}
