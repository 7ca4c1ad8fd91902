// SPDX-License-Identifier: Apache-2.0
// Arrays and mipmapped arrays: charged before the driver makes them, given back when it has let go
// of them.
#include "remoting/server/array-bytes.h"
#include "remoting/server/calls.h"

#include <bit>
#include <cstring>

namespace vgpu::server::calls
{
namespace
{

constexpr auto kArray = Memory::Held::array;

// What the driver says an array takes, where it says so.
CUresult measure(const Driver &driver, CUarray array, CUdevice device, uint64_t &bytes)
{
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs{};
    CUresult result = driver.cuArrayGetMemoryRequirements
                          ? driver.cuArrayGetMemoryRequirements(&needs, array, device)
                          : CUDA_ERROR_NOT_SUPPORTED;
    bytes = needs.size;
    return result;
}

CUresult measure(const Driver &driver, CUmipmappedArray mipmap, CUdevice device, uint64_t &bytes)
{
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs{};
    CUresult result = driver.cuMipmappedArrayGetMemoryRequirements
                          ? driver.cuMipmappedArrayGetMemoryRequirements(&needs, mipmap, device)
                          : CUDA_ERROR_NOT_SUPPORTED;
    bytes = needs.size;
    return result;
}

// make(&handle) and destroy(handle) are the driver's.
template<class H, class Make, class Destroy>
CUresult create(Session &session, H *handle, std::optional<uint64_t> expected, Make &&make,
                Destroy &&destroy)
{
    Context *context = session.contexts.current();
    if (!context)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (!expected)
        return CUDA_ERROR_INVALID_VALUE;
    const uint64_t bytes = *expected;
    Memory &memory = session.memory;
    if (!memory.hold(context->slice, context->word, kArray, 0, bytes))
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = make(handle);
    uint64_t taken = 0;
    if (result == CUDA_SUCCESS && bytes != 0 &&
        measure(session.driver, *handle, session.slices[context->slice].device, taken) ==
            CUDA_SUCCESS &&
        taken != 0 && !memory.hold(context->slice, context->word, kArray, 0, taken)) {
        destroy(*handle);
        result = CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (result == CUDA_SUCCESS)
        memory.name_held(context->word, kArray, uint64_t(*handle));
    else
        memory.hold(context->slice, context->word, kArray, 0, 0);
    return result;
}

// The driver may wait for all that the device has been given: where that is something, another
// thread does.
template<class H, class Destroy>
CUresult end(Session &session, H handle, Destroy destroy)
{
    if (!destroy)
        return CUDA_ERROR_NOT_SUPPORTED;
    const Context *owner = nullptr;
    for (auto &[word, context] : session.contexts.all())
        if (session.memory.held(word, kArray, uint64_t(handle)))
            owner = &context;
    auto fence = std::make_shared<Fence>(session.contexts.fence());
    CUresult now;
    if (!owner || fence->done(now)) {
        CUresult result = destroy(handle);
        if (owner && result == CUDA_SUCCESS)
            session.memory.hold(owner->slice, owner->word, kArray, uint64_t(handle), 0);
        return result;
    }
    auto gone = std::make_shared<std::promise<void>>();
    session.memory.let_go_when(owner->word, kArray, uint64_t(handle), gone->get_future());
    session.waiters.add(uint64_t(&session.memory), [&driver = session.driver, destroy, handle,
                                                    fence, gone, context = owner->handle] {
        fence->wait();
        driver.cuCtxSetCurrent(context);
        destroy(handle);
        gone->set_value();
    });
    return CUDA_SUCCESS;
}

} // namespace

CUresult cuArray3DCreate_v2(Session &session, CUarray *array,
                            const CUDA_ARRAY3D_DESCRIPTOR *description)
{
    const Driver &driver = session.driver;
    if (!driver.cuArray3DCreate_v2 || !driver.cuArrayDestroy)
        return CUDA_ERROR_NOT_SUPPORTED;
    return create(
        session, array, array_bytes(*description, 1),
        [&](CUarray *handle) { return driver.cuArray3DCreate_v2(handle, description); },
        driver.cuArrayDestroy);
}

CUresult cuArrayDestroy(Session &session, CUarray array)
{
    return end(session, array, session.driver.cuArrayDestroy);
}

CUresult cuMipmappedArrayCreate(Session &session, CUmipmappedArray *mipmap,
                                const CUDA_ARRAY3D_DESCRIPTOR *description, unsigned levels)
{
    const Driver &driver = session.driver;
    if (!driver.cuMipmappedArrayCreate || !driver.cuMipmappedArrayDestroy)
        return CUDA_ERROR_NOT_SUPPORTED;
    return create(
        session, mipmap, array_bytes(*description, levels),
        [&](CUmipmappedArray *handle) {
            return driver.cuMipmappedArrayCreate(handle, description, levels);
        },
        driver.cuMipmappedArrayDestroy);
}

CUresult cuMipmappedArrayDestroy(Session &session, CUmipmappedArray mipmap)
{
    return end(session, mipmap, session.driver.cuMipmappedArrayDestroy);
}

CUresult vgpuArrayTiles(Session &session, const unsigned char *tiles, uint64_t n, CUstream stream)
{
    std::vector<CUarrayMapInfo> list(n / sizeof(CUarrayMapInfo));
    if (list.empty() || n % sizeof list[0] != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (!session.driver.cuMemMapArrayAsync)
        return CUDA_ERROR_NOT_SUPPORTED;
    std::memcpy(list.data(), tiles, n);
    for (auto &tile : list) {
        // Of the two in the union, either is an id.
        bool mipmap = tile.resourceType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
        void *array = nullptr;
        CUresult result =
            session.handles.find(mipmap ? api::Kind::mipmap : api::Kind::array,
                                 reinterpret_cast<uint64_t>(tile.resource.array), array);
        if (result != CUDA_SUCCESS)
            return result;
        if (mipmap)
            tile.resource.mipmap = CUmipmappedArray(array);
        else
            tile.resource.array = CUarray(array);
        if (tile.memOperationType == CU_MEM_OPERATION_TYPE_MAP) {
            auto memory = session.physical.tile(tile.memHandle.memHandle);
            if (!memory)
                return CUDA_ERROR_INVALID_VALUE;
            tile.memHandle.memHandle = *memory;
        } else {
            tile.memHandle.memHandle = 0;
        }
        // One bit, which is the device's.
        auto ordinal = size_t(std::countr_zero(tile.deviceBitMask));
        if (!std::has_single_bit(tile.deviceBitMask) || ordinal >= session.slices.size())
            return CUDA_ERROR_INVALID_VALUE;
        tile.deviceBitMask = 1u << session.slices[ordinal].device;
    }
    return session.driver.cuMemMapArrayAsync(list.data(), unsigned(list.size()), stream);
}

} // namespace vgpu::server::calls
