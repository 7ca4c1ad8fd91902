// SPDX-License-Identifier: Apache-2.0
// Texture and surface references: they are the driver's on the worker. What is looked at is
// remembered here, since it is asked for by this process's handles.
#include "remoting/client/call.h"
#include "remoting/client/entry.h"
#include "remoting/client/remote.h"

using namespace vgpu::client;
namespace api = vgpu::api;

namespace
{

// What a reference was last given; nothing if that failed.
template<class H>
CUresult remember(CUresult result, H handle, LooksAt at)
{
    return result != CUDA_SUCCESS ? result : entry([&](Session &session) {
        session.references.add(api::id_of(handle), std::make_shared<LooksAt>(at));
        return CUDA_SUCCESS;
    });
}

template<class H, class Out>
CUresult recall(H handle, Out *out, Out LooksAt::*what)
{
    return entry([&](Session &session) -> CUresult {
        if (!out)
            return CUDA_ERROR_INVALID_VALUE;
        auto known = session.references.find(api::id_of(handle));
        if (!known) { // a reference that was given nothing, or none at all
            unsigned flags;
            CUresult result = CUDA_ERROR_INVALID_HANDLE;
            if constexpr (std::is_same_v<H, CUtexref>)
                result = cuTexRefGetFlags(&flags, handle);
            return result == CUDA_SUCCESS ? CUDA_ERROR_INVALID_VALUE : result;
        }
        if (!((*known).*what))
            return CUDA_ERROR_INVALID_VALUE;
        *out = (*known).*what;
        return CUDA_SUCCESS;
    });
}

} // namespace

VGPU_ENTRY cuTexRefSetArray(CUtexref texref, CUarray array, unsigned flags)
{
    return remember(remote::cuTexRefSetArray(texref, array, flags), texref, {array, nullptr});
}

VGPU_ENTRY cuTexRefSetMipmappedArray(CUtexref texref, CUmipmappedArray mipmap, unsigned flags)
{
    return remember(remote::cuTexRefSetMipmappedArray(texref, mipmap, flags), texref,
                    {nullptr, mipmap});
}

VGPU_ENTRY cuTexRefSetAddress_v2(size_t *offset, CUtexref texref, CUdeviceptr address, size_t bytes)
{
    return remember(remote::cuTexRefSetAddress_v2(offset, texref, address, bytes), texref, {});
}

VGPU_ENTRY cuTexRefSetAddress2D_v3(CUtexref texref, const CUDA_ARRAY_DESCRIPTOR *description,
                                   CUdeviceptr address, size_t pitch)
{
    return remember(remote::cuTexRefSetAddress2D_v3(texref, description, address, pitch), texref,
                    {});
}

VGPU_ENTRY cuSurfRefSetArray(CUsurfref surfref, CUarray array, unsigned flags)
{
    return remember(remote::cuSurfRefSetArray(surfref, array, flags), surfref, {array, nullptr});
}

VGPU_ENTRY cuTexRefGetArray(CUarray *array, CUtexref texref)
{
    return recall(texref, array, &LooksAt::array);
}

VGPU_ENTRY cuTexRefGetMipmappedArray(CUmipmappedArray *mipmap, CUtexref texref)
{
    return recall(texref, mipmap, &LooksAt::mipmap);
}

VGPU_ENTRY cuSurfRefGetArray(CUarray *array, CUsurfref surfref)
{
    return recall(surfref, array, &LooksAt::array);
}

VGPU_ENTRY cuTexRefSetBorderColor(CUtexref texref, float *colour)
{
    return remote::vgpuTexrefSetBorder(texref, colour, 4);
}

VGPU_ENTRY cuTexRefGetBorderColor(float *colour, CUtexref texref)
{
    return remote::vgpuTexrefBorder(texref, colour, 4);
}
