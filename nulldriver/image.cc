// SPDX-License-Identifier: Apache-2.0
// Modules and kernels: PTX, or a cubin where there is none, is read for the names and parameters of
// its kernels and for its variables, so that callers find what they look for; nothing is made of
// the code.
#include "nulldriver/null.h"

#include "remoting/base/error.h"
#include "remoting/image/elf-contents.h"
#include "remoting/image/fatbin.h"
#include "softgpu/ptx/parser.h"

#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace null = vgpu::null;

namespace
{

struct Image;

// What a CUfunction and a CUkernel point to.
struct Function {
    Image *image;
    std::string name;
    std::vector<std::pair<size_t, size_t>> parameters; // offset and size
    size_t bytes = 0;
};

// What a CUmodule and a CUlibrary point to. Never taken away: whoever keeps a handle too long finds
// it as it was.
struct Image {
    std::map<std::string, Function, std::less<>> functions;
    std::map<std::string, std::vector<uint64_t>, std::less<>> variables; // in 16-byte units
};

namespace image = vgpu::image;

constexpr uint32_t kElfMagic = 0x464c457f;

uint32_t magic_of(const void *data)
{
    uint32_t magic;
    memcpy(&magic, data, sizeof magic);
    return magic;
}

// Where a cubin ends, which the API does not say.
size_t elf_bytes(const void *data)
{
    auto *start = static_cast<const std::byte *>(data);
    Elf64_Ehdr header;
    memcpy(&header, data, sizeof header);
    uint64_t end = std::max(sizeof header, header.e_shoff + header.e_shnum * sizeof(Elf64_Shdr));
    for (unsigned i = 0; i < header.e_shnum; i++) {
        Elf64_Shdr section;
        memcpy(&section, start + header.e_shoff + i * sizeof section, sizeof section);
        if (section.sh_type != SHT_NOBITS)
            end = std::max(end, section.sh_offset + section.sh_size);
    }
    return end;
}

// The device's own machine code, else any: nobody will run it.
const image::Entry *best_cubin(const std::vector<image::Entry> &list)
{
    const image::Entry *best = nullptr;
    auto rank = [](const image::Entry &one) {
        return one.arch / 10 == 8 && one.arch <= 80 ? 1 : 0;
    };
    for (const auto &one : list)
        if (!one.ptx && (!best || rank(one) > rank(*best)))
            best = &one;
    return best;
}

void add_kernel(Image &image, const std::string &name,
                const std::vector<std::pair<size_t, size_t>> &parameters)
{
    size_t bytes = parameters.empty() ? 0 : parameters.back().first + parameters.back().second;
    image.functions[name] = {&image, name, parameters, bytes};
}

void read_elf(Image &into, std::span<const std::byte> file)
{
    auto contents = image::elf_contents(file);
    for (auto &kernel : contents.kernels)
        add_kernel(into, kernel.name, {kernel.parameters.begin(), kernel.parameters.end()});
    for (auto &variable : contents.variables)
        into.variables[variable.name].resize(variable.bytes / 8 + 1);
}

void read_ptx(Image &into, const std::string &text)
{
    const vgpu::soft::syntax::Module module = vgpu::soft::parse(text);
    for (const auto &function : module.functions) {
        if (!function.kernel)
            continue;
        std::vector<std::pair<size_t, size_t>> parameters;
        size_t bytes = 0;
        for (const auto &parameter : function.parameters) {
            bytes = (bytes + parameter.alignment - 1) / parameter.alignment * parameter.alignment;
            parameters.emplace_back(bytes, parameter.size);
            bytes += parameter.size;
        }
        add_kernel(into, std::string(function.name), parameters);
    }
    for (const auto &variable : module.variables)
        into.variables[std::string(variable.name)].resize(variable.size / 8 + 1);
}

std::unique_ptr<Image> read_image(const void *data)
{
    auto made = std::make_unique<Image>();
    if (magic_of(data) == image::kWrapperMagic)
        memcpy(&data, static_cast<const char *>(data) + 8, sizeof data);
    if (magic_of(data) == kElfMagic) {
        read_elf(*made, {static_cast<const std::byte *>(data), elf_bytes(data)});
    } else if (magic_of(data) != image::kHeaderMagic) {
        read_ptx(*made, static_cast<const char *>(data));
    } else {
        size_t bytes = image::container_bytes(data);
        auto list = image::entries({static_cast<const std::byte *>(data), bytes});
        if (auto ptx = image::best_ptx(list, std::numeric_limits<unsigned>::max())) {
            read_ptx(*made, image::text(*ptx));
        } else if (auto *cubin = best_cubin(list)) {
            std::string file = image::bytes(*cubin);
            read_elf(*made, std::as_bytes(std::span(file)));
        }
    }
    return made;
}

template<class Handle>
CUresult load(const char *call, Handle *handle, const void *data)
{
    if (!handle || !data)
        return CUDA_ERROR_INVALID_VALUE;
    try {
        *handle = reinterpret_cast<Handle>(read_image(data).release());
    } catch (const vgpu::Error &error) {
        fprintf(stderr, "libcuda-null: %s: %s\n", call, error.what());
        return CUDA_ERROR_INVALID_PTX;
    } catch (const std::exception &error) {
        fprintf(stderr, "libcuda-null: %s: %s\n", call, error.what());
        return CUDA_ERROR_INVALID_IMAGE;
    }
    return null::accept(call, "handle", *handle);
}

template<class Handle>
CUresult load_file(const char *call, Handle *handle, const char *path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return CUDA_ERROR_FILE_NOT_FOUND;
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    bytes.append(16, '\0');
    return load(call, handle, bytes.data());
}

template<class Handle>
CUresult find(const char *call, Handle *handle, const void *image, const char *name)
{
    auto &functions = const_cast<Image *>(static_cast<const Image *>(image))->functions;
    auto it = functions.find(std::string_view(name));
    if (it == functions.end())
        return CUDA_ERROR_NOT_FOUND;
    *handle = reinterpret_cast<Handle>(&it->second);
    return null::accept(call, "name", name);
}

CUresult find_variable(const char *call, CUdeviceptr *pointer, size_t *bytes, void *image,
                       const char *name)
{
    auto &variables = static_cast<Image *>(image)->variables;
    auto it = variables.find(std::string_view(name));
    if (it == variables.end())
        return CUDA_ERROR_NOT_FOUND;
    if (pointer)
        *pointer = CUdeviceptr(it->second.data());
    if (bytes)
        *bytes = it->second.size() * 8;
    return null::accept(call, "name", name);
}

CUresult parameter(const void *function, size_t index, size_t *offset, size_t *bytes)
{
    auto &list = static_cast<const Function *>(function)->parameters;
    if (index >= list.size())
        return CUDA_ERROR_INVALID_VALUE;
    *offset = list[index].first;
    if (bytes)
        *bytes = list[index].second;
    return CUDA_SUCCESS;
}

CUresult attribute(int *value, CUfunction_attribute which)
{
    switch (which) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *value = 1024;
        break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
        *value = 32;
        break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
        *value = 80;
        break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *value = 48 << 10;
        break;
    default:
        *value = 0;
    }
    return CUDA_SUCCESS;
}

