// SPDX-License-Identifier: Apache-2.0
// What the calls of arrays, textures and surfaces say when something is wrong with them: a handle
// of each kind that is none, each pointer that is null, sizes and places that are outside.
#include "driver-symbol.h"

#include <vector>

const char *const program = "array-codes";

static uint64_t sum = 0;

// One line a call, for people; the codes are compared with those straight on the driver.
static void said(const char *call, CUresult result)
{
    std::printf("%s: %s: %s\n", program, call, driver_error(result));
    sum = sum * 31 + unsigned(result);
}
#define SAY(name, ...) said(#name " " #__VA_ARGS__, DRIVER(name)(__VA_ARGS__))

template<class H>
static H nothing()
{
    return reinterpret_cast<H>(uintptr_t(0x123456789a));
}

static CUDA_ARRAY3D_DESCRIPTOR shape(size_t width, size_t height, size_t depth, unsigned flags = 0,
                                     unsigned channels = 1)
{
    return {width, height, depth, CU_AD_FORMAT_FLOAT, channels, flags};
}

static void creation()
{
    CUarray array;
    CUmipmappedArray mipmap;
    CUDA_ARRAY3D_DESCRIPTOR good = shape(8, 4, 0);
    CUDA_ARRAY_DESCRIPTOR flat{8, 4, CU_AD_FORMAT_FLOAT, 1};
    SAY(cuArrayCreate, nullptr, &flat);
    SAY(cuArrayCreate, &array, nullptr);
    SAY(cuArray3DCreate, nullptr, &good);
    SAY(cuArray3DCreate, &array, nullptr);
    SAY(cuMipmappedArrayCreate, nullptr, &good, 1);
    SAY(cuMipmappedArrayCreate, &mipmap, nullptr, 1);
    SAY(cuMipmappedArrayCreate, &mipmap, &good, 0);
    const CUDA_ARRAY3D_DESCRIPTOR bad[] = {
        shape(0, 1, 0),
        shape(4, 4, 0, 0, 3),
        shape(4, 4, 0, 0, 0),
        shape(200000, 0, 0),
        shape(SIZE_MAX, SIZE_MAX, SIZE_MAX),
        shape(4, 0, 4),
        shape(4, 4, 0, CUDA_ARRAY3D_LAYERED),
        shape(4, 5, 6, CUDA_ARRAY3D_CUBEMAP),
        shape(16384, 16384, 16384), // more than there is
    };
    for (const CUDA_ARRAY3D_DESCRIPTOR &wrong : bad) {
        SAY(cuArray3DCreate, &array, &wrong);
        SAY(cuMipmappedArrayCreate, &mipmap, &wrong, 2);
    }
    CUDA_ARRAY3D_DESCRIPTOR unknown = good;
    unknown.Format = CUarray_format(0x77);
    SAY(cuArray3DCreate, &array, &unknown);
}

