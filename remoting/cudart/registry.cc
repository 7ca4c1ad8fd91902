// SPDX-License-Identifier: Apache-2.0
#include "remoting/cudart/registry.h"
#include "remoting/cudart/image.h"
#include "remoting/cudart/log.h"
#include "remoting/cudart/pointer-map.h"

namespace vgpu::cudart
{
namespace
{

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; // guards the maps and the `shadowed` chains
constinit PointerMap<Function> functions;
constinit PointerMap<Variable> variables;
// Kernels that the application got from the driver's side; the handle is its own value.
constinit PointerMap<CUkern_st> kernels;
Image *images = nullptr; // the latest one registered
// The registrations whose kernels are loaded, by the driver's handle.
constinit PointerMap<Function> loaded;

class Lock
{
public:
    Lock() { pthread_mutex_lock(&mutex); }
    ~Lock() { pthread_mutex_unlock(&mutex); }
    Lock(const Lock &) = delete;
};

// The latest registration whose image is still there.
template<typename Entry>
Entry *living(Entry *entry)
{
    while (entry && entry->image->gone)
        entry = entry->shadowed;
    return entry;
}

template<typename Entry>
Entry *allocate()
{
    return static_cast<Entry *>(calloc(1, sizeof(Entry)));
}

Image *image_of(void **handle)
{
    return reinterpret_cast<Image *>(handle);
}

void add_function(Image *image, const void *stub, const char *name)
{
    Function *function = image ? allocate<Function>() : nullptr;
    if (!function)
        return;
    function->stub = stub;
    function->name = name;
    function->image = image;
    function->next = image->functions;
    image->functions = function;
    Lock lock;
    function->shadowed = functions.find(stub);
    functions.put(stub, function);
}

void add_variable(Image *image, const void *shadow, const char *name, size_t size, void **managed)
{
    Variable *variable = image ? allocate<Variable>() : nullptr;
    if (!variable)
        return;
    variable->shadow = shadow;
    variable->name = name;
    variable->size = size;
    variable->image = image;
    variable->managed = managed;
    variable->next = image->variables;
    image->variables = variable;
    Lock lock;
    variable->shadowed = variables.find(shadow);
    variables.put(shadow, variable);
}

} // namespace

Function *find_function(const void *stub)
{
    Lock lock;
    return living(functions.find(stub));
}

cudaError_t load_kernel(Function *function, CUkernel *kernel)
{
    *kernel = function->kernel.load(std::memory_order_acquire);
    if (*kernel && !function->image->gone) [[likely]]
        return cudaSuccess;
    if (function->image->gone) {
        // The image went with its shared object; another may have registered the same template.
        function = find_function(function->stub);
        if (!function)
            return cudaErrorInvalidDeviceFunction;
    }
    CUlibrary library;
    cudaError_t error = load_image(*function->image, &library);
    if (error != cudaSuccess)
        return error;
    CUresult result = driver().cuLibraryGetKernel(kernel, library, function->name);
    if (result == CUDA_ERROR_NOT_FOUND)
        return cudaErrorInvalidDeviceFunction;
    if (result != CUDA_SUCCESS)
        return translate(result);
    {
        Lock lock;
        loaded.put(*kernel, function);
    }
    function->kernel.store(*kernel, std::memory_order_release); // partner: the load above
    return cudaSuccess;
}

cudaError_t load_registered()
{
    Image *image;
    {
        Lock lock;
        image = images;
    }
    for (; image; image = image->next) {
        CUlibrary library;
        cudaError_t error = load_image(*image, &library);
        // Code for other GPUs is an error of who uses it.
        if (error != cudaSuccess && error != cudaErrorNoKernelImageForDevice && !image->gone)
            return error;
    }
    return cudaSuccess;
}

cudaError_t find_kernel(const void *stub, CUkernel *kernel)
{
    if (!stub)
        return cudaErrorInvalidDeviceFunction;
    if (Function *function = find_function(stub))
        return load_kernel(function, kernel);
    Lock lock;
    *kernel = kernels.find(stub);
    return *kernel ? cudaSuccess : cudaErrorInvalidDeviceFunction;
}

const void *find_stub(CUkernel kernel)
{
    if (!kernel)
        return nullptr;
    Lock lock;
    Function *function = loaded.find(kernel);
    if (function && !function->image->gone)
        return function->stub;
    if (const void *handle = kernels.find(kernel))
        return handle;
    // Of a captured launch the driver may tell what it made of the kernel in the current context.
    function = loaded.find_if([&](Function *one) {
        CUfunction made = nullptr;
        return !one->image->gone &&
               driver().cuKernelGetFunction(&made, one->kernel.load(std::memory_order_relaxed)) ==
                   CUDA_SUCCESS &&
               CUkernel(made) == kernel;
    });
    return function ? function->stub : nullptr;
}

void remember_kernel(CUkernel kernel)
{
    Lock lock;
    kernels.put(kernel, kernel);
}

void name_managed(Variable *variable, const void *address)
{
    Lock lock;
    variables.put(address, variable);
}

cudaError_t find_symbol(const void *shadow, CUdeviceptr *address, size_t *size)
{
    Variable *variable;
    {
        Lock lock;
        variable = shadow ? living(variables.find(shadow)) : nullptr;
    }
    if (!variable)
        return cudaErrorInvalidSymbol;
    CUlibrary library;
    cudaError_t error = load_image(*variable->image, &library);
    if (error != cudaSuccess)
        return error;
    CUresult result = variable->managed
                          ? driver().cuLibraryGetManaged(address, size, library, variable->name)
                          : driver().cuLibraryGetGlobal(address, size, library, variable->name);
    return result == CUDA_ERROR_NOT_FOUND ? cudaErrorInvalidSymbol : translate(result);
}

} // namespace vgpu::cudart

