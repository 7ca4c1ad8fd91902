// SPDX-License-Identifier: Apache-2.0
// Compiled once with the headers of CUDA 12 and once with those of 13, and linked with that
// runtime: what differs between the two, and work that both must see. `majors` loads both into one
// process.
#include "check.h"

#include <cstring>
#include <cuda.h>
#include <cuda_runtime_api.h>

const char *const program = "majors";

namespace
{

const char *const kCode = R"(
.version 7.0
.target sm_70
.address_size 64

.visible .entry add(.param .u64 data, .param .u32 value)
{
    .reg .b32 %r<4>;
    .reg .b64 %rd<4>;
    ld.param.u64 %rd1, [data];
    ld.param.u32 %r1, [value];
    mov.u32 %r2, %tid.x;
    mul.wide.u32 %rd2, %r2, 4;
    add.s64 %rd3, %rd1, %rd2;
    ld.global.u32 %r3, [%rd3];
    add.u32 %r3, %r3, %r1;
    st.global.u32 [%rd3], %r3;
    ret;
}
)";

int attribute(cudaDeviceAttr which)
{
    int value = -1;
    CUDA(cudaDeviceGetAttribute(&value, which, 0));
    return value;
}

// Structures and signatures that the two majors do not share.
void look_at_what_differs()
{
    cudaDeviceProp properties;
    std::memset(&properties, 0x55, sizeof properties);
    CUDA(cudaGetDeviceProperties(&properties, 0));
    EXPECT(properties.major == attribute(cudaDevAttrComputeCapabilityMajor));
    EXPECT(properties.warpSize == 32);
    EXPECT(properties.multiProcessorCount == attribute(cudaDevAttrMultiProcessorCount));
    EXPECT(properties.maxBlocksPerMultiProcessor ==
           attribute(cudaDevAttrMaxBlocksPerMultiprocessor));
    EXPECT(properties.clusterLaunch == attribute(cudaDevAttrClusterLaunch));
#if CUDART_VERSION < 13000
    EXPECT(properties.clockRate == attribute(cudaDevAttrClockRate));
    EXPECT(properties.memoryClockRate == attribute(cudaDevAttrMemoryClockRate));
#else
    EXPECT(properties.hostNumaMultinodeIpcSupported ==
           attribute(cudaDevAttrHostNumaMultinodeIpcSupported));
#endif
    int version = 0;
    CUDA(cudaRuntimeGetVersion(&version));
    EXPECT(version == CUDART_VERSION);

    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusActive;
    unsigned long long id = 0;
#if CUDART_VERSION < 13000
    CUDA(cudaStreamGetCaptureInfo_v2(stream, &status, &id));
#else
    CUDA(cudaStreamGetCaptureInfo(stream, &status, &id));
#endif
    EXPECT(status == cudaStreamCaptureStatusNone);
    CUDA(cudaStreamDestroy(stream));
}