static void handles(CUarray array, CUmipmappedArray mipmap)
{
    CUarray level, other;
    CUDA_ARRAY_DESCRIPTOR flat;
    CUDA_ARRAY3D_DESCRIPTOR deep;
    CUDA_ARRAY_SPARSE_PROPERTIES sparse;
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs;
    for (CUarray wrong : {nothing<CUarray>(), CUarray(nullptr), CUarray(mipmap)}) {
        SAY(cuArrayDestroy, wrong);
        SAY(cuArrayGetDescriptor, &flat, wrong);
        SAY(cuArray3DGetDescriptor, &deep, wrong);
        SAY(cuArrayGetPlane, &other, wrong, 0);
        SAY(cuArrayGetSparseProperties, &sparse, wrong);
        SAY(cuArrayGetMemoryRequirements, &needs, wrong, 0);
    }
    for (CUmipmappedArray wrong :
         {nothing<CUmipmappedArray>(), CUmipmappedArray(nullptr), CUmipmappedArray(array)}) {
        SAY(cuMipmappedArrayDestroy, wrong);
        SAY(cuMipmappedArrayGetLevel, &level, wrong, 0);
        SAY(cuMipmappedArrayGetSparseProperties, &sparse, wrong);
        SAY(cuMipmappedArrayGetMemoryRequirements, &needs, wrong, 0);
    }
    SAY(cuArrayGetDescriptor, nullptr, array);
    SAY(cuArray3DGetDescriptor, nullptr, array);
    SAY(cuArrayGetPlane, nullptr, array, 0);
    SAY(cuArrayGetPlane, &other, array, 0);
    SAY(cuArrayGetSparseProperties, &sparse, array);
    SAY(cuArrayGetMemoryRequirements, &needs, array, 0);
    SAY(cuArrayGetMemoryRequirements, &needs, array, 99);
    SAY(cuMipmappedArrayGetSparseProperties, &sparse, mipmap);
    SAY(cuMipmappedArrayGetMemoryRequirements, &needs, mipmap, 0);
    SAY(cuMipmappedArrayGetLevel, nullptr, mipmap, 0);
    SAY(cuMipmappedArrayGetLevel, &level, mipmap, 99);
    SAY(cuMipmappedArrayGetLevel, &level, mipmap, 3);
    SAY(cuMipmappedArrayGetLevel, &level, mipmap, 2);
    SAY(cuArrayDestroy, level);
    SAY(cuArray3DGetDescriptor, &deep, level);
    std::printf("%s: level 2 is %zu x %zu\n", program, deep.Width, deep.Height);
}

static void rows(CUarray array, CUdeviceptr device, void *host)
{
    for (CUarray wrong : {nothing<CUarray>(), CUarray(nullptr)}) {
        SAY(cuMemcpyHtoA, wrong, 0, host, 64);
        SAY(cuMemcpyAtoH, host, wrong, 0, 64);
        SAY(cuMemcpyDtoA, wrong, 0, device, 64);
        SAY(cuMemcpyAtoD, device, wrong, 0, 64);
        SAY(cuMemcpyAtoA, wrong, 0, array, 0, 64);
        SAY(cuMemcpyAtoA, array, 0, wrong, 0, 64);
        SAY(cuMemcpyHtoAAsync, wrong, 0, host, 64, nullptr);
        SAY(cuMemcpyAtoHAsync, host, wrong, 0, 64, nullptr);
    }
    SAY(cuMemcpyHtoA, array, 0, nullptr, 64);
    SAY(cuMemcpyAtoH, nullptr, array, 0, 64);
    SAY(cuMemcpyDtoA, array, 0, 0, 64);
    SAY(cuMemcpyAtoD, 0, array, 0, 64);
    SAY(cuMemcpyHtoA, array, 4, host, 64); // beyond the end
    SAY(cuMemcpyHtoA, array, 68, host, 4); // begins there
    SAY(cuMemcpyHtoA, array, SIZE_MAX, host, 4);
    SAY(cuMemcpyHtoA, array, 4, host, SIZE_MAX - 3);
    SAY(cuMemcpyHtoA, array, 2, host, 4); // within an element
    SAY(cuMemcpyAtoH, host, array, 0, 6);
    SAY(cuMemcpyHtoAAsync, array, 0, host, 64, nothing<CUstream>());
    SAY(cuMemcpyAtoHAsync, host, array, 0, 64, nothing<CUstream>());
    SAY(cuMemcpyAtoH, host, array, 64, 0);
}

static CUDA_MEMCPY3D box(CUarray array, void *host)
{
    CUDA_MEMCPY3D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = host;
    copy.srcPitch = 32;
    copy.srcHeight = 4;
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    copy.dstArray = array;
    copy.WidthInBytes = 32;
    copy.Height = 4;
    copy.Depth = 2;
    return copy;
}

