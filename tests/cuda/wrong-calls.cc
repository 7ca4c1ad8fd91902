// SPDX-License-Identifier: Apache-2.0
// Calls of the driver API with one wrong argument each (wrong.h).
#include "driver.h"
#include "wrong.h"

// Texture references are calls too.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

const char *const program = "wrong-calls";

template<>
wrong::Code wrong::code_of(CUresult result)
{
    return {name_of(result), result == CUDA_SUCCESS};
}

using wrong::dead;

static CUdevice device;
static CUcontext context;
static CUstream stream;
static bool copying; // null is a stream too: one copy at a time, or they would race
static CUevent event;
static CUdeviceptr data;
static CUmodule module;
static CUfunction kernel;
static CUarray array;
static CUmipmappedArray pyramid;
static constexpr size_t kBytes = 4096;
static char host[kBytes];

static void CUDA_CB nothing(void *) {}
static void CUDA_CB told(CUstream, CUresult, void *) {}
static size_t CUDA_CB no_shared(int)
{
    return 0;
}

static void devices()
{
    int number = 0, other = 0;
    unsigned flags = 0;
    size_t bytes = 0;
    char text[64] = {};
    CUuuid uuid{};
    CUmemoryPool pool{};
    CUdevice found = 0;
    WALK(cuDeviceGet, &found, 0);
    WALK(cuDeviceGetCount, &number);
    WALK_BUT(2, cuDeviceGetName, text, int(sizeof text), device);
    WALK(cuDeviceGetUuid, &uuid, device);
    WALK(cuDeviceTotalMem, &bytes, device);
    WALK(cuDeviceGetTexture1DLinearMaxWidth, &bytes, CU_AD_FORMAT_FLOAT, 4, device);
    WALK(cuDeviceGetAttribute, &number, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device);
    WALK(cuDeviceGetMemPool, &pool, device);
    WALK(cuDeviceGetDefaultMemPool, &pool, device);
    WALK(cuDeviceSetMemPool, device, pool);
    WALK(cuDeviceGetExecAffinitySupport, &number, CU_EXEC_AFFINITY_TYPE_SM_COUNT, device);
    WALK_BUT(2, cuDeviceGetPCIBusId, text, int(sizeof text), device);
    WALK(cuDeviceGetByPCIBusId, &found, text);
    WALK(cuDeviceCanAccessPeer, &number, device, device);
    WALK(cuDeviceGetP2PAttribute, &number, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, device,
         device);
    WALK(cuDevicePrimaryCtxGetState, device, &flags, &other);
    WALK(cuDevicePrimaryCtxSetFlags, device, 0);
    cuuint64_t used = 0;
    WALK(cuDeviceGetGraphMemAttribute, device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used);
    WALK(cuDeviceGetGraphMemAttribute, device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used);
    WALK(cuDeviceSetGraphMemAttribute, device, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &used);
    WALK(cuDeviceGraphMemTrim, device);
    WALK(cuDriverGetVersion, &number);
    const char *name = nullptr;
    WALK(cuGetErrorName, CUDA_ERROR_UNKNOWN, &name);
    WALK(cuGetErrorString, CUDA_ERROR_UNKNOWN, &name);
    void *entry = nullptr;
    CUdriverProcAddressQueryResult how{};
    WALK(cuGetProcAddress, "cuMemAlloc", &entry, 12000, 0, &how);
}

static void contexts()
{
    CUcontext found = nullptr;
    CUdevice of = 0;
    unsigned flags = 0;
    unsigned long long id = 0;
    size_t bytes = 0;
    int least = 0, greatest = 0;
    CUfunc_cache cache{};
    WALK(cuCtxGetCurrent, &found);
    WALK(cuCtxSetCurrent, context);
    WALK(cuCtxGetDevice, &of);
    WALK(cuCtxGetFlags, &flags);
    WALK(cuCtxGetId, context, &id);
    WALK(cuCtxGetApiVersion, context, &flags);
    WALK(cuCtxGetLimit, &bytes, CU_LIMIT_STACK_SIZE);
    WALK_BUT(2, cuCtxSetLimit, CU_LIMIT_STACK_SIZE, bytes);
    WALK(cuCtxGetCacheConfig, &cache);
    WALK(cuCtxSetCacheConfig, cache);
    WALK(cuCtxGetStreamPriorityRange, &least, &greatest);
    WALK(cuCtxEnablePeerAccess, context, 0);
    WALK(cuCtxDisablePeerAccess, context);
    WALK(cuCtxRecordEvent, context, event);
    WALK(cuCtxWaitEvent, context, event);
    CUexecAffinityParam affinity{};
    WALK(cuCtxGetExecAffinity, &affinity, CU_EXEC_AFFINITY_TYPE_SM_COUNT);
    CUdevResource resource{};
    WALK(cuDeviceGetDevResource, device, &resource, CU_DEV_RESOURCE_TYPE_SM);
    WALK(cuCtxGetDevResource, context, &resource, CU_DEV_RESOURCE_TYPE_SM);
    REFUSE(cuCtxDestroy);
}

