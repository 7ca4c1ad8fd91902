// SPDX-License-Identifier: Apache-2.0
// Device code that nvcc's start-up code registered, and the host addresses that name kernels and
// variables. Registering only records; an image is loaded when something of it is used first, or
// with the process's first context where the driver says that it loads eagerly
// (CUDA_MODULE_LOADING).
#pragma once

#include "remoting/cudart/runtime.h"

#include <atomic>

namespace vgpu::cudart
{

struct Image;

// A kernel as the host knows it: by the address of its stub. Never freed, because stubs keep it for
// good.
struct Function {
    const void *stub;
    const char *name;
    Image *image;
    std::atomic<CUkernel> kernel;
    Function
        *shadowed;  // an earlier registration of the same stub, as a template's in several images
    Function *next; // of the same image
};

struct Variable {
    const void *shadow; // the address of the host's namesake
    const char *name;
    size_t size;
    Image *image;
    void **managed; // where the host's pointer to a managed variable goes; null for others
    Variable *shadowed;
    Variable *next;
};

// The kernel named by a stub, or by a cudaKernel_t that the application passes in a stub's place.
cudaError_t find_kernel(const void *stub, CUkernel *kernel);
// Its registration, null if it is none of ours.
Function *find_function(const void *stub);
// Loads its image at the first call; needs a context.
cudaError_t load_kernel(Function *function, CUkernel *kernel);
// Loads every image that is registered now; needs a context.
cudaError_t load_registered();
// The address of a variable in the current context.
cudaError_t find_symbol(const void *shadow, CUdeviceptr *address, size_t *size);
// A managed variable has its address: the host, which reaches it through a pointer, names it by
// that.
void name_managed(Variable *variable, const void *address);
// The stub of a kernel whose image is loaded, or the handle itself where the application has that
// in a stub's place; null for what the runtime does not know.
const void *find_stub(CUkernel kernel);
// Tells find_kernel that the driver gave out this handle.
void remember_kernel(CUkernel kernel);

// An entry point that begins with finding the kernel of `stub`.
template<typename Body>
cudaError_t with_kernel(const void *stub, Body body)
{
    return within_context([&] {
        CUkernel kernel;
        cudaError_t error = find_kernel(stub, &kernel);
        return error == cudaSuccess ? translate(body(kernel)) : error;
    });
}

} // namespace vgpu::cudart