// The whole of a box, changed in one thing.
template<class Change>
static void boxed(const char *what, CUarray array, void *host, Change change)
{
    CUDA_MEMCPY3D copy = box(array, host);
    change(copy);
    said(what, DRIVER(cuMemcpy3D)(&copy));
    said(what, DRIVER(cuMemcpy3DAsync)(&copy, nullptr));
}

static void boxes(CUarray array, CUdeviceptr device, void *host)
{
    using Copy = CUDA_MEMCPY3D;
    SAY(cuMemcpy3D, nullptr);
    boxed("a whole box", array, host, [](Copy &) {});
    boxed("no array", array, host, [](Copy &it) { it.dstArray = nullptr; });
    boxed("a wrong array", array, host, [](Copy &it) { it.dstArray = nothing<CUarray>(); });
    boxed("no host", array, host, [](Copy &it) { it.srcHost = nullptr; });
    boxed("too wide", array, host, [](Copy &it) { it.WidthInBytes = it.srcPitch = 36; });
    boxed("too far right", array, host, [](Copy &it) { it.dstXInBytes = 4; });
    boxed("very far right", array, host, [](Copy &it) { it.dstXInBytes = SIZE_MAX - 3; });
    boxed("within an element", array, host, [](Copy &it) { it.WidthInBytes = 30; });
    boxed("begins within one", array, host, [](Copy &it) {
        it.WidthInBytes = 16;
        it.dstXInBytes = 2;
    });
    boxed("too high", array, host, [](Copy &it) { it.Height = it.srcHeight = 5; });
    boxed("too low", array, host, [](Copy &it) { it.dstY = 1; });
    boxed("very low", array, host, [](Copy &it) { it.dstY = SIZE_MAX; });
    boxed("too deep", array, host, [](Copy &it) { it.Depth = 3; });
    boxed("begins too deep", array, host, [](Copy &it) { it.dstZ = 1; });
    boxed("a pitch too small", array, host, [](Copy &it) { it.srcPitch = 28; });
    boxed("a height too small", array, host, [](Copy &it) { it.srcHeight = 3; });
    boxed("levels", array, host, [](Copy &it) { it.dstLOD = 1; });
    boxed("no kind of memory", array, host, [](Copy &it) { it.srcMemoryType = CUmemorytype(9); });
    boxed("nothing", array, host, [](Copy &it) { it.Depth = 0; });
    boxed("beyond an allocation", array, host, [&](Copy &it) {
        it.srcMemoryType = CU_MEMORYTYPE_DEVICE;
        it.srcDevice = device + 4;
    });
    boxed("in one", array, host, [&](Copy &it) {
        it.srcMemoryType = CU_MEMORYTYPE_DEVICE;
        it.srcDevice = device;
    });
    boxed("no device memory", array, host, [&](Copy &it) {
        it.srcMemoryType = CU_MEMORYTYPE_DEVICE;
        it.srcDevice = 0;
    });
}