// At once, before something else comes to lie there.
static void freed()
{
    CUdeviceptr gone = 0, at = 0;
    size_t size = 0;
    int answer = 0;
    DRIVER(cuMemAlloc(&gone, 8 << 20));
    DRIVER(cuMemFree(gone));
    auto shown = [](const char *call, CUresult result) {
        std::printf("%s: %s of what was freed: %s\n", program, call, name_of(result));
    };
    shown("cuMemFree", cuMemFree(gone));
    shown("cuMemFreeAsync", cuMemFreeAsync(gone, stream));
    shown("cuMemGetAddressRange", cuMemGetAddressRange(&at, &size, gone));
    shown("cuPointerGetAttribute",
          cuPointerGetAttribute(&answer, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, gone));
    shown("cuMemcpyHtoD", cuMemcpyHtoD(gone, host, 16));
    shown("cuMemcpyDtoH", cuMemcpyDtoH(host, gone, 16));
    shown("cuMemcpyDtoD", cuMemcpyDtoD(data, gone, 16));
    shown("cuMemcpyHtoDAsync", cuMemcpyHtoDAsync(gone, host, 16, stream));
    shown("cuMemcpyDtoHAsync", cuMemcpyDtoHAsync(host, gone, 16, stream));
    shown("cuMemcpyDtoDAsync", cuMemcpyDtoDAsync(gone, data, 16, stream));
    shown("cuMemsetD8", cuMemsetD8(gone, 1, 16));
    shown("cuMemsetD2D32Async", cuMemsetD2D32Async(gone, 64, 1, 4, 4, stream));
    shown("cuStreamWriteValue32", cuStreamWriteValue32(stream, gone, 1, 0));
    CUipcMemHandle exported{};
    shown("cuIpcGetMemHandle", cuIpcGetMemHandle(&exported, gone));
}

