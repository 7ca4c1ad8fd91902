// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h): arrays, textures,
// surfaces, references.
#include "wrong-driver.h"

const char *const program = "wrong-arrays";

static void arrays()
{
    CUarray made = nullptr;
    CUmipmappedArray levels = nullptr, pyramid = nullptr;
    CUDA_ARRAY_DESCRIPTOR plane{16, 16, CU_AD_FORMAT_FLOAT, 1};
    CUDA_ARRAY3D_DESCRIPTOR box{16, 16, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    DRIVER(cuMipmappedArrayCreate(&pyramid, &box, 2));
    DRIVER(cuMipmappedArrayCreate(&dead<CUmipmappedArray>, &box, 2));
    DRIVER(cuMipmappedArrayDestroy(dead<CUmipmappedArray>));
    WALK(cuArrayCreate, &made, &plane);
    WALK(cuArray3DCreate, &made, &box);
    WALK(cuArrayGetDescriptor, &plane, array);
    WALK(cuArray3DGetDescriptor, &box, array);
    WALK(cuMipmappedArrayCreate, &levels, &box, 2);
    WALK(cuMipmappedArrayGetLevel, &made, pyramid, 0);
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs{};
    WALK(cuArrayGetMemoryRequirements, &needs, array, device);
    WALK(cuMipmappedArrayGetMemoryRequirements, &needs, pyramid, device);
    CUDA_ARRAY_SPARSE_PROPERTIES sparse{};
    WALK(cuArrayGetSparseProperties, &sparse, array);
    WALK(cuMipmappedArrayGetSparseProperties, &sparse, pyramid);
    WALK(cuArrayGetPlane, &made, array, 0);
    REFUSE(cuArrayDestroy);
    REFUSE(cuMipmappedArrayDestroy);
}

static void objects()
{
    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    CUDA_TEXTURE_DESC look{};
    CUDA_RESOURCE_VIEW_DESC view{};
    CUtexObject texture = 0;
    CUsurfObject surface = 0;
    WALK_BUT(8, cuTexObjectCreate, &texture, &resource, &look, nullptr);
    WALK(cuTexObjectGetResourceDesc, &resource, texture);
    WALK(cuTexObjectGetTextureDesc, &look, texture);
    WALK(cuTexObjectGetResourceViewDesc, &view, texture);
    REFUSE(cuTexObjectDestroy);
    CUDA_ARRAY3D_DESCRIPTOR writable{16, 16, 0, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_SURFACE_LDST};
    CUarray surfaced;
    DRIVER(cuArray3DCreate(&surfaced, &writable));
    resource = {};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = surfaced;
    WALK(cuSurfObjectCreate, &surface, &resource);
    WALK(cuSurfObjectGetResourceDesc, &resource, surface);
    REFUSE(cuSurfObjectDestroy);
    for (int type : {1, 2, 3, 9}) { // an array, a pyramid, linear memory and a plane of nothing
        CUDA_RESOURCE_DESC none{};
        none.resType = CUresourcetype(type);
        WALK_BUT(15, cuTexObjectCreate, &texture, &none, &look, nullptr);
        WALK_BUT(3, cuSurfObjectCreate, &surface, &none);
    }
}

static void references()
{
    CUarray made = nullptr;
    CUtexref reference = nullptr;
    CUaddress_mode address{};
    CUfilter_mode filter{};
    CUarray_format format{};
    int channels = 0;
    unsigned flags = 0;
    float least = 0, most = 0;
    size_t offset = 0;
    CUdeviceptr at = 0;
    float border[4] = {};
    WALK(cuTexRefCreate, &reference);
    WALK(cuTexRefSetArray, reference, array, CU_TRSA_OVERRIDE_FORMAT);
    WALK(cuTexRefGetArray, &made, reference);
    WALK(cuTexRefSetFormat, reference, CU_AD_FORMAT_FLOAT, 1);
    WALK(cuTexRefSetAddress, &offset, reference, data, 256);
    WALK(cuTexRefSetAddressMode, reference, 0, CU_TR_ADDRESS_MODE_WRAP);
    WALK(cuTexRefSetFilterMode, reference, CU_TR_FILTER_MODE_POINT);
    WALK(cuTexRefSetMipmapFilterMode, reference, CU_TR_FILTER_MODE_POINT);
    WALK(cuTexRefSetMipmapLevelBias, reference, 0.0f);
    WALK(cuTexRefSetMipmapLevelClamp, reference, 0.0f, 1.0f);
    WALK(cuTexRefSetMaxAnisotropy, reference, 1);
    WALK(cuTexRefSetBorderColor, reference, border);
    WALK(cuTexRefSetFlags, reference, 0);
    WALK(cuTexRefGetAddress, &at, reference);
    WALK(cuTexRefGetAddressMode, &address, reference, 0);
    WALK(cuTexRefGetFilterMode, &filter, reference);
    WALK(cuTexRefGetFormat, &format, &channels, reference);
    WALK(cuTexRefGetMipmapFilterMode, &filter, reference);
    WALK(cuTexRefGetMipmapLevelBias, &least, reference);
    WALK(cuTexRefGetMipmapLevelClamp, &least, &most, reference);
    WALK(cuTexRefGetMaxAnisotropy, &channels, reference);
    WALK(cuTexRefGetBorderColor, border, reference);
    WALK(cuTexRefGetFlags, &flags, reference);
    REFUSE(cuTexRefDestroy);
}

int main()
{
    open_for_wrong_calls();
    arrays();
    objects();
    references();
    end_of_wrong_calls();
}
