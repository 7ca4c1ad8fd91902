// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/link.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/machine.h"

#include "remoting/base/error.h"

#include <cstring>

namespace vgpu::soft::driver
{

void Link::add(std::string ptx, const char *name)
{
    require(text_.empty()); // completed already
    // Errors are to come where a linker would report them; what another input defines is none yet.
    JitLog own;
    try {
        compile(ptx, own);
    } catch (const Failure &failure) {
        if (!strstr(failure.what(), "unresolved extern")) {
            log_.error(failure.what());
            log_.finish();
            throw;
        }
    }
    inputs_.push_back(
        {name && *name ? name : "input " + std::to_string(inputs_.size() + 1), std::move(ptx)});
}

const std::string &Link::complete()
{
    if (inputs_.empty() && !left_out_.empty())
        throw Failure(CUDA_ERROR_NO_BINARY_FOR_GPU, left_out_ + " holds no PTX for this GPU");
    require(!inputs_.empty());
    if (!text_.empty())
        return text_;
    std::string whole;
    try {
        whole = inputs_.size() == 1 ? inputs_[0].ptx : merge(inputs_);
    } catch (const Error &error) {
        log_.error(error.what());
        log_.finish();
        throw Failure(CUDA_ERROR_INVALID_PTX, error.what());
    }
    compile(whole, log_);
    text_ = std::move(whole);
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
                                              size_t size, const char *name, unsigned int,
                                              CUjit_option *, void **)
{
    ENTRY({
        auto link = machine().links.get(state);
        require(data && size);
        switch (type) {
        case CU_JIT_INPUT_PTX: {
            std::string text(static_cast<const char *>(data), size);
            link->add(text.c_str(), name); // the size may count the zero at the end
            break;
        }
        case CU_JIT_INPUT_FATBINARY:
            try {
                link->add(ptx_of_image(data), name);
            } catch (const Failure &failure) {
                if (failure.code() != CUDA_ERROR_NO_BINARY_FOR_GPU)
                    throw;
                link->leave_out(name);
            }
            break;
        case CU_JIT_INPUT_CUBIN:
            throw Failure(CUDA_ERROR_NO_BINARY_FOR_GPU,
                          "a cubin is machine code of a GPU: the software GPU links PTX");
        default:
            throw Failure(CUDA_ERROR_NOT_SUPPORTED,
                          "the software GPU links PTX and fatbins, not objects and libraries");
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
        link->add(ptx_of_file(path), path);
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