static void memory()
{
    CUdeviceptr at = 0, base = 0;
    size_t size = 0;
    void *pinned = nullptr, *device_sees = nullptr;
    unsigned flags = 0;
    WALK(cuMemGetInfo, &size, &size);
    WALK(cuMemAlloc, &at, kBytes);
    WALK(cuMemAllocPitch, &at, &size, 100, 10, 4);
    WALK(cuMemAllocManaged, &at, kBytes, CU_MEM_ATTACH_GLOBAL);
    CUdeviceptr managed = at;
    WALK(cuMemAllocHost, &pinned, kBytes);
    WALK(cuMemHostAlloc, &pinned, kBytes, 0);
    WALK(cuMemHostGetFlags, &flags, pinned);
    WALK(cuMemHostGetDevicePointer, &at, pinned, 0);
    static char own[kBytes];
    WALK_BUT(2, cuMemHostRegister, own, kBytes, 0);
    DRIVER(cuMemHostUnregister(own));
    WALK_BUT(2, cuMemHostRegister, own, kBytes, CU_MEMHOSTREGISTER_DEVICEMAP);
    WALK(cuMemGetAddressRange, &base, &size, data);
    WALK(cuMemAllocAsync, &at, kBytes, stream);
    WALK(cuMemFreeAsync, at, stream);
    REFUSE(cuMemFree);
    REFUSE(cuMemFreeHost);
    REFUSE(cuMemHostUnregister);

    int answer = 0;
    WALK(cuPointerGetAttribute, &answer, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, data);
    WALK(cuPointerGetAttribute, &device_sees, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, data);
    int sync = 1;
    WALK(cuPointerSetAttribute, &sync, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, data);
    CUpointer_attribute which = CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL;
    void *into = &answer;
    WALK_BUT(1, cuPointerGetAttributes, 1, &which, &into, data);
    CUmem_range_attribute range = CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY;
    size_t four = 4;
    WALK(cuMemRangeGetAttribute, &answer, sizeof answer, range, managed, kBytes);
    WALK_BUT(8, cuMemRangeGetAttributes, &into, &four, &range, 1, managed, kBytes);
    WALK(cuStreamAttachMemAsync, stream, managed, 0, CU_MEM_ATTACH_GLOBAL);
#if CUDA_VERSION >= 13000
    CUmemLocation here{CU_MEM_LOCATION_TYPE_DEVICE, {0}};
    WALK(cuMemAdvise, managed, kBytes, CU_MEM_ADVISE_SET_READ_MOSTLY, here);
    WALK(cuMemPrefetchAsync, managed, kBytes, here, 0, stream);
#endif
    CUipcMemHandle exported{};
    WALK(cuIpcGetMemHandle, &exported, data);
    WALK(cuIpcOpenMemHandle, &at, CUipcMemHandle{}, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
    REFUSE(cuIpcCloseMemHandle);
}

static void copies()
{
    copying = true;
    WALK_BUT(3, cuMemcpy, data, data + 64, 16);
    WALK(cuMemcpyPeer, data, context, data + 64, context, 16);
    WALK(cuMemcpyHtoD, data, host, 16);
    WALK(cuMemcpyDtoH, host, data, 16);
    WALK(cuMemcpyDtoD, data, data + 64, 16);
    WALK(cuMemcpyDtoA, array, 0, data, 16);
    WALK(cuMemcpyAtoD, data, array, 0, 16);
    WALK(cuMemcpyHtoA, array, 0, host, 16);
    WALK(cuMemcpyAtoH, host, array, 0, 16);
    WALK(cuMemcpyAtoA, array, 0, array, 64, 16);
    WALK_BUT(3, cuMemcpyAsync, data, data + 64, 16, stream);
    WALK(cuMemcpyPeerAsync, data, context, data + 64, context, 16, stream);
    WALK(cuMemcpyHtoDAsync, data, host, 16, stream);
    WALK(cuMemcpyDtoHAsync, host, data, 16, stream);
    WALK(cuMemcpyDtoDAsync, data, data + 64, 16, stream);
    WALK(cuMemcpyHtoAAsync, array, 0, host, 16, stream);
    WALK(cuMemcpyAtoHAsync, host, array, 0, 16, stream);
    CUDA_MEMCPY2D plane{};
    plane.srcMemoryType = CU_MEMORYTYPE_HOST;
    plane.srcHost = host;
    plane.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    plane.dstDevice = data;
    plane.WidthInBytes = 32;
    plane.Height = 2;
    WALK(cuMemcpy2D, &plane);
    WALK(cuMemcpy2DUnaligned, &plane);
    WALK(cuMemcpy2DAsync, &plane, stream);
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = CU_MEMORYTYPE_HOST;
    box.srcHost = host;
    box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.dstDevice = data;
    box.WidthInBytes = 32;
    box.Height = box.Depth = 1;
    WALK(cuMemcpy3D, &box);
    WALK(cuMemcpy3DAsync, &box, stream);
    WALK(cuMemcpy3DPeer, static_cast<const CUDA_MEMCPY3D_PEER *>(nullptr));
    WALK(cuMemcpy3DPeerAsync, static_cast<const CUDA_MEMCPY3D_PEER *>(nullptr), stream);
    WALK(cuMemsetD8, data, 1, 16);
    WALK(cuMemsetD16, data, 1, 16);
    WALK(cuMemsetD32, data, 1, 16);
    WALK(cuMemsetD2D8, data, 64, 1, 16, 2);
    WALK(cuMemsetD2D16, data, 64, 1, 16, 2);
    WALK(cuMemsetD2D32, data, 64, 1, 16, 2);
    WALK(cuMemsetD8Async, data, 1, 16, stream);
    WALK(cuMemsetD16Async, data, 1, 16, stream);
    WALK(cuMemsetD32Async, data, 1, 16, stream);
    WALK(cuMemsetD2D8Async, data, 64, 1, 16, 2, stream);
    WALK(cuMemsetD2D16Async, data, 64, 1, 16, 2, stream);
    WALK(cuMemsetD2D32Async, data, 64, 1, 16, 2, stream);
    copying = false;
}

static void streams()
{
    CUstream made = nullptr;
    CUevent record = nullptr;
    unsigned flags = 0;
    int priority = 0;
    unsigned long long id = 0;
    CUcontext of = nullptr;
    CUstreamCaptureStatus capturing{};
    float time = 0;
    CUevent timed;
    DRIVER(cuEventCreate(&timed, CU_EVENT_DEFAULT));
    DRIVER(cuEventRecord(timed, stream));
    DRIVER(cuEventSynchronize(timed));
    WALK(cuStreamCreate, &made, 0);
    WALK(cuStreamCreateWithPriority, &made, 0, 0);
    WALK(cuStreamGetPriority, stream, &priority);
    WALK(cuStreamGetFlags, stream, &flags);
    WALK_BUT(1, cuStreamGetId, stream, &id);
    WALK(cuStreamGetCtx, stream, &of);
    WALK(cuStreamWaitEvent, stream, event, 0);
    WALK(cuStreamAddCallback, stream, told, nullptr, 0);
    WALK(cuLaunchHostFunc, stream, nothing, nullptr);
    DRIVER(cuCtxSynchronize());
    WALK(cuStreamQuery, stream);
    WALK(cuStreamSynchronize, stream);
    WALK(cuStreamIsCapturing, stream, &capturing);
    WALK(cuStreamCopyAttributes, stream, made);
    CUstreamAttrValue value{};
    WALK(cuStreamGetAttribute, stream, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value);
    value.syncPolicy = CU_SYNC_POLICY_AUTO;
    WALK(cuStreamSetAttribute, stream, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value);
    WALK(cuStreamWriteValue32, stream, data, 1, 0);
    WALK_BUT(4, cuStreamWriteValue64, stream, data, 1, 0);
    WALK_BUT(4, cuStreamWaitValue32, stream, data, 0, CU_STREAM_WAIT_VALUE_GEQ);
    CUstreamBatchMemOpParams writes{};
    writes.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    writes.writeValue.address = data;
    writes.writeValue.value = 1;
    WALK_BUT(2, cuStreamBatchMemOp, stream, 1, &writes, 0);
    WALK(cuEventCreate, &record, 0);
    WALK(cuEventRecord, event, stream);
    WALK(cuEventRecordWithFlags, event, stream, 0);
    WALK(cuEventSynchronize, event);
    WALK(cuEventQuery, event);
    WALK(cuEventElapsedTime, &time, timed, timed);
    CUevent for_others = nullptr, theirs = nullptr;
    CUipcEventHandle name{};
    WALK(cuEventCreate, &for_others, CU_EVENT_INTERPROCESS);
    DRIVER(cuEventCreate(&for_others, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
    WALK(cuIpcGetEventHandle, &name, for_others);
    WALK(cuIpcGetEventHandle, &name, timed);
    WALK(cuIpcOpenEventHandle, &theirs, CUipcEventHandle{});
    DRIVER(cuEventDestroy(for_others));
    REFUSE(cuStreamDestroy);
    REFUSE(cuEventDestroy);

    CUgraph captured = nullptr;
    WALK(cuStreamEndCapture, stream, &captured);
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    WALK(cuThreadExchangeStreamCaptureMode, &mode);
    DRIVER(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    WALK(cuStreamBeginCapture, stream, CU_STREAM_CAPTURE_MODE_RELAXED);
    WALK(cuStreamIsCapturing, stream, &capturing);
    DRIVER(cuStreamEndCapture(stream, &captured));
}

static void modules()
{
    CUmodule made = nullptr;
    CUfunction found = nullptr, all[2];
    CUdeviceptr at = 0;
    size_t size = 0;
    int value = 0;
    unsigned count = 0;
    const char *name = nullptr;
    WALK(cuModuleLoadData, &made, add_code);
    WALK_BUT(4 | 8 | 16, cuModuleLoadDataEx, &made, add_code, 0, nullptr, nullptr);
    WALK(cuModuleLoadFatBinary, &made, add_code);
    WALK(cuModuleLoad, &made, "/no/such/file");
    CUmoduleLoadingMode mode{};
    WALK(cuModuleGetLoadingMode, &mode);
    WALK(cuModuleGetFunction, &found, module, "add");
    WALK(cuModuleGetFunctionCount, &count, module);
    WALK_BUT(2, cuModuleEnumerateFunctions, all, 1, module);
    WALK(cuModuleGetGlobal, &at, &size, module, "counter");
    CUtexref texref = nullptr;
    CUsurfref surfref = nullptr;
    WALK(cuModuleGetTexRef, &texref, module, "none");
    WALK(cuModuleGetSurfRef, &surfref, module, "none");
    WALK(cuFuncGetAttribute, &value, CU_FUNC_ATTRIBUTE_NUM_REGS, kernel);
    WALK(cuFuncSetAttribute, kernel, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50);
    WALK(cuFuncSetAttribute, kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1024);
    WALK(cuFuncSetCacheConfig, kernel, CU_FUNC_CACHE_PREFER_L1);
    WALK(cuFuncGetModule, &made, kernel);
    WALK(cuFuncGetName, &name, kernel);
    WALK(cuFuncGetParamInfo, kernel, 1, &size, &size);
    CUfunctionLoadingState state{};
    WALK(cuFuncIsLoaded, &state, kernel);
    WALK(cuFuncLoad, kernel);
    int grid = 0, block = 0;
    WALK(cuOccupancyMaxActiveBlocksPerMultiprocessor, &value, kernel, 32, 0);
    WALK(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, &value, kernel, 32, 0, 0);
    WALK(cuOccupancyMaxPotentialBlockSize, &grid, &block, kernel, no_shared, 0, 0);
    WALK(cuOccupancyMaxPotentialBlockSizeWithFlags, &grid, &block, kernel, no_shared, 0, 0, 0);
    WALK(cuOccupancyAvailableDynamicSMemPerBlock, &size, kernel, 1, 32);
    CUlaunchConfig config{};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = config.blockDimY = config.blockDimZ = 1;
    config.hStream = stream;
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    // Without arguments the driver would read beyond what there is.
    WALK_BUT(1 << 9 | 1 << 10, cuLaunchKernel, kernel, 1, 1, 1, 1, 1, 1, 0, stream, arguments,
             nullptr);
    WALK_BUT(1 << 9, cuLaunchCooperativeKernel, kernel, 1, 1, 1, 1, 1, 1, 0, stream, arguments);
    WALK_BUT(4 | 8, cuLaunchKernelEx, &config, kernel, arguments, nullptr);
    REFUSE(cuModuleUnload);

    CUlibrary library = nullptr;
    CUkernel in_library = nullptr, kernels[2];
    void *unified = nullptr;
    DRIVER(cuLibraryLoadData(&dead<CUlibrary>, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    DRIVER(cuLibraryGetKernel(&dead<CUkernel>, dead<CUlibrary>, "add"));
    DRIVER(cuLibraryUnload(dead<CUlibrary>));
    WALK_BUT(4 | 8 | 16 | 32 | 64 | 128, cuLibraryLoadData, &library, add_code, nullptr, nullptr, 0,
             nullptr, nullptr, 0);
    DRIVER(cuLibraryLoadData(&library, add_code, nullptr, nullptr, 0, nullptr, nullptr, 0));
    WALK(cuLibraryGetKernel, &in_library, library, "add");
    DRIVER(cuLibraryGetKernel(&in_library, library, "add"));
    WALK(cuLibraryGetKernelCount, &count, library);
    WALK_BUT(2, cuLibraryEnumerateKernels, kernels, 1, library);
    WALK(cuLibraryGetModule, &made, library);
    CUlibrary of = nullptr;
    WALK(cuKernelGetFunction, &found, in_library);
    WALK(cuKernelGetLibrary, &of, in_library);
    WALK(cuLibraryGetGlobal, &at, &size, library, "counter");
    WALK(cuLibraryGetManaged, &at, &size, library, "shared_with_host");
    WALK(cuLibraryGetUnifiedFunction, &unified, library, "none");
    WALK(cuKernelGetAttribute, &value, CU_FUNC_ATTRIBUTE_NUM_REGS, in_library, device);
    WALK(cuKernelSetAttribute, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50, in_library,
         device);
    WALK(cuKernelSetCacheConfig, in_library, CU_FUNC_CACHE_PREFER_L1, device);
    WALK(cuKernelGetName, &name, in_library);
    WALK(cuKernelGetParamInfo, in_library, 1, &size, &size);
    REFUSE(cuLibraryUnload);
}

static void arrays()
{
    CUarray made = nullptr;
    CUmipmappedArray levels = nullptr;
    CUDA_ARRAY_DESCRIPTOR plane{16, 16, CU_AD_FORMAT_FLOAT, 1};
    CUDA_ARRAY3D_DESCRIPTOR box{16, 16, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    WALK(cuArrayCreate, &made, &plane);
    WALK(cuArray3DCreate, &made, &box);
    WALK(cuArrayGetDescriptor, &plane, array);
    WALK(cuArray3DGetDescriptor, &box, array);
    WALK(cuMipmappedArrayCreate, &levels, &box, 2);
    WALK(cuMipmappedArrayGetLevel, &made, pyramid, 0);
    CUDA_ARRAY_MEMORY_REQUIREMENTS needs{};
    WALK(cuArrayGetMemoryRequirements, &needs, array, device);
    WALK(cuMipmappedArrayGetMemoryRequirements, &needs, pyramid, device);
    CUDA_ARRAY_SPARSE_PROPERTIES sparse{};
    WALK(cuArrayGetSparseProperties, &sparse, array);
    WALK(cuMipmappedArrayGetSparseProperties, &sparse, pyramid);
    WALK(cuArrayGetPlane, &made, array, 0);
    REFUSE(cuArrayDestroy);
    REFUSE(cuMipmappedArrayDestroy);

    CUDA_RESOURCE_DESC resource{};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    CUDA_TEXTURE_DESC look{};
    CUDA_RESOURCE_VIEW_DESC view{};
    CUtexObject texture = 0;
    CUsurfObject surface = 0;
    WALK_BUT(8, cuTexObjectCreate, &texture, &resource, &look, nullptr);
    WALK(cuTexObjectGetResourceDesc, &resource, texture);
    WALK(cuTexObjectGetTextureDesc, &look, texture);
    WALK(cuTexObjectGetResourceViewDesc, &view, texture);
    REFUSE(cuTexObjectDestroy);
    CUDA_ARRAY3D_DESCRIPTOR writable{16, 16, 0, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_SURFACE_LDST};
    CUarray surfaced;
    DRIVER(cuArray3DCreate(&surfaced, &writable));
    resource = {};
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = surfaced;
    WALK(cuSurfObjectCreate, &surface, &resource);
    WALK(cuSurfObjectGetResourceDesc, &resource, surface);
    REFUSE(cuSurfObjectDestroy);
    for (int type : {1, 2, 3, 9}) { // an array, a pyramid, linear memory and a plane of nothing
        CUDA_RESOURCE_DESC none{};
        none.resType = CUresourcetype(type);
        WALK_BUT(15, cuTexObjectCreate, &texture, &none, &look, nullptr);
        WALK_BUT(3, cuSurfObjectCreate, &surface, &none);
    }

    CUtexref reference = nullptr;
    CUaddress_mode address{};
    CUfilter_mode filter{};
    CUarray_format format{};
    int channels = 0;
    unsigned flags = 0;
    float least = 0, most = 0;
    size_t offset = 0;
    CUdeviceptr at = 0;
    float border[4] = {};
    WALK(cuTexRefCreate, &reference);
    WALK(cuTexRefSetArray, reference, array, CU_TRSA_OVERRIDE_FORMAT);
    WALK(cuTexRefGetArray, &made, reference);
    WALK(cuTexRefSetFormat, reference, CU_AD_FORMAT_FLOAT, 1);
    WALK(cuTexRefSetAddress, &offset, reference, data, 256);
    WALK(cuTexRefSetAddressMode, reference, 0, CU_TR_ADDRESS_MODE_WRAP);
    WALK(cuTexRefSetFilterMode, reference, CU_TR_FILTER_MODE_POINT);
    WALK(cuTexRefSetMipmapFilterMode, reference, CU_TR_FILTER_MODE_POINT);
    WALK(cuTexRefSetMipmapLevelBias, reference, 0.0f);
    WALK(cuTexRefSetMipmapLevelClamp, reference, 0.0f, 1.0f);
    WALK(cuTexRefSetMaxAnisotropy, reference, 1);
    WALK(cuTexRefSetBorderColor, reference, border);
    WALK(cuTexRefSetFlags, reference, 0);
    WALK(cuTexRefGetAddress, &at, reference);
    WALK(cuTexRefGetAddressMode, &address, reference, 0);
    WALK(cuTexRefGetFilterMode, &filter, reference);
    WALK(cuTexRefGetFormat, &format, &channels, reference);
    WALK(cuTexRefGetMipmapFilterMode, &filter, reference);
    WALK(cuTexRefGetMipmapLevelBias, &least, reference);
    WALK(cuTexRefGetMipmapLevelClamp, &least, &most, reference);
    WALK(cuTexRefGetMaxAnisotropy, &channels, reference);
    WALK(cuTexRefGetBorderColor, border, reference);
    WALK(cuTexRefGetFlags, &flags, reference);
    REFUSE(cuTexRefDestroy);
}

static void pools_and_mappings()
{
    CUmemoryPool pool = nullptr;
    CUmemPoolProps props{};
    props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    WALK(cuMemPoolCreate, &pool, &props);
    DRIVER(cuMemPoolCreate(&dead<CUmemoryPool>, &props));
    DRIVER(cuMemPoolDestroy(dead<CUmemoryPool>));
    cuuint64_t value = 0;
    CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {0}}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemAccess_flags may{};
    CUdeviceptr at = 0;
    WALK(cuMemPoolGetAttribute, pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value);
    WALK(cuMemPoolSetAttribute, pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value);
    WALK_BUT(4, cuMemPoolSetAccess, pool, &access, 1);
    WALK(cuMemPoolGetAccess, &may, pool, &access.location);
    WALK(cuMemPoolTrimTo, pool, 0);
    WALK(cuMemAllocFromPoolAsync, &at, kBytes, pool, stream);
    DRIVER(cuMemFreeAsync(at, stream));
    constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    CUmemPoolProps for_others = props;
    for_others.handleTypes = kDescriptor;
    CUmemoryPool lent = nullptr;
    CUdeviceptr theirs = 0;
    CUmemPoolPtrExportData block{};
    int file = -1;
    DRIVER(cuMemPoolCreate(&lent, &for_others));
    DRIVER(cuMemAllocFromPoolAsync(&at, kBytes, lent, stream));
    WALK(cuMemPoolExportToShareableHandle, &file, lent, kDescriptor, 0);
    WALK(cuMemPoolImportFromShareableHandle, &pool, reinterpret_cast<void *>(intptr_t(file)),
         kDescriptor, 0);
    WALK(cuMemPoolExportPointer, &block, at);
    WALK(cuMemPoolImportPointer, &theirs, lent, &block);
    DRIVER(cuMemFreeAsync(at, stream));
    DRIVER(cuMemPoolDestroy(lent));
    REFUSE(cuMemPoolDestroy);
    for (int type : {0, 2, 9}) {
        CUmemPoolProps other = props;
        other.allocType = CUmemAllocationType(type);
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
        other = props;
        other.location.type = CUmemLocationType(type);
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
        other = props;
        other.location.id = type + 7;
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
        other = props;
        other.handleTypes = CUmemAllocationHandleType(64 + type);
        WALK_BUT(3, cuMemPoolCreate, &pool, &other);
    }

    size_t granularity = 0;
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    WALK(cuMemGetAllocationGranularity, &granularity, &prop, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
    DRIVER(cuMemGetAllocationGranularity(&granularity, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    CUmemGenericAllocationHandle physical = 0;
    CUdeviceptr reserved = 0;
    WALK(cuMemCreate, &physical, granularity, &prop, 0);
    for (int type : {0, 2, 9}) {
        CUmemAllocationProp other = prop;
        other.type = CUmemAllocationType(type);
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
        other = prop;
        other.location.type = CUmemLocationType(type);
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
        WALK_BUT(7, cuMemGetAllocationGranularity, &granularity, &other,
                 CU_MEM_ALLOC_GRANULARITY_MINIMUM);
        other = prop;
        other.location.id = type + 7;
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
        WALK_BUT(7, cuMemGetAllocationGranularity, &granularity, &other,
                 CU_MEM_ALLOC_GRANULARITY_MINIMUM);
        other = prop;
        other.requestedHandleTypes = CUmemAllocationHandleType(64 + type);
        WALK_BUT(15, cuMemCreate, &physical, granularity, &other, 0);
    }
    DRIVER(cuMemCreate(&physical, granularity, &prop, 0));
    WALK_BUT(8, cuMemAddressReserve, &reserved, 2 * granularity, 0, 0, 0);
    DRIVER(cuMemAddressReserve(&reserved, 2 * granularity, 0, 0, 0));
    WALK(cuMemMap, reserved, granularity, 0, physical, 0);
    WALK_BUT(8, cuMemSetAccess, reserved, granularity, &access, 1);
    unsigned long long flags = 0;
    WALK(cuMemGetAccess, &flags, &access.location, reserved);
    WALK(cuMemGetAllocationPropertiesFromHandle, &prop, physical);
    CUmemGenericAllocationHandle again = 0;
    WALK(cuMemRetainAllocationHandle, &again, reinterpret_cast<void *>(reserved));
    for (CUdeviceptr none : {CUdeviceptr(0), CUdeviceptr(0x1234500000), data}) {
        WALK_BUT(3, cuMemUnmap, none, granularity);
        WALK_BUT(3, cuMemAddressFree, none, granularity);
    }
    WALK_BUT(3, cuMemUnmap, reserved, 0);
    WALK_BUT(3, cuMemUnmap, reserved, granularity + 1);
    WALK_BUT(3, cuMemAddressFree, reserved, 2 * granularity); // still mapped
    REFUSE(cuMemRelease);
    DRIVER(cuMemUnmap(reserved, granularity));
    DRIVER(cuMemAddressFree(reserved, 2 * granularity));
}

static void graphs()
{
    CUgraph graph = nullptr, child = nullptr, of = nullptr;
    CUgraphNode node = nullptr, first = nullptr, found = nullptr;
    size_t count = 0;
    WALK(cuGraphCreate, &graph, 0);
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphCreate(&child, 0));
    DRIVER(cuGraphCreate(&dead<CUgraph>, 0));
    DRIVER(cuGraphInstantiate(&dead<CUgraphExec>, dead<CUgraph>, 0));
    DRIVER(cuGraphExecDestroy(dead<CUgraphExec>));
    DRIVER(cuGraphDestroy(dead<CUgraph>));
    DRIVER(cuGraphAddEmptyNode(&dead<CUgraphNode>, graph, nullptr, 0));
    DRIVER(cuGraphDestroyNode(dead<CUgraphNode>));
    DRIVER(cuGraphAddEmptyNode(&first, graph, nullptr, 0));

    constexpr unsigned kCount = 8; // of the nodes it depends on
    WALK_BUT(kCount, cuGraphAddEmptyNode, &node, graph, &first, 1);
    DRIVER(cuGraphAddEmptyNode(&node, graph, &first, 1));
    CUgraphNode empty = node;
    unsigned n = 1;
    void *arguments[] = {&data, &n};
    CUDA_KERNEL_NODE_PARAMS launch{};
    launch.func = kernel;
    launch.gridDimX = launch.gridDimY = launch.gridDimZ = 1;
    launch.blockDimX = launch.blockDimY = launch.blockDimZ = 1;
    launch.kernelParams = arguments;
    WALK_BUT(kCount, cuGraphAddKernelNode, &node, graph, &first, 1, &launch);
    DRIVER(cuGraphAddKernelNode(&node, graph, &first, 1, &launch));
    CUgraphNode launches = node;
    CUDA_KERNEL_NODE_PARAMS none{};
    WALK_BUT(31, cuGraphAddKernelNode, &node, graph, &first, 1, &none);
    CUDA_KERNEL_NODE_PARAMS got{}; // whose arguments are the node's until it has others
    WALK(cuGraphKernelNodeGetParams, launches, &got);
    WALK(cuGraphKernelNodeSetParams, launches, &launch);
    WALK_BUT(3, cuGraphKernelNodeSetParams, launches, &none);
    CUkernelNodeAttrValue value{};
    WALK(cuGraphKernelNodeGetAttribute, launches, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value);
    WALK(cuGraphKernelNodeSetAttribute, launches, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value);
    WALK(cuGraphKernelNodeCopyAttributes, launches, launches);
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = data;
    box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.dstDevice = data + 1024;
    box.WidthInBytes = 32;
    box.Height = box.Depth = 1;
    WALK_BUT(kCount, cuGraphAddMemcpyNode, &node, graph, &first, 1, &box, context);
    DRIVER(cuGraphAddMemcpyNode(&node, graph, &first, 1, &box, context));
    CUgraphNode copies_node = node;
    WALK(cuGraphMemcpyNodeGetParams, copies_node, &box);
    WALK(cuGraphMemcpyNodeSetParams, copies_node, &box);
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = data;
    fill.elementSize = 4;
    fill.width = fill.height = 1;
    WALK_BUT(kCount, cuGraphAddMemsetNode, &node, graph, &first, 1, &fill, context);
    DRIVER(cuGraphAddMemsetNode(&node, graph, &first, 1, &fill, context));
    CUgraphNode fills = node;
    CUDA_MEMSET_NODE_PARAMS odd = fill;
    odd.elementSize = 3;
    WALK_BUT(63, cuGraphAddMemsetNode, &node, graph, &first, 1, &odd, context);
    WALK(cuGraphMemsetNodeGetParams, fills, &fill);
    WALK(cuGraphMemsetNodeSetParams, fills, &fill);
    WALK_BUT(3, cuGraphMemsetNodeSetParams, fills, &odd);
    CUDA_HOST_NODE_PARAMS function{};
    function.fn = nothing;
    WALK_BUT(kCount, cuGraphAddHostNode, &node, graph, &first, 1, &function);
    DRIVER(cuGraphAddHostNode(&node, graph, &first, 1, &function));
    CUgraphNode calls = node;
    CUDA_HOST_NODE_PARAMS no_function{};
    WALK_BUT(31, cuGraphAddHostNode, &node, graph, &first, 1, &no_function);
    WALK(cuGraphHostNodeGetParams, calls, &function);
    WALK(cuGraphHostNodeSetParams, calls, &function);
    WALK_BUT(3, cuGraphHostNodeSetParams, calls, &no_function);
    WALK_BUT(kCount, cuGraphAddChildGraphNode, &node, graph, &first, 1, child);
    DRIVER(cuGraphAddChildGraphNode(&node, graph, &first, 1, child));
    CUgraphNode within = node;
    WALK(cuGraphChildGraphNodeGetGraph, within, &of);
    WALK_BUT(31, cuGraphAddChildGraphNode, &node, graph, &first, 1, graph); // of itself
    WALK_BUT(kCount, cuGraphAddEventRecordNode, &node, graph, &first, 1, event);
    DRIVER(cuGraphAddEventRecordNode(&node, graph, &first, 1, event));
    CUgraphNode records = node;
    CUevent of_node = nullptr;
    WALK(cuGraphEventRecordNodeGetEvent, records, &of_node);
    WALK(cuGraphEventRecordNodeSetEvent, records, event);
    WALK_BUT(kCount, cuGraphAddEventWaitNode, &node, graph, &first, 1, event);
    DRIVER(cuGraphAddEventWaitNode(&node, graph, &first, 1, event));
    CUgraphNode waits = node;
    WALK(cuGraphEventWaitNodeGetEvent, waits, &of_node);
    WALK(cuGraphEventWaitNodeSetEvent, waits, event);

    CUgraphNodeType type{};
    WALK(cuGraphNodeGetType, launches, &type);
    count = 0;
    WALK_BUT(2, cuGraphGetNodes, graph, nullptr, &count);
    WALK_BUT(2, cuGraphGetRootNodes, graph, nullptr, &count);
#if CUDA_VERSION >= 13000
    WALK_BUT(14, cuGraphGetEdges, graph, nullptr, nullptr, nullptr, &count);
    WALK_BUT(6, cuGraphNodeGetDependencies, launches, nullptr, nullptr, &count);
    WALK_BUT(6, cuGraphNodeGetDependentNodes, first, nullptr, nullptr, &count);
    WALK_BUT(8 | 16, cuGraphAddDependencies, graph, &empty, &launches, nullptr, 1);
    WALK_BUT(31, cuGraphAddDependencies, graph, &launches, &empty, nullptr, 1); // a circle
    WALK_BUT(31, cuGraphAddDependencies, graph, &launches, &launches, nullptr, 1);
    WALK_BUT(8 | 16, cuGraphRemoveDependencies, graph, &empty, &launches, nullptr, 1);
#endif
    CUgraph clone = nullptr;
    WALK(cuGraphClone, &clone, graph);
    WALK(cuGraphNodeFindInClone, &found, launches, clone);
    WALK_BUT(2, cuGraphDebugDotPrint, graph, "/no/such/folder/file", 0);
    CUgraphConditionalHandle condition = 0;
    WALK(cuGraphConditionalHandleCreate, &condition, graph, context, 0, 0);
    CUuserObject object = nullptr;
    WALK(cuUserObjectCreate, &object, host, nothing, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
    WALK(cuUserObjectRetain, object, 1);
    WALK(cuGraphRetainUserObject, graph, object, 1, 0);
    WALK(cuGraphReleaseUserObject, graph, object, 1);
    WALK(cuUserObjectRelease, object, 1);
    DRIVER(cuGraphDestroy(clone));
}

static void launches_of_graphs()
{
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    CUgraphNode launches = nullptr, fills = nullptr, calls = nullptr;
    unsigned n = 1, enabled = 0;
    void *arguments[] = {&data, &n};
    CUDA_KERNEL_NODE_PARAMS launch{};
    launch.func = kernel;
    launch.gridDimX = launch.gridDimY = launch.gridDimZ = 1;
    launch.blockDimX = launch.blockDimY = launch.blockDimZ = 1;
    launch.kernelParams = arguments;
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = data;
    fill.elementSize = 4;
    fill.width = fill.height = 1;
    CUDA_HOST_NODE_PARAMS function{};
    function.fn = nothing;
    DRIVER(cuGraphCreate(&graph, 0));
    DRIVER(cuGraphAddKernelNode(&launches, graph, nullptr, 0, &launch));
    DRIVER(cuGraphAddMemsetNode(&fills, graph, nullptr, 0, &fill, context));
    DRIVER(cuGraphAddHostNode(&calls, graph, nullptr, 0, &function));
    WALK(cuGraphInstantiate, &exec, graph, 0);
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    CUDA_GRAPH_INSTANTIATE_PARAMS with{};
    WALK(cuGraphInstantiateWithParams, &exec, graph, &with);
    DRIVER(cuGraphInstantiate(&exec, graph, 0));
    cuuint64_t flags = 0;
    WALK(cuGraphExecGetFlags, exec, &flags);
    WALK(cuGraphExecKernelNodeSetParams, exec, launches, &launch);
    WALK(cuGraphExecMemsetNodeSetParams, exec, fills, &fill, context);
    WALK(cuGraphExecHostNodeSetParams, exec, calls, &function);
    WALK_BUT(7, cuGraphExecHostNodeSetParams, exec, launches, &function);
    WALK_BUT(7, cuGraphExecKernelNodeSetParams, exec, fills, &launch);
    WALK(cuGraphNodeSetEnabled, exec, launches, 1);
    WALK(cuGraphNodeGetEnabled, exec, launches, &enabled);
    CUgraphExecUpdateResultInfo told_of{};
    WALK(cuGraphExecUpdate, exec, graph, &told_of);
    WALK(cuGraphUpload, exec, stream);
    WALK(cuGraphLaunch, exec, stream);
    DRIVER(cuStreamSynchronize(stream));
    REFUSE(cuGraphExecDestroy);
    REFUSE(cuGraphDestroyNode);
    REFUSE(cuGraphDestroy);
}

int main()
{
    context = open_context(&device);
    wrong::after = [] {
        DRIVER(cuCtxSetCurrent(context));
        if (copying)
            DRIVER(cuCtxSynchronize());
    };
    DRIVER(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamCreate(&dead<CUstream>, CU_STREAM_NON_BLOCKING));
    DRIVER(cuStreamDestroy(dead<CUstream>));
    DRIVER(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    DRIVER(cuEventCreate(&dead<CUevent>, 0));
    DRIVER(cuEventDestroy(dead<CUevent>));
    dead<CUcontext> = open_context();
    DRIVER(cuCtxDestroy(dead<CUcontext>));
    DRIVER(cuCtxSetCurrent(context));
    DRIVER(cuMemAlloc(&data, kBytes));
    DRIVER(cuModuleLoadData(&module, add_code));
    DRIVER(cuModuleGetFunction(&kernel, module, "add"));
    DRIVER(cuModuleLoadData(&dead<CUmodule>, add_code));
    DRIVER(cuModuleGetFunction(&dead<CUfunction>, dead<CUmodule>, "add"));
    DRIVER(cuModuleUnload(dead<CUmodule>));
    CUDA_ARRAY_DESCRIPTOR plane{16, 16, CU_AD_FORMAT_FLOAT, 1};
    CUDA_ARRAY3D_DESCRIPTOR levels{16, 16, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    DRIVER(cuArrayCreate(&array, &plane));
    DRIVER(cuArrayCreate(&dead<CUarray>, &plane));
    DRIVER(cuArrayDestroy(dead<CUarray>));
    DRIVER(cuMipmappedArrayCreate(&pyramid, &levels, 2));
    DRIVER(cuMipmappedArrayCreate(&dead<CUmipmappedArray>, &levels, 2));
    DRIVER(cuMipmappedArrayDestroy(dead<CUmipmappedArray>));
    // Links and their like are asked for by no call here.
    CUlinkState link;
    DRIVER(cuLinkCreate(0, nullptr, nullptr, &link));
    wrong::other_kind = link;

    freed();
    devices();
    contexts();
    memory();
    copies();
    streams();
    modules();
    arrays();
    pools_and_mappings();
    graphs();
    launches_of_graphs();

    DRIVER(cuCtxSynchronize()); // of the other streams' work
    DRIVER(cuMemsetD32Async(data, 7, 16, stream));
    EXPECT(element(data, stream) == 7);
    passed(0);
}