static void textures(CUarray array, CUmipmappedArray mipmap, CUdeviceptr device)
{
    CUtexObject texture;
    CUDA_RESOURCE_DESC resource{};
    CUDA_TEXTURE_DESC how{};
    CUDA_RESOURCE_VIEW_DESC view{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    SAY(cuTexObjectCreate, nullptr, &resource, &how, nullptr);
    SAY(cuTexObjectCreate, &texture, nullptr, &how, nullptr);
    SAY(cuTexObjectCreate, &texture, &resource, nullptr, nullptr);
    for (CUarray wrong : {nothing<CUarray>(), CUarray(nullptr), CUarray(mipmap)}) {
        resource.res.array.hArray = wrong;
        SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr);
    }
    resource.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
    for (CUmipmappedArray wrong : {nothing<CUmipmappedArray>(), CUmipmappedArray(array)}) {
        resource.res.mipmap.hMipmappedArray = wrong;
        SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr);
    }
    resource.res.mipmap.hMipmappedArray = mipmap;
    SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr); // levels need normalized places
    resource.resType = CUresourcetype(17);
    SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr);
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    auto linear = [&](const char *what, CUdeviceptr pointer, size_t bytes) {
        resource.res.linear = {pointer, CU_AD_FORMAT_FLOAT, 1, bytes};
        CUresult result = DRIVER(cuTexObjectCreate)(&texture, &resource, &how, nullptr);
        said(what, result);
        if (result == CUDA_SUCCESS)
            SAY(cuTexObjectDestroy, texture);
    };
    linear("linear", device, 256);
    linear("linear, nowhere", 0, 256);
    linear("linear, elsewhere", 0x1000, 256);
    linear("linear, not aligned", device + 4, 128);
    linear("linear, too long", device, 260);
    linear("linear, much too long", device, SIZE_MAX);
    linear("linear, empty", device, 0);
    resource.resType = CU_RESOURCE_TYPE_PITCH2D;
    auto plane = [&](const char *what, CUdeviceptr pointer, size_t width, size_t height,
                     size_t pitch) {
        resource.res.pitch2D = {pointer, CU_AD_FORMAT_FLOAT, 1, width, height, pitch};
        CUresult result = DRIVER(cuTexObjectCreate)(&texture, &resource, &how, nullptr);
        said(what, result);
        if (result == CUDA_SUCCESS)
            SAY(cuTexObjectDestroy, texture);
    };
    plane("plane", device, 8, 8, 32);
    plane("plane, nowhere", 0, 8, 8, 32);
    plane("plane, too high", device, 8, 9, 32);
    plane("plane, too wide", device, 9, 8, 32);
    plane("plane, odd pitch", device, 8, 4, 36);
    plane("plane, flat", device, 8, 0, 32);
    plane("plane, endless", device, 8, SIZE_MAX, SIZE_MAX);
    resource.res.linear = {device, CU_AD_FORMAT_SIGNED_INT32, 1, 256};
    resource.resType = CU_RESOURCE_TYPE_LINEAR;
    how.filterMode = CU_TR_FILTER_MODE_LINEAR; // whole numbers cannot be mixed
    SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr);
    how = {};
    how.addressMode[1] = CUaddress_mode(12);
    SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr);
    how = {};
    SAY(cuTexObjectCreate, &texture, &resource, &how, &view); // only of arrays
    resource = {};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    view.firstLayer = 5;
    SAY(cuTexObjectCreate, &texture, &resource, &how, &view);
    view = {};
    view.format = CU_RES_VIEW_FORMAT_UINT_4X32; // not as wide as the elements
    SAY(cuTexObjectCreate, &texture, &resource, &how, &view);
    SAY(cuTexObjectCreate, &texture, &resource, &how, nullptr);
    CUDA_RESOURCE_DESC resource_back;
    CUDA_TEXTURE_DESC how_back;
    SAY(cuTexObjectGetResourceDesc, nullptr, texture);
    SAY(cuTexObjectGetTextureDesc, nullptr, texture);
    SAY(cuTexObjectGetResourceViewDesc, nullptr, texture);
    SAY(cuTexObjectGetResourceViewDesc, &view, texture); // it has none
    SAY(cuTexObjectGetResourceDesc, &resource_back, texture);
    SAY(cuTexObjectGetTextureDesc, &how_back, texture);
    EXPECT(resource_back.resType == CU_RESOURCE_TYPE_ARRAY);
    EXPECT(resource_back.res.array.hArray == array);
    SAY(cuTexObjectDestroy, texture);
    SAY(cuTexObjectDestroy, texture);
    SAY(cuTexObjectGetResourceDesc, &resource_back, texture);
    SAY(cuTexObjectGetTextureDesc, &how_back, texture);
    SAY(cuTexObjectGetResourceViewDesc, &view, texture);
    size_t most = 0;
    SAY(cuDeviceGetTexture1DLinearMaxWidth, nullptr, CU_AD_FORMAT_FLOAT, 1, 0);
    SAY(cuDeviceGetTexture1DLinearMaxWidth, &most, CU_AD_FORMAT_FLOAT, 1, 99);
    SAY(cuDeviceGetTexture1DLinearMaxWidth, &most, CU_AD_FORMAT_FLOAT, 1, 0);
    EXPECT(most >= 65536);
}