using namespace vgpu::cudart;

// What nvcc's start-up code calls, before main or from dlopen.

VGPU_CUDART_ENTRY void **__cudaRegisterFatBinary(void *data)
{
    auto *wrapper = static_cast<const FatbinWrapper *>(data);
    if (!wrapper || wrapper->magic != FatbinWrapper::kMagic) {
        log("an image of device code has no known header: it was built by another kind of nvcc");
        return nullptr;
    }
    Image *image = allocate<Image>();
    if (!image)
        return nullptr;
    image->wrapper = wrapper;
    pthread_mutex_init(&image->mutex, nullptr);
    Lock lock;
    image->next = images;
    images = image;
    return reinterpret_cast<void **>(image);
}

VGPU_CUDART_ENTRY void __cudaRegisterFatBinaryEnd(void **) {}

VGPU_CUDART_ENTRY void __cudaUnregisterFatBinary(void **handle)
{
    if (handle)
        unload_image(*image_of(handle));
}

VGPU_CUDART_ENTRY void __cudaRegisterFunction(void **handle, const char *stub, char *,
                                              const char *name, int, uint3 *, uint3 *, dim3 *,
                                              dim3 *, int *)
{
    add_function(image_of(handle), stub, name);
}

VGPU_CUDART_ENTRY void __cudaRegisterVar(void **handle, char *shadow, char *, const char *name, int,
                                         size_t size, int, int)
{
    add_variable(image_of(handle), shadow, name, size, nullptr);
}

VGPU_CUDART_ENTRY void __cudaRegisterManagedVar(void **handle, void **pointer, char *,
                                                const char *name, int, size_t size, int, int)
{
    add_variable(image_of(handle), pointer, name, size, pointer);
}

// Names a variable of the host that device code may read where the host's memory is visible to the
// GPU. No GPU of ours sees it, and the device's own copy is used.
VGPU_CUDART_ENTRY void __cudaRegisterHostVar(void **, const char *, char *, size_t) {}

// Called before the first use of a managed variable by the host.
VGPU_CUDART_ENTRY char __cudaInitModule(void **handle)
{
    return within_context([&] {
               CUlibrary library;
               return handle ? load_image(*image_of(handle), &library) : cudaErrorInvalidValue;
           }) == cudaSuccess;
}