// A batch of copies, and a node whose parameters are set anew: with other parameters each time.
void copy_by_other_ways(const unsigned *data, unsigned count)
{
    cudaStream_t stream;
    CUDA(cudaStreamCreate(&stream));
    unsigned *copy, result[64] = {};
    const size_t bytes = count * sizeof *data;
    EXPECT(bytes <= sizeof result);
    CUDA(cudaMalloc(reinterpret_cast<void **>(&copy), bytes));
    void *to[] = {copy}, *from[] = {const_cast<unsigned *>(data)};
    size_t sizes[] = {bytes}, first[] = {0};
    cudaMemcpyAttributes attributes{};
    attributes.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
    cudaMemcpy3DBatchOp box{};
    box.src.type = box.dst.type = cudaMemcpyOperandTypePointer;
    box.src.op.ptr.ptr = copy;
    box.dst.op.ptr.ptr = copy;
    box.extent = {4, 1, 1};
    box.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
#if CUDART_VERSION < 13000
    size_t failed = 0;
    CUDA(cudaMemcpyBatchAsync(to, from, sizes, 1, &attributes, first, 1, &failed, stream));
    CUDA(cudaMemcpy3DBatchAsync(1, &box, &failed, 0, stream));
#else
    CUDA(cudaMemcpyBatchAsync(to, from, sizes, 1, &attributes, first, 1, stream));
    CUDA(cudaMemcpy3DBatchAsync(1, &box, 0, stream));
#endif
    CUDA(cudaStreamSynchronize(stream));

    cudaGraph_t graph;
    cudaGraphNode_t node;
    cudaGraphExec_t exec;
    CUDA(cudaGraphCreate(&graph, 0));
    CUDA(cudaGraphAddMemcpyNode1D(&node, graph, nullptr, 0, result, data, 4,
                                  cudaMemcpyDeviceToHost));
    cudaGraphNodeParams parameters{};
    parameters.type = cudaGraphNodeTypeMemcpy;
    CUDA(cudaGraphMemcpyNodeGetParams(node, &parameters.memcpy.copyParams));
    EXPECT(parameters.memcpy.copyParams.dstPtr.ptr == result);
    parameters.memcpy.copyParams.srcPtr = {copy, bytes, bytes, 1};
    parameters.memcpy.copyParams.dstPtr = {result, bytes, bytes, 1};
    parameters.memcpy.copyParams.extent.width = bytes;
    CUDA(cudaGraphNodeSetParams(node, &parameters));
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CUDA(cudaGraphLaunch(exec, stream));
    CUDA(cudaStreamSynchronize(stream));
    EXPECT(result[0] == result[count - 1] && result[0] != 0);
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
    CUDA(cudaFree(copy));
    CUDA(cudaStreamDestroy(stream));
}

template<typename Function>
Function entry_point(const char *name)
{
    void *function = nullptr;
    cudaDriverEntryPointQueryResult found;
    CUDA(cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &found));
    EXPECT(found == cudaDriverEntryPointSuccess && function);
    return reinterpret_cast<Function>(function);
}

void add(unsigned *data, unsigned count, unsigned value)
{
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    void *parameters[] = {&data, &value};
    EXPECT(entry_point<decltype(&cuModuleLoadData)>("cuModuleLoadData")(&module, kCode) ==
           CUDA_SUCCESS);
    EXPECT(entry_point<decltype(&cuModuleGetFunction)>("cuModuleGetFunction")(
               &function, module, "add") == CUDA_SUCCESS);
    EXPECT(entry_point<decltype(&cuLaunchKernel)>("cuLaunchKernel")(
               function, 1, 1, 1, count, 1, 1, 0, nullptr, parameters, nullptr) == CUDA_SUCCESS);
    CUDA(cudaDeviceSynchronize());
    EXPECT(entry_point<decltype(&cuModuleUnload)>("cuModuleUnload")(module) == CUDA_SUCCESS);
}

} // namespace

// Adds its own version to each of `count` numbers on the device; makes them, from 0, where `data`
// is null.
extern "C" __attribute__((visibility("default"))) unsigned *part(unsigned *data, unsigned count,
                                                                 unsigned *result)
{
    look_at_what_differs();
    if (!data) {
        CUDA(cudaMalloc(reinterpret_cast<void **>(&data), count * sizeof *data));
        CUDA(cudaMemset(data, 0, count * sizeof *data));
    }
    add(data, count, CUDART_VERSION / 1000);
    CUDA(cudaMemcpy(result, data, count * sizeof *data, cudaMemcpyDeviceToHost));
    copy_by_other_ways(data, count);

    // Each runtime has errors of its own.
    EXPECT(cudaFree(reinterpret_cast<void *>(1)) == cudaErrorInvalidValue);
    EXPECT(cudaPeekAtLastError() == cudaErrorInvalidValue);
    return data;
}

extern "C" __attribute__((visibility("default"))) int last_error()
{
    return cudaGetLastError();
}
