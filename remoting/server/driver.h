// SPDX-License-Identifier: Apache-2.0
// The seam to the vendor's driver, or the software GPU: a table of public entry points, found by
// dlopen.
#pragma once

#include <cuda.h>

#include <memory>
#include <string>

// What the header calls deprecated is carried too.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace vgpu::server
{

// What the table of calls uses as it is (generated).
struct ServedEntries {
#define ENTRY(name) decltype(&::name) name = nullptr;
#include "remoting/api/driver-table.inc"
#undef ENTRY
};

// What the server's own code uses. Old versions, which the header hides, have their types here.
using CtxCreateFn = CUresult(CUDAAPI *)(CUcontext *, unsigned, CUdevice);
using ElapsedTimeFn = CUresult(CUDAAPI *)(float *, CUevent, CUevent);

#define VGPU_OWN_ENTRIES                                                                           \
    ENTRY(cuInit)                                                                                  \
    ENTRY(cuDriverGetVersion)                                                                      \
    ENTRY(cuGetErrorName)                                                                          \
    ENTRY(cuDeviceGetCount)                                                                        \
    ENTRY(cuDeviceGet)                                                                             \
    ENTRY(cuDeviceGetName)                                                                         \
    ENTRY(cuDeviceGetAttribute)                                                                    \
    ENTRY(cuDeviceGetPCIBusId)                                                                     \
    ENTRY(cuDeviceTotalMem_v2)                                                                     \
    ENTRY(cuDevicePrimaryCtxRetain)                                                                \
    ENTRY(cuDevicePrimaryCtxRelease_v2)                                                            \
    ENTRY(cuDevicePrimaryCtxReset_v2)                                                              \
    ENTRY(cuDevicePrimaryCtxSetFlags_v2)                                                           \
    ENTRY(cuCtxDestroy_v2)                                                                         \
    ENTRY(cuCtxSetCurrent)                                                                         \
    ENTRY(cuCtxSetLimit)                                                                           \
    ENTRY(cuCtxSynchronize)                                                                        \
    ENTRY(cuMemAddressReserve)                                                                     \
    ENTRY(cuMemAddressFree)                                                                        \
    ENTRY(cuMemCreate)                                                                             \
    ENTRY(cuMemRelease)                                                                            \
    ENTRY(cuMemMap)                                                                                \
    ENTRY(cuMemUnmap)                                                                              \
    ENTRY(cuMemSetAccess)                                                                          \
    ENTRY(cuMemGetAllocationGranularity)                                                           \
    ENTRY(cuMemcpyAsync)                                                                           \
    ENTRY(cuMemcpyHtoDAsync_v2)                                                                    \
    ENTRY(cuMemcpyDtoHAsync_v2)                                                                    \
    ENTRY(cuMemcpy2DAsync_v2)                                                                      \
    ENTRY(cuMemcpy3DAsync_v2)                                                                      \
    ENTRY(cuMemcpy3DPeerAsync)                                                                     \
    ENTRY(cuArray3DCreate_v2)                                                                      \
    ENTRY(cuArrayDestroy)                                                                          \
    ENTRY(cuMipmappedArrayCreate)                                                                  \
    ENTRY(cuMipmappedArrayDestroy)                                                                 \
    ENTRY(cuTexObjectCreate)                                                                       \
    ENTRY(cuTexObjectDestroy)                                                                      \
    ENTRY(cuSurfObjectCreate)                                                                      \
    ENTRY(cuSurfObjectDestroy)                                                                     \
    ENTRY(cuMemHostRegister_v2)                                                                    \
    ENTRY(cuMemHostUnregister)                                                                     \
    ENTRY(cuMemHostGetDevicePointer_v2)                                                            \
    ENTRY(cuModuleLoadDataEx)                                                                      \
    ENTRY(cuModuleUnload)                                                                          \
    ENTRY(cuModuleGetGlobal_v2)                                                                    \
    ENTRY(cuLibraryLoadData)                                                                       \
    ENTRY(cuLibraryUnload)                                                                         \
    ENTRY(cuLibraryGetGlobal)                                                                      \
    ENTRY(cuLibraryGetManaged)                                                                     \
    ENTRY(cuLinkCreate_v2)                                                                         \
    ENTRY(cuLinkAddData_v2)                                                                        \
    ENTRY(cuLinkComplete)                                                                          \
    ENTRY(cuLinkDestroy)                                                                           \
    ENTRY(cuFuncGetAttribute)                                                                      \
    ENTRY(cuFuncGetParamInfo)                                                                      \
    ENTRY(cuKernelGetAttribute)                                                                    \
    ENTRY(cuKernelGetParamInfo)                                                                    \
    ENTRY(cuLaunchKernel)                                                                          \
    ENTRY(cuLaunchKernelEx)                                                                        \
    ENTRY(cuStreamCreateWithPriority)                                                              \
    ENTRY(cuStreamIsCapturing)                                                                     \
    ENTRY(cuStreamDestroy_v2)                                                                      \
    ENTRY(cuEventDestroy_v2)                                                                       \
    ENTRY(cuEventSynchronize)                                                                      \
    ENTRY(cuStreamSynchronize)                                                                     \
    ENTRY(cuStreamBatchMemOp_v2)                                                                   \
    ENTRY(cuStreamAddCallback)                                                                     \
    ENTRY(cuLaunchHostFunc)                                                                        \
    ENTRY(cuStreamSetAttribute)

// What a driver may lack: newer than CUDA 12.0.
#if CUDA_VERSION >= 12040
#define VGPU_ENTRIES_12_4                                                                          \
    ENTRY(cuModuleEnumerateFunctions)                                                              \
    ENTRY(cuLibraryEnumerateKernels)                                                               \
    ENTRY(cuFuncGetName)                                                                           \
    ENTRY(cuKernelGetName)
#else
#define VGPU_ENTRIES_12_4
#endif
#if CUDA_VERSION >= 12050
#define VGPU_ENTRIES_12_5 ENTRY(cuGreenCtxStreamCreate)
#else
#define VGPU_ENTRIES_12_5
#endif
#if CUDA_VERSION >= 12080
#define VGPU_ENTRIES_12_8                                                                          \
    ENTRY(cuTensorMapEncodeIm2colWide)                                                             \
    ENTRY(cuMemBatchDecompressAsync)
#else
#define VGPU_ENTRIES_12_8
#endif
#if CUDA_VERSION >= 13000
#define VGPU_ENTRIES_13_0 ENTRY(cuDeviceGetP2PAtomicCapabilities)
#else
#define VGPU_ENTRIES_13_0
#endif
#define VGPU_OPTIONAL_ENTRIES                                                                      \
    VGPU_ENTRIES_12_4                                                                              \
    VGPU_ENTRIES_12_5                                                                              \
    VGPU_ENTRIES_12_8                                                                              \
    VGPU_ENTRIES_13_0                                                                              \
    ENTRY(cuMemExportToShareableHandle)                                                            \
    ENTRY(cuMemImportFromShareableHandle)                                                          \
    ENTRY(cuMemRetainAllocationHandle)                                                             \
    ENTRY(cuMemMapArrayAsync)                                                                      \
    ENTRY(cuIpcGetEventHandle)                                                                     \
    ENTRY(cuIpcOpenEventHandle)                                                                    \
    ENTRY(cuTexRefSetBorderColor)                                                                  \
    ENTRY(cuTexRefGetBorderColor)                                                                  \
    ENTRY(cuOccupancyMaxActiveClusters)                                                            \
    ENTRY(cuOccupancyMaxPotentialClusterSize)                                                      \
    ENTRY(cuTensorMapEncodeTiled)                                                                  \
    ENTRY(cuTensorMapEncodeIm2col)                                                                 \
    ENTRY(cuTensorMapReplaceAddress)                                                               \
    ENTRY(cuDeviceGetDevResource)                                                                  \
    ENTRY(cuCtxGetDevResource)                                                                     \
    ENTRY(cuGreenCtxGetDevResource)                                                                \
    ENTRY(cuDevSmResourceSplitByCount)                                                             \
    ENTRY(cuDevResourceGenerateDesc)                                                               \
    ENTRY(cuGreenCtxCreate)                                                                        \
    ENTRY(cuGreenCtxDestroy)                                                                       \
    ENTRY(cuCtxFromGreenCtx)

struct OwnEntries {
#define ENTRY(name) decltype(&::name) name = nullptr;
    VGPU_OWN_ENTRIES
    VGPU_OPTIONAL_ENTRIES
#undef ENTRY
    decltype(&::cuDeviceGetUuid_v2) cuDeviceGetUuid_v2 = nullptr;
    CtxCreateFn cuCtxCreate_v2 = nullptr;
    ElapsedTimeFn cuEventElapsedTime = nullptr; // of either version
};

// What a driver may lack: null then.
#define VGPU_GRAPH_ENTRIES                                                                         \
    ENTRY(cuGraphAddNode_v2)                                                                       \
    ENTRY(cuGraphNodeSetParams)                                                                    \
    ENTRY(cuGraphExecNodeSetParams)                                                                \
    ENTRY(cuStreamBeginCapture_v2)                                                                 \
    ENTRY(cuStreamBeginCaptureToGraph)                                                             \
    ENTRY(cuStreamEndCapture)                                                                      \
    ENTRY(cuStreamGetCaptureInfo_v3)                                                               \
    ENTRY(cuStreamUpdateCaptureDependencies_v2)                                                    \
    ENTRY(cuUserObjectCreate)                                                                      \
    ENTRY(cuUserObjectRelease)                                                                     \
    ENTRY(cuGraphRetainUserObject)                                                                 \
    ENTRY(cuUserObjectRetain)                                                                      \
    ENTRY(cuGraphReleaseUserObject)                                                                \
    ENTRY(cuGraphHostNodeGetParams)                                                                \
    ENTRY(cuGraphKernelNodeGetParams_v2)                                                           \
    ENTRY(cuGraphMemcpyNodeGetParams)                                                              \
    ENTRY(cuGraphMemsetNodeGetParams)                                                              \
    ENTRY(cuGraphEventRecordNodeGetEvent)                                                          \
    ENTRY(cuGraphEventWaitNodeGetEvent)                                                            \
    ENTRY(cuGraphMemAllocNodeGetParams)                                                            \
    ENTRY(cuGraphMemFreeNodeGetParams)                                                             \
    ENTRY(cuGraphBatchMemOpNodeGetParams)                                                          \
    ENTRY(cuGraphDebugDotPrint)                                                                    \
    ENTRY(cuGraphInstantiateWithParams)                                                            \
    ENTRY(cuGraphExecDestroy)                                                                      \
    ENTRY(cuGraphDestroy)                                                                          \
    ENTRY(cuGraphDestroyNode)                                                                      \
    ENTRY(cuGraphGetNodes)                                                                         \
    ENTRY(cuGraphGetRootNodes)                                                                     \
    ENTRY(cuGraphGetEdges_v2)                                                                      \
    ENTRY(cuGraphNodeGetDependencies_v2)                                                           \
    ENTRY(cuGraphNodeGetDependentNodes_v2)                                                         \
    ENTRY(cuGraphAddDependencies_v2)                                                               \
    ENTRY(cuGraphRemoveDependencies_v2)                                                            \
    ENTRY(cuGraphExecUpdate_v2)                                                                    \
    ENTRY(cuGraphLaunch)                                                                           \
    ENTRY(cuGraphNodeFindInClone)                                                                  \
    ENTRY(cuGraphChildGraphNodeGetGraph)                                                           \
    ENTRY(cuDeviceGetGraphMemAttribute)                                                            \
    ENTRY(cuDeviceSetGraphMemAttribute)                                                            \
    ENTRY(cuMemAllocAsync)                                                                         \
    ENTRY(cuMemFreeAsync)                                                                          \
    ENTRY(cuMemFree_v2)                                                                            \
    ENTRY(cuPointerGetAttribute)                                                                   \
    ENTRY(cuGraphKernelNodeGetAttribute)                                                           \
    ENTRY(cuGraphKernelNodeSetAttribute)

struct GraphEntries {
#define ENTRY(name) decltype(&::name) name = nullptr;
    VGPU_GRAPH_ENTRIES
#undef ENTRY
};

struct Driver : ServedEntries, OwnEntries, GraphEntries {
    std::string path; // what was opened
    int version = 0;

    // "CUDA_ERROR_INVALID_VALUE", for texts.
    std::string name_of(CUresult result) const;

    // Throws Error with `what` and the result's name unless it is a success.
    void check(CUresult result, const char *what) const;
};

// Opens the driver at `path`, or where that is empty the system's libcuda.so.1 and, where there is
// none or it has no device, the software GPU; and initialises it. Throws Error that names each one
// tried and what was wrong. It stays open until the process ends: a driver is not made to be
// unloaded.
std::unique_ptr<Driver> open_driver(const std::string &path);

} // namespace vgpu::server

#pragma GCC diagnostic pop