// The packed parameters, whichever way they were given.
std::vector<std::byte> packed(const Function &function, void **values, void **extra)
{
    std::vector<std::byte> buffer(function.bytes);
    for (size_t i = 0; values && i < function.parameters.size(); i++)
        memcpy(buffer.data() + function.parameters[i].first, values[i],
               function.parameters[i].second);
    const void *data = nullptr;
    size_t bytes = 0;
    for (; extra && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
        if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
            data = extra[1];
        else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE)
            bytes = *static_cast<size_t *>(extra[1]);
    }
    if (data)
        memcpy(buffer.data(), data, std::min(bytes, buffer.size()));
    return buffer;
}

std::string extent(unsigned x, unsigned y, unsigned z)
{
    return std::to_string(x) + "x" + std::to_string(y) + "x" + std::to_string(z);
}

std::string cluster_of(const CUlaunchConfig &at)
{
    for (unsigned i = 0; i < at.numAttrs; i++)
        if (at.attrs[i].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
            auto &cluster = at.attrs[i].value.clusterDim;
            return extent(cluster.x, cluster.y, cluster.z);
        }
    return "-";
}

// What the attributes say that is not a handle's or a pointer's own number, as ID:VALUE.
std::string attributes_of(const CUlaunchConfig &at)
{
    std::string text;
    for (unsigned i = 0; i < at.numAttrs; i++) {
        auto &value = at.attrs[i].value;
        auto number = [](auto n) { return std::to_string(n); };
        std::string said;
        switch (at.attrs[i].id) {
        case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: {
            auto &window = value.accessPolicyWindow;
            said = number(window.num_bytes) + "/" + null::text(window.hitRatio) + "/" +
                   number(int(window.hitProp)) + "/" + number(int(window.missProp));
            break;
        }
        case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
            said = cluster_of(at);
            break;
        case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
            said = std::string(value.programmaticEvent.event ? "event/" : "none/") +
                   number(value.programmaticEvent.flags) + "/" +
                   number(value.programmaticEvent.triggerAtBlockStart);
            break;
#if CUDA_VERSION >= 12030
        case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
            said = std::string(value.launchCompletionEvent.event ? "event/" : "none/") +
                   number(value.launchCompletionEvent.flags);
            break;
#endif
        case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
            said = number(int(value.memSyncDomainMap.default_)) + "/" +
                   number(int(value.memSyncDomainMap.remote));
            break;
#if CUDA_VERSION >= 12080
        case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
            said = extent(value.preferredClusterDim.x, value.preferredClusterDim.y,
                          value.preferredClusterDim.z);
            break;
#endif
        default: // a number, all the others are
            said = number(value.priority);
        }
        text += (i ? "," : "") + std::to_string(int(at.attrs[i].id)) + ":" + said;
    }
    return text.empty() ? "-" : text;
}

