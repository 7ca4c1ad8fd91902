// SPDX-License-Identifier: Apache-2.0
// What a module and a library have, attributes of streams, and small questions; with everything
// that can be wrong.
#include "driver.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

const char *const program = "enumerate";

static const char *const code = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry first() { ret; }
.visible .entry second(.param .u64 data) { ret; }
.visible .entry third(.param .u32 one, .param .u32 two) { ret; }
)";

int main()
{
    CUdevice device;
    CUcontext context = open_context(&device);
    CUmodule module;
    CUlibrary library;
    DRIVER(cuModuleLoadData(&module, code));
    DRIVER(cuLibraryLoadData(&library, code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    std::vector<std::string> names;

    unsigned count = 0;
    DRIVER(cuModuleGetFunctionCount(&count, module));
    EXPECT(count == 3);
    CUfunction functions[3] = {}, known;
    DRIVER(cuModuleEnumerateFunctions(functions, 3, module));
    DRIVER(cuModuleGetFunction(&known, module, "second"));
    for (CUfunction function : functions) {
        const char *name = nullptr;
        DRIVER(cuFuncGetName(&name, function));
        names.push_back(name);
        // As good as one that was looked up by its name.
        int threads = 0;
        DRIVER(cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function));
        EXPECT(threads > 0);
        if (names.back() == "first")
            DRIVER(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
    }
    DRIVER(cuCtxSynchronize());
    std::sort(names.begin(), names.end());
    EXPECT(names == std::vector<std::string>({"first", "second", "third"}));
    CUfunction one = nullptr;
    DRIVER(cuModuleEnumerateFunctions(&one, 1, module));
    EXPECT(one != nullptr);

    CUkernel kernels[3] = {};
    DRIVER(cuLibraryGetKernelCount(&count, library));
    EXPECT(count == 3);
    DRIVER(cuLibraryEnumerateKernels(kernels, 3, library));
    names.clear();
    for (CUkernel kernel : kernels) {
        const char *name = nullptr;
        DRIVER(cuKernelGetName(&name, kernel));
        names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    EXPECT(names == std::vector<std::string>({"first", "second", "third"}));

    CUmodule no_module = reinterpret_cast<CUmodule>(uintptr_t(0x7777));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuModuleEnumerateFunctions(nullptr, 3, module));
    FAILS(CUDA_ERROR_INVALID_HANDLE, cuModuleEnumerateFunctions(functions, 3, no_module));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuLibraryEnumerateKernels(nullptr, 3, library));

    // Attributes of streams are kept, and copied.
    CUstream stream, other;
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
    CUstreamAttrValue value{}, got{};
    DRIVER(cuStreamGetAttribute(stream, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
    EXPECT(got.syncPolicy == CU_SYNC_POLICY_AUTO);
    value.syncPolicy = CU_SYNC_POLICY_YIELD;
    DRIVER(cuStreamSetAttribute(stream, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value));
    DRIVER(cuStreamGetAttribute(stream, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
    EXPECT(got.syncPolicy == CU_SYNC_POLICY_YIELD);
    CUdeviceptr data;
    DRIVER(cuMemAlloc(&data, 4096));
    value = {};
    value.accessPolicyWindow.base_ptr = reinterpret_cast<void *>(data);
    value.accessPolicyWindow.num_bytes = 4096;
    value.accessPolicyWindow.hitRatio = 0.25f;
    value.accessPolicyWindow.hitProp = CU_ACCESS_PROPERTY_PERSISTING;
    DRIVER(cuStreamSetAttribute(stream, CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, &value));
    DRIVER(cuStreamCopyAttributes(other, stream));
    DRIVER(cuStreamGetAttribute(other, CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, &got));
    EXPECT(got.accessPolicyWindow.base_ptr == reinterpret_cast<void *>(data) &&
           got.accessPolicyWindow.hitRatio == 0.25f &&
           got.accessPolicyWindow.hitProp == CU_ACCESS_PROPERTY_PERSISTING);
    DRIVER(cuStreamGetAttribute(other, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
    EXPECT(got.syncPolicy == CU_SYNC_POLICY_YIELD);
    DRIVER(cuStreamGetAttribute(other, CU_LAUNCH_ATTRIBUTE_PRIORITY, &got));
    EXPECT(got.priority == 0);
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuStreamGetAttribute(stream, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &got));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuStreamSetAttribute(stream, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value));
    DRIVER(cuStreamSynchronize(stream));
    DRIVER(cuStreamSynchronize(other));

    // Batches of copies, in order with all else in the stream.
    unsigned from[3][64], to[192] = {};
    CUdeviceptr targets[3], sources[3];
    size_t sizes[3], firsts[1] = {0};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned k = 0; k < 64; k++)
            from[i][k] = scramble(i * 64 + k);
        targets[i] = data + i * 256;
        sources[i] = reinterpret_cast<CUdeviceptr>(from[i]);
        sizes[i] = 256;
    }
#if CUDA_VERSION >= 13000
    CUmemcpyAttributes attributes{};
    attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
    DRIVER(cuMemcpyBatchAsync(targets, sources, sizes, 3, &attributes, firsts, 1, stream));
    std::memset(from, 0, sizeof from);
    attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
    CUDA_MEMCPY3D_BATCH_OP box{};
    box.src.type = box.dst.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
    box.src.op.ptr.ptr = data;
    box.dst.op.ptr.ptr = data + 1024;
    box.src.op.ptr.rowLength = box.dst.op.ptr.rowLength = 256;
    box.extent = {256, 3, 1};
    box.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
    DRIVER(cuMemcpy3DBatchAsync(1, &box, 0, stream));
    CUdeviceptr home = reinterpret_cast<CUdeviceptr>(to), there = data + 1024;
    size_t whole = sizeof to;
    DRIVER(cuMemcpyBatchAsync(&home, &there, &whole, 1, &attributes, firsts, 1, stream));
    DRIVER(cuStreamSynchronize(stream));
    for (unsigned i = 0; i < 192; i++)
        EXPECT(to[i] == scramble(i));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemcpyBatchAsync(targets, sources, sizes, 0, &attributes, firsts, 1, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemcpyBatchAsync(targets, sources, sizes, 3, nullptr, firsts, 1, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemcpyBatchAsync(targets, sources, sizes, 3, &attributes, firsts, 1, nullptr));
    FAILS(CUDA_ERROR_INVALID_VALUE,
          cuMemcpyBatchAsync(targets, sources, sizes, 1, &attributes, firsts, 2, stream));
    box.extent.width = 0;
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DBatchAsync(1, &box, 0, stream));
    FAILS(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DBatchAsync(1, nullptr, 0, stream));
#else
    (void)targets, (void)sources, (void)sizes, (void)firsts, (void)from;
    for (unsigned i = 0; i < 192; i++)
        to[i] = scramble(i);
#endif

    DRIVER(cuMemFree(data));
    DRIVER(cuStreamDestroy(stream));
    DRIVER(cuStreamDestroy(other));
    DRIVER(cuLibraryUnload(library));
    DRIVER(cuModuleUnload(module));
    DRIVER(cuCtxDestroy(context));
    passed(checksum(to, sizeof to));
    return 0;
}
