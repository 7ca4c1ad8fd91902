// SPDX-License-Identifier: Apache-2.0
// cuDNN: what the wrapper answers itself, and what is not waited for though it could fail.
#include "remoting/api/cudnn.h"
#include "remoting/libs/wrapper.h"

using namespace vgpu::libs;
namespace dnn = vgpu::api::dnn;

namespace vgpu::libs::remote
{
int cudnnBackendCreateDescriptor(int type, void *descriptor);
int cudnnBackendFinalize(void *descriptor);
} // namespace vgpu::libs::remote

namespace
{

constexpr uint32_t kFinalize = 9;     // cudnn.api
constexpr uint32_t kVariantPack = 16; // cudnnBackendDescriptorType_t

} // namespace

// What the driver knows of, a device can reach by its address.
bool vgpu::api::dnn::is_host_value(const void *pointer) noexcept
{
    using Function = CUresult (*)(void *, CUpointer_attribute, CUdeviceptr);
    static auto attribute = reinterpret_cast<Function>(driver_function("cuPointerGetAttribute"));
    unsigned type = 0;
    return attribute && attribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                  reinterpret_cast<CUdeviceptr>(pointer)) != CUDA_SUCCESS;
}

LIBRARY_ENTRY int cudnnGetStream(void *handle, CUstream *stream)
{
    if (!handle || object_of(handle)->type != dnn::kHandle)
        return the_library.not_initialized;
    if (!stream)
        return the_library.invalid;
    *stream = object_of(handle)->stream;
    return 0;
}

LIBRARY_ENTRY int cudnnBackendCreateDescriptor(int type, void **descriptor)
{
    int status = remote::cudnnBackendCreateDescriptor(type, descriptor);
    if (status == 0)
        object_of(*descriptor)->mode = uint32_t(type);
    return status;
}

// Programs find out by finalizing whether a graph can be computed, so they are told; but a variant
// pack is nothing but the addresses for one execution of what is known to work.
LIBRARY_ENTRY int cudnnBackendFinalize(void *descriptor)
{
    if (descriptor && object_of(descriptor)->mode == kVariantPack)
        return post(kFinalize, descriptor, lib::Handle<dnn::kDescriptor>::Client{descriptor});
    return remote::cudnnBackendFinalize(descriptor);
}