CUresult record_launch(const CUlaunchConfig &at, CUfunction handle, void **values, void **extra)
{
    auto &function = *reinterpret_cast<const Function *>(handle);
    auto buffer = packed(function, values, extra);
    bool cooperative = false;
    for (unsigned i = 0; i < at.numAttrs; i++)
        if (at.attrs[i].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
            cooperative = at.attrs[i].value.cooperative;
    null::write_record(
        "cuLaunchKernel", "f,grid,block,shared,hStream,cooperative,cluster,attributes,parameters",
        {null::text(function.name.c_str()), extent(at.gridDimX, at.gridDimY, at.gridDimZ),
         extent(at.blockDimX, at.blockDimY, at.blockDimZ), std::to_string(at.sharedMemBytes),
         null::text(at.hStream), std::to_string(cooperative), cluster_of(at), attributes_of(at),
         null::text(null::Exact{buffer.data(), buffer.size()})});
    return CUDA_SUCCESS;
}

// Some number that is not what it was.
CUresult clusters(const char *call, int *number, CUfunction handle, const CUlaunchConfig &at)
{
    *number = 4;
    if (null::recording)
        null::write_record(call, "f,grid,block,shared,cluster",
                           {null::text(reinterpret_cast<const Function *>(handle)->name.c_str()),
                            extent(at.gridDimX, at.gridDimY, at.gridDimZ),
                            extent(at.blockDimX, at.blockDimY, at.blockDimZ),
                            std::to_string(at.sharedMemBytes), cluster_of(at)});
    return CUDA_SUCCESS;
}

} // namespace

std::string null::kernel_text(const CUDA_KERNEL_NODE_PARAMS_v2 &kernel)
{
    auto &function = *reinterpret_cast<const Function *>(kernel.func);
    auto buffer = packed(function, kernel.kernelParams, kernel.extra);
    return function.name + ',' + extent(kernel.gridDimX, kernel.gridDimY, kernel.gridDimZ) + ',' +
           extent(kernel.blockDimX, kernel.blockDimY, kernel.blockDimZ) + ',' +
           std::to_string(kernel.sharedMemBytes) + ',' +
           null::text(null::Exact{buffer.data(), buffer.size()});
}

NULL_EXPORT cuOccupancyMaxActiveClusters(int *number, CUfunction function,
                                         const CUlaunchConfig *config)
{
    return clusters("cuOccupancyMaxActiveClusters", number, function, *config);
}

NULL_EXPORT cuOccupancyMaxPotentialClusterSize(int *size, CUfunction function,
                                               const CUlaunchConfig *config)
{
    return clusters("cuOccupancyMaxPotentialClusterSize", size, function, *config);
}

NULL_EXPORT cuModuleLoad(CUmodule *module, const char *path)
{
    return load_file("cuModuleLoad", module, path);
}

NULL_EXPORT cuModuleLoadData(CUmodule *module, const void *image)
{
    return load("cuModuleLoadData", module, image);
}

NULL_EXPORT cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int, CUjit_option *,
                               void **)
{
    return load("cuModuleLoadDataEx", module, image);
}

NULL_EXPORT cuModuleLoadFatBinary(CUmodule *module, const void *image)
{
    return load("cuModuleLoadFatBinary", module, image);
}

NULL_EXPORT cuLibraryLoadData(CUlibrary *library, const void *image, CUjit_option *, void **,
                              unsigned int, CUlibraryOption *, void **, unsigned int)
{
    return load("cuLibraryLoadData", library, image);
}

NULL_EXPORT cuLibraryLoadFromFile(CUlibrary *library, const char *path, CUjit_option *, void **,
                                  unsigned int, CUlibraryOption *, void **, unsigned int)
{
    return load_file("cuLibraryLoadFromFile", library, path);
}

NULL_EXPORT cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    return find("cuModuleGetFunction", function, module, name);
}

