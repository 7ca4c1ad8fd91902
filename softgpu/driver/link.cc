// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/link.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"

namespace vgpu::soft::driver
{

void Link::add(std::string ptx)
{
    if (!text_.empty())
        throw Failure(
            CUDA_ERROR_NOT_SUPPORTED,
            "the software GPU cannot link several inputs: give it the PTX of a whole program");
    compile(ptx, log_); // so that errors come where a linker would report them
    text_ = std::move(ptx);
}

const std::string &Link::complete()
{
    require(!text_.empty());
    log_.finish();
    return text_;
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuLinkCreate_v2(unsigned int count, CUjit_option *options,
                                             void **values, CUlinkState *state)
{
    ENTRY({
        require(state != nullptr);
        current::get();
        auto link = std::make_shared<Link>(JitLog(count, options, values));
        machine().links.add(link);
        *state = handle_of<CUlinkState>(*link);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void *data,
                                              size_t size, const char *, unsigned int,
                                              CUjit_option *, void **)
{
    ENTRY({
        auto link = machine().links.get(state);
        require(data && size);
        switch (type) {
        case CU_JIT_INPUT_PTX: {
            std::string text(static_cast<const char *>(data), size);
            link->add(text.c_str()); // the size may count the zero at the end
            break;
        }
        case CU_JIT_INPUT_FATBINARY:
            link->add(ptx_of_image(data));
            break;
        case CU_JIT_INPUT_CUBIN:
            throw Failure(CUDA_ERROR_NO_BINARY_FOR_GPU);
        default:
            throw Failure(CUDA_ERROR_NOT_SUPPORTED);
        }
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLinkAddFile_v2(CUlinkState state, CUjitInputType type,
                                              const char *path, unsigned int, CUjit_option *,
                                              void **)
{
    ENTRY({
        auto link = machine().links.get(state);
        require(type == CU_JIT_INPUT_PTX || type == CU_JIT_INPUT_FATBINARY,
                CUDA_ERROR_NOT_SUPPORTED);
        link->add(ptx_of_file(path));
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLinkComplete(CUlinkState state, void **image, size_t *size)
{
    ENTRY({
        require(image != nullptr);
        auto &text = machine().links.get(state)->complete();
        *image = const_cast<char *>(text.c_str());
        if (size)
            *size = text.size() + 1;
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLinkDestroy(CUlinkState state)
{
    ENTRY({
        require(machine().links.remove(machine().links.get(state)->id), CUDA_ERROR_INVALID_HANDLE);
    });
}
