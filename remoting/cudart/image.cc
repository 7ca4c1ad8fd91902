// SPDX-License-Identifier: Apache-2.0
#include "remoting/cudart/image.h"
#include "remoting/cudart/log.h"

#include <string.h>

namespace vgpu::cudart
{
namespace
{

// The fatbin container: u32 magic, u16 version, u16 header size, u64 payload size.
struct FatbinHeader {
    uint32_t magic;
    uint16_t version;
    uint16_t header_size;
    uint64_t payload;
};

// Device code built with -rdc whose linked form holds nothing for this GPU: the relocatable fatbins
// that went into the link are linked again by the driver, which has their PTX.
CUresult link_again(const FatbinWrapper &wrapper, CUlibrary *library)
{
    CUlinkState state;
    CUresult result = driver().cuLinkCreate(0, nullptr, nullptr, &state);
    if (result != CUDA_SUCCESS)
        return result;
    for (void **fatbin = wrapper.prelinked; *fatbin && result == CUDA_SUCCESS; fatbin++) {
        FatbinHeader header;
        memcpy(&header, *fatbin, sizeof header);
        size_t size = header.header_size + header.payload;
        result = driver().cuLinkAddData(state, CU_JIT_INPUT_FATBINARY, *fatbin, size, "fatbin", 0,
                                        nullptr, nullptr);
    }
    void *linked = nullptr;
    size_t size = 0;
    if (result == CUDA_SUCCESS)
        result = driver().cuLinkComplete(state, &linked, &size);
    if (result == CUDA_SUCCESS)
        result =
            driver().cuLibraryLoadData(library, linked, nullptr, nullptr, 0, nullptr, nullptr, 0);
    driver().cuLinkDestroy(state);
    return result;
}

CUresult load(const FatbinWrapper &wrapper, CUlibrary *library)
{
    CUresult result =
        driver().cuLibraryLoadData(library, wrapper.data, nullptr, nullptr, 0, nullptr, nullptr, 0);
    bool relinkable =
        wrapper.version == FatbinWrapper::kLinked && wrapper.prelinked && wrapper.prelinked[0];
    if ((result == CUDA_ERROR_NO_BINARY_FOR_GPU || result == CUDA_ERROR_INVALID_IMAGE) &&
        relinkable)
        return link_again(wrapper, library);
    return result;
}

// A managed variable's host name is a pointer, which is filled when its image is loaded.
void publish_managed(Image &image)
{
    for (Variable *variable = image.variables; variable; variable = variable->next) {
        CUdeviceptr address = 0;
        size_t size = 0;
        if (!variable->managed || driver().cuLibraryGetManaged(&address, &size, image.library,
                                                               variable->name) != CUDA_SUCCESS)
            continue;
        *variable->managed = reinterpret_cast<void *>(address);
        name_managed(variable, *variable->managed);
    }
}

} // namespace

cudaError_t load_image(Image &image, CUlibrary *library)
{
    pthread_mutex_lock(&image.mutex);
    cudaError_t error = cudaSuccess;
    if (image.gone) {
        error = cudaErrorInvalidDeviceFunction;
    } else if (!image.library) {
        error = translate(load(*image.wrapper, &image.library));
        if (error == cudaSuccess)
            publish_managed(image);
        else
            image.library = nullptr;
    }
    *library = image.library;
    pthread_mutex_unlock(&image.mutex);
    return error;
}

void unload_image(Image &image)
{
    pthread_mutex_lock(&image.mutex);
    // At the end of the process the driver goes by itself, and may have gone already.
    if (image.library && !leaving())
        driver().cuLibraryUnload(image.library);
    image.library = nullptr;
    image.gone = true;
    pthread_mutex_unlock(&image.mutex);
}

} // namespace vgpu::cudart