static void surfaces(CUarray array, CUmipmappedArray mipmap, CUarray written)
{
    CUsurfObject surface;
    CUDA_RESOURCE_DESC resource{}, back{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array; // not made for that
    SAY(cuSurfObjectCreate, &surface, &resource);
    SAY(cuSurfObjectCreate, &surface, nullptr);
    for (CUarray wrong : {nothing<CUarray>(), CUarray(nullptr), CUarray(mipmap)}) {
        resource.res.array.hArray = wrong;
        SAY(cuSurfObjectCreate, &surface, &resource);
    }
    resource.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
    resource.res.mipmap.hMipmappedArray = mipmap;
    SAY(cuSurfObjectCreate, &surface, &resource);
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = written;
    SAY(cuSurfObjectCreate, nullptr, &resource);
    SAY(cuSurfObjectCreate, &surface, &resource);
    SAY(cuSurfObjectGetResourceDesc, nullptr, surface);
    SAY(cuSurfObjectGetResourceDesc, &back, surface);
    EXPECT(back.res.array.hArray == written);
    SAY(cuTexObjectDestroy, surface + 12345);
    SAY(cuSurfObjectDestroy, surface);
    SAY(cuSurfObjectDestroy, surface);
    SAY(cuSurfObjectGetResourceDesc, &back, surface);
}

int main()
{
    CUDA(cudaFree(nullptr));
    std::vector<float> host(256);
    CUdeviceptr device, other;
    CU(DRIVER(cuMemAlloc)(&device, 256));
    CU(DRIVER(cuMemAlloc)(&other, 256)); // beside it, and no part of it
    CUarray row, flat, deep, written;
    CUmipmappedArray mipmap;
    CUDA_ARRAY3D_DESCRIPTOR of_row = shape(16, 0, 0), of_flat = shape(8, 4, 0),
                            of_deep = shape(8, 4, 2),
                            of_written = shape(8, 4, 0, CUDA_ARRAY3D_SURFACE_LDST);
    creation();
    CU(DRIVER(cuArray3DCreate)(&row, &of_row));
    CU(DRIVER(cuArray3DCreate)(&flat, &of_flat));
    CU(DRIVER(cuArray3DCreate)(&deep, &of_deep));
    CU(DRIVER(cuArray3DCreate)(&written, &of_written));
    CU(DRIVER(cuMipmappedArrayCreate)(&mipmap, &of_flat, 3));
    handles(flat, mipmap);
    rows(row, device, host.data());
    boxes(deep, device, host.data());
    textures(flat, mipmap, device);
    surfaces(flat, mipmap, written);
    CUarray level;
    CUDA_ARRAY3D_DESCRIPTOR back;
    CU(DRIVER(cuMipmappedArrayGetLevel)(&level, mipmap, 1));
    SAY(cuMipmappedArrayDestroy, mipmap);
    SAY(cuMipmappedArrayDestroy, mipmap);
    SAY(cuArray3DGetDescriptor, &back, level);
    SAY(cuMemcpyAtoH, host.data(), level, 0, 4);
    SAY(cuArrayDestroy, row);
    SAY(cuArrayDestroy, row);
    SAY(cuMemcpyAtoH, host.data(), row, 0, 4);
    // With the context go its arrays and textures.
    CUDA(cudaDeviceReset());
    CUDA(cudaFree(nullptr));
    SAY(cuArray3DGetDescriptor, &back, flat);
    SAY(cuArrayDestroy, flat);
    passed(sum);
    return 0;
}