NULL_EXPORT cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name)
{
    return find("cuLibraryGetKernel", kernel, library, name);
}

NULL_EXPORT cuKernelGetFunction(CUfunction *function, CUkernel kernel)
{
    *function = reinterpret_cast<CUfunction>(kernel);
    return null::accept("cuKernelGetFunction", "kernel", kernel);
}

NULL_EXPORT cuLibraryGetModule(CUmodule *module, CUlibrary library)
{
    *module = reinterpret_cast<CUmodule>(library);
    return null::accept("cuLibraryGetModule", "library", library);
}

NULL_EXPORT cuFuncGetModule(CUmodule *module, CUfunction function)
{
    *module = reinterpret_cast<CUmodule>(reinterpret_cast<const Function *>(function)->image);
    return CUDA_SUCCESS;
}

NULL_EXPORT cuKernelGetLibrary(CUlibrary *library, CUkernel kernel)
{
    *library = reinterpret_cast<CUlibrary>(reinterpret_cast<const Function *>(kernel)->image);
    return CUDA_SUCCESS;
}

NULL_EXPORT cuModuleGetGlobal_v2(CUdeviceptr *pointer, size_t *bytes, CUmodule module,
                                 const char *name)
{
    return find_variable("cuModuleGetGlobal_v2", pointer, bytes, module, name);
}

NULL_EXPORT cuLibraryGetGlobal(CUdeviceptr *pointer, size_t *bytes, CUlibrary library,
                               const char *name)
{
    return find_variable("cuLibraryGetGlobal", pointer, bytes, library, name);
}

NULL_EXPORT cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *bytes)
{
    return parameter(function, index, offset, bytes);
}

NULL_EXPORT cuKernelGetParamInfo(CUkernel kernel, size_t index, size_t *offset, size_t *bytes)
{
    return parameter(kernel, index, offset, bytes);
}

NULL_EXPORT cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction)
{
    return attribute(value, which);
}

NULL_EXPORT cuKernelGetAttribute(int *value, CUfunction_attribute which, CUkernel, CUdevice)
{
    return attribute(value, which);
}

NULL_EXPORT cuFuncGetName(const char **name, CUfunction function)
{
    *name = reinterpret_cast<const Function *>(function)->name.c_str();
    return CUDA_SUCCESS;
}

NULL_EXPORT cuKernelGetName(const char **name, CUkernel kernel)
{
    *name = reinterpret_cast<const Function *>(kernel)->name.c_str();
    return CUDA_SUCCESS;
}

// Whoever divides by an occupancy must find one.
NULL_EXPORT cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, CUfunction,
                                                                 int threads, size_t, unsigned int)
{
    *blocks = threads > 0 ? 2048 / threads : 0;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function,
                                                        int threads, size_t shared)
{
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, function, threads, shared,
                                                                0);
}

NULL_EXPORT cuOccupancyMaxPotentialBlockSizeWithFlags(int *grid, int *block, CUfunction,
                                                      CUoccupancyB2DSize, size_t, int limit,
                                                      unsigned int)
{
    *block = limit > 0 && limit < 1024 ? limit : 1024;
    *grid = 216;
    return CUDA_SUCCESS;
}

NULL_EXPORT cuOccupancyMaxPotentialBlockSize(int *grid, int *block, CUfunction function,
                                             CUoccupancyB2DSize shared_of, size_t shared, int limit)
{
    return cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, function, shared_of, shared,
                                                     limit, 0);
}

NULL_EXPORT cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y,
                           unsigned int grid_z, unsigned int block_x, unsigned int block_y,
                           unsigned int block_z, unsigned int shared, CUstream stream,
                           void **values, void **extra)
{
    if (!null::recording) [[likely]]
        return CUDA_SUCCESS;
    return record_launch({.gridDimX = grid_x,
                          .gridDimY = grid_y,
                          .gridDimZ = grid_z,
                          .blockDimX = block_x,
                          .blockDimY = block_y,
                          .blockDimZ = block_z,
                          .sharedMemBytes = shared,
                          .hStream = stream},
                         function, values, extra);
}

NULL_EXPORT cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **values,
                             void **extra)
{
#if CUDA_VERSION >= 12040
    for (unsigned i = 0; i < config->numAttrs; i++)
        if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE &&
            config->attrs[i].value.deviceUpdatableKernelNode.deviceUpdatable)
            config->attrs[i].value.deviceUpdatableKernelNode.devNode =
                reinterpret_cast<CUgraphDeviceNode>(uintptr_t(0xd0de) << 32);
#endif
    return null::recording ? record_launch(*config, function, values, extra) : CUDA_SUCCESS;
}
