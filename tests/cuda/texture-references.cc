// SPDX-License-Identifier: Apache-2.0
// Texture references, which went with CUDA 12 and which every driver still has: what is set is
// told again. No module has one any more.
#include "driver.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

const char *const program = "texture-references";

static const char *const code =
    ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry nothing() { ret; }\n";

int main()
{
    open_context();
    CUmodule module;
    CUtexref texref, other;
    CUsurfref surfref;
    DRIVER(cuModuleLoadData(&module, code));
    FAILS(CUDA_ERROR_NOT_FOUND, cuModuleGetTexRef(&texref, module, "nowhere"));
    FAILS(CUDA_ERROR_NOT_FOUND, cuModuleGetSurfRef(&surfref, module, "nowhere"));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuModuleGetTexRef(nullptr, module, "nowhere"));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuModuleGetTexRef(&texref, module, nullptr));
    DRIVER(cuTexRefCreate(&texref));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefCreate(nullptr));

    CUarray_format format;
    int channels = 0, most = 0;
    DRIVER(cuTexRefSetFormat(texref, CU_AD_FORMAT_UNSIGNED_INT16, 2));
    DRIVER(cuTexRefGetFormat(&format, &channels, texref));
    EXPECT(format == CU_AD_FORMAT_UNSIGNED_INT16 && channels == 2);
    CUaddress_mode mode;
    DRIVER(cuTexRefSetAddressMode(texref, 1, CU_TR_ADDRESS_MODE_MIRROR));
    DRIVER(cuTexRefGetAddressMode(&mode, texref, 1));
    EXPECT(mode == CU_TR_ADDRESS_MODE_MIRROR);
    CUfilter_mode filter;
    DRIVER(cuTexRefSetFilterMode(texref, CU_TR_FILTER_MODE_LINEAR));
    DRIVER(cuTexRefGetFilterMode(&filter, texref));
    EXPECT(filter == CU_TR_FILTER_MODE_LINEAR);
    DRIVER(cuTexRefSetMipmapFilterMode(texref, CU_TR_FILTER_MODE_LINEAR));
    DRIVER(cuTexRefGetMipmapFilterMode(&filter, texref));
    EXPECT(filter == CU_TR_FILTER_MODE_LINEAR);
    float bias = 0, low = 0, high = 0, colour[4] = {0.25f, 0.5f, 0.75f, 1}, told[4] = {};
    DRIVER(cuTexRefSetMipmapLevelBias(texref, 1.5f));
    DRIVER(cuTexRefGetMipmapLevelBias(&bias, texref));
    DRIVER(cuTexRefSetMipmapLevelClamp(texref, 0.5f, 3));
    DRIVER(cuTexRefGetMipmapLevelClamp(&low, &high, texref));
    EXPECT(bias == 1.5f && low == 0.5f && high == 3);
    DRIVER(cuTexRefSetMaxAnisotropy(texref, 8));
    DRIVER(cuTexRefGetMaxAnisotropy(&most, texref));
    EXPECT(most == 8);
    DRIVER(cuTexRefSetBorderColor(texref, colour));
    DRIVER(cuTexRefGetBorderColor(told, texref));
    EXPECT(told[0] == 0.25f && told[3] == 1);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefSetBorderColor(texref, nullptr));
    unsigned flags = 0;
    DRIVER(cuTexRefSetFlags(texref, CU_TRSF_NORMALIZED_COORDINATES));
    DRIVER(cuTexRefGetFlags(&flags, texref));
    EXPECT(flags == CU_TRSF_NORMALIZED_COORDINATES);

    CUdeviceptr data, at = 0;
    size_t offset = 99;
    DRIVER(cuMemAlloc(&data, 1 << 16));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefGetAddress(&at, texref));
    DRIVER(cuTexRefSetAddress(&offset, texref, data + 16, 4096));
    DRIVER(cuTexRefGetAddress(&at, texref));
    EXPECT(at == data && offset == 16);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefSetAddress(&offset, texref, 0, 4096));
    CUDA_ARRAY_DESCRIPTOR plane{64, 32, CU_AD_FORMAT_FLOAT, 1};
    DRIVER(cuTexRefSetAddress2D(texref, &plane, data, 512));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefSetAddress2D(texref, nullptr, data, 512));
    DRIVER(cuTexRefGetFormat(&format, &channels, texref));
    EXPECT(format == CU_AD_FORMAT_FLOAT && channels == 1);
    CUarray array, which = nullptr;
    CUmipmappedArray mipmap;
    DRIVER(cuArrayCreate(&array, &plane));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefGetArray(&which, texref));
    DRIVER(cuTexRefSetArray(texref, array, CU_TRSA_OVERRIDE_FORMAT));
    DRIVER(cuTexRefGetArray(&which, texref));
    EXPECT(which == array);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefGetAddress(&at, texref));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefGetMipmappedArray(&mipmap, texref));
    CUDA_ARRAY3D_DESCRIPTOR levels{64, 32, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    CUmipmappedArray pyramid;
    DRIVER(cuMipmappedArrayCreate(&pyramid, &levels, 3));
    DRIVER(cuTexRefSetMipmappedArray(texref, pyramid, CU_TRSA_OVERRIDE_FORMAT));
    DRIVER(cuTexRefGetMipmappedArray(&mipmap, texref));
    EXPECT(mipmap == pyramid);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefSetMipmappedArray(texref, pyramid, 0));
    DRIVER(cuTexRefSetArray(texref, array, CU_TRSA_OVERRIDE_FORMAT));
    DRIVER(cuMipmappedArrayDestroy(pyramid));
    // No kernel can use it any more.
    CUfunction nothing;
    DRIVER(cuModuleGetFunction(&nothing, module, "nothing"));
    using Texture = CUresult (*)(CUfunction, int, CUtexref);
    symbol<Texture>("cuParamSetTexRef")(nothing, CU_PARAM_TR_DEFAULT, texref);
    auto nowhere = reinterpret_cast<CUsurfref>(12345);
    EXPECT(cuSurfRefSetArray(nowhere, array, 0) != CUDA_SUCCESS);
    EXPECT(cuSurfRefGetArray(&which, nowhere) != CUDA_SUCCESS);
    FAILS(CUDA_ERROR_INVALID_VALUE, cuTexRefSetArray(texref, array, 0));
    FAILS(CUDA_ERROR_INVALID_HANDLE,
          cuTexRefSetArray(texref, reinterpret_cast<CUarray>(12345), CU_TRSA_OVERRIDE_FORMAT));
    other = texref;
    DRIVER(cuTexRefDestroy(texref));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuTexRefSetFlags(other, 0));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuTexRefDestroy(other));
    DRIVER(cuArrayDestroy(array));
    DRIVER(cuMemFree(data));
    passed(0);
}
