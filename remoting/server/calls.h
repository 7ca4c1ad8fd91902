// SPDX-License-Identifier: Apache-2.0
// The calls that the server serves by code of its own, beside those that go to the driver as they
// are. The signatures follow from the lines of the `.api` files; the table of dispatch.cc is
// generated.
#pragma once

#include "remoting/server/session.h"

namespace vgpu::server::calls
{

// snapshot.cc
void vgpuSnapshot(Session &session, Request &request);
void vgpuOutput(Session &session, Request &request);

// image-calls.cc
CUresult vgpuImageData(Session &session, uint64_t image, uint64_t total, uint64_t offset,
                       const unsigned char *data, uint64_t n);
CUresult vgpuImageDrop(Session &session, uint64_t image);
void vgpuModuleLoad(Session &session, Request &request);
void vgpuLibraryLoad(Session &session, Request &request);
CUresult cuModuleUnload(Session &session, CUmodule module);
CUresult cuLibraryUnload(Session &session, CUlibrary library);
CUresult cuModuleGetGlobal_v2(Session &session, CUdeviceptr *pointer, size_t *bytes,
                              CUmodule module, const char *name);
CUresult cuLibraryGetManaged(Session &session, CUdeviceptr *pointer, size_t *bytes,
                             CUlibrary library, const char *name);
CUresult cuLibraryGetGlobal(Session &session, CUdeviceptr *pointer, size_t *bytes,
                            CUlibrary library, const char *name);

// enumerate.cc
void vgpuFunctionNames(Session &session, Request &request);
CUresult vgpuPeerAtomics(Session &session, uint32_t source, uint32_t destination,
                         const uint32_t *operations, uint32_t n, uint32_t *capabilities,
                         uint32_t m);

// libraries.cc
void vgpuLibraryOpen(Session &session, Request &request);
void vgpuLibraryCall(Session &session, Request &request);

// link-calls.cc
void vgpuLinkCreate(Session &session, Request &request);
void vgpuLinkAdd(Session &session, Request &request);
void vgpuLinkComplete(Session &session, Request &request);
CUresult vgpuLinkRead(Session &session, uint64_t id, uint64_t offset, unsigned char *data,
                      uint64_t n);
CUresult vgpuLinkDestroy(Session &session, uint64_t id);

// copy.cc
void vgpuCopyIn(Session &session, Request &request);
void vgpuCopyOut(Session &session, Request &request);
void vgpuBulkIn(Session &session, Request &request);
void vgpuStagedIn(Session &session, Request &request);
void vgpuBulkOut(Session &session, Request &request);
CUresult vgpuBulkTune(Session &session, uint64_t in_window, uint64_t out_window);
CUresult vgpuCopyOnDevice(Session &session, CUdeviceptr dst, uint64_t dst_pitch, CUdeviceptr src,
                          uint64_t src_pitch, uint64_t width, uint64_t rows, CUstream stream);

// host-calls.cc
CUresult vgpuHostMap(Session &session, uint64_t host, uint64_t address, uint64_t bytes,
                     CUdeviceptr *device);
CUresult vgpuManagedMap(Session &session, uint64_t host, uint64_t address, uint64_t bytes);
CUresult vgpuHostUnmap(Session &session, uint64_t host);
CUresult vgpuCopyFromHost(Session &session, CUdeviceptr dst, uint64_t pitch, uint64_t host,
                          uint64_t offset, uint64_t host_pitch, uint64_t width, uint64_t rows,
                          CUstream stream);
CUresult vgpuCopyToHost(Session &session, uint64_t host, uint64_t offset, uint64_t host_pitch,
                        CUdeviceptr src, uint64_t pitch, uint64_t width, uint64_t rows,
                        CUstream stream);

// mirror-calls.cc
CUresult vgpuMirrorAdd(Session &session, CUdeviceptr device, uint64_t bytes, uint32_t keep);
CUresult vgpuMirrorDrop(Session &session, CUdeviceptr device);
void vgpuMirrorIn(Session &session, Request &request);
CUresult vgpuMirrorJoin(Session &session, CUstream stream);
void vgpuMirrorOut(Session &session, Request &request);

// launch.cc
void vgpuFunctionInfo(Session &session, Request &request);
CUresult vgpuLaunch(Session &session, uint64_t function, uint32_t grid_x, uint32_t grid_y,
                    uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z,
                    uint32_t shared, CUstream stream, const unsigned char *parameters, uint64_t n);
CUresult vgpuLaunchWith(Session &session, uint64_t function, uint32_t grid_x, uint32_t grid_y,
                        uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z,
                        uint32_t shared, CUstream stream, const unsigned char *attributes,
                        uint64_t a, const unsigned char *parameters, uint64_t n);
CUresult vgpuLaunchUpdatable(Session &session, uint64_t function, uint32_t grid_x, uint32_t grid_y,
                             uint32_t grid_z, uint32_t block_x, uint32_t block_y, uint32_t block_z,
                             uint32_t shared, CUstream stream, const unsigned char *attributes,
                             uint64_t a, const unsigned char *parameters, uint64_t n,
                             uint64_t *node);

// graph-node.cc
void vgpuGraphNodeAdd(Session &session, Request &request);
void vgpuGraphNodeSet(Session &session, Request &request);
void vgpuGraphExecNodeSet(Session &session, Request &request);

// graph-calls.cc
void vgpuGraphList(Session &session, Request &request);
CUresult vgpuGraphDepend(Session &session, CUgraph graph, CUgraphNode *from, CUgraphNode *to,
                         uint64_t n, uint64_t m, uint32_t remove);
CUresult vgpuGraphInstantiate(Session &session, CUgraph graph, uint64_t exec, uint64_t flags,
                              CUstream stream, uint32_t *answer, uint32_t *result, uint64_t *node,
                              uint32_t *asks);
CUresult vgpuGraphExecUpdate(Session &session, CUgraphExec exec, CUgraph graph, uint32_t *answer,
                             uint32_t *result, uint64_t *node, uint64_t *from);
CUresult vgpuGraphFind(Session &session, CUgraphNode original, CUgraph clone, uint64_t *node);
CUresult vgpuGraphChild(Session &session, CUgraphNode node, uint64_t proposed, uint64_t *graph);
CUresult vgpuGraphAttribute(Session &session, CUgraphNode node, uint32_t attribute,
                            unsigned char *value, uint64_t n);
CUresult vgpuGraphSetAttribute(Session &session, CUgraphNode node, uint32_t attribute,
                               const unsigned char *bytes, uint64_t n);
CUresult cuGraphDestroy(Session &session, CUgraph graph);
CUresult cuGraphExecDestroy(Session &session, CUgraphExec exec);
CUresult cuGraphDestroyNode(Session &session, CUgraphNode node);
CUresult vgpuGraphLaunch(Session &session, CUgraphExec exec, CUstream stream, uint32_t asks);

CUresult vgpuGraphDot(Session &session, CUgraph graph, uint32_t flags, uint64_t offset,
                      uint64_t *total, unsigned char *text, uint64_t n);
CUresult vgpuGraphMemory(Session &session, CUdevice device, uint32_t attribute, uint64_t *value);
CUresult vgpuGraphSetMemory(Session &session, CUdevice device, uint32_t attribute, uint64_t value);

// graph-node-get.cc
void vgpuGraphNodeGet(Session &session, Request &request);

// user-objects.cc
CUresult vgpuUserObjectCreate(Session &session, CUuserObject *object, uint64_t number,
                              uint32_t references);
CUresult cuUserObjectRetain(Session &session, CUuserObject object, unsigned count);
CUresult cuUserObjectRelease(Session &session, CUuserObject object, unsigned count);
CUresult cuGraphRetainUserObject(Session &session, CUgraph graph, CUuserObject object,
                                 unsigned count, unsigned flags);
CUresult cuGraphReleaseUserObject(Session &session, CUgraph graph, CUuserObject object,
                                  unsigned count);

// host-service-calls.cc
void vgpuHostService(Session &session, Request &request);
CUresult vgpuHostCall(Session &session, uint64_t number, uint32_t flags, CUstream stream);
void vgpuHostDone(Session &session, Request &request);
void vgpuHostBytes(Session &session, Request &request);

// capture-calls.cc
CUresult vgpuCaptureBegin(Session &session, CUstream stream, CUgraph graph, CUgraphNode *nodes,
                          uint64_t n);
CUresult vgpuCaptureEnd(Session &session, CUstream stream, uint64_t proposed, uint32_t *answer,
                        uint64_t *graph);
void vgpuCaptureInfo(Session &session, Request &request);
CUresult vgpuCaptureDepend(Session &session, CUstream stream, CUgraphNode *nodes, uint64_t n,
                           uint32_t flags);
CUresult vgpuCopyPlace(Session &session, CUdeviceptr device, uint64_t pitch, uint64_t place,
                       uint64_t width, uint64_t rows, uint32_t to_device, CUstream stream);

// context-calls.cc
CUresult vgpuContextOpen(Session &session, uint32_t ordinal, uint32_t flags);
CUresult vgpuContextReset(Session &session, uint32_t ordinal);
CUresult vgpuDetach(Session &session);
CUresult cuCtxCreate_v2(Session &session, CUcontext *context, unsigned flags, CUdevice device);
CUresult cuCtxDestroy_v2(Session &session, CUcontext context);
CUresult cuCtxSetLimit(Session &session, CUlimit limit, size_t value);

// memory-calls.cc
CUresult vgpuMemoryInfo(Session &session, uint32_t ordinal, uint64_t *free, uint64_t *total);
CUresult cuMemAlloc_v2(Session &session, CUdeviceptr *pointer, size_t bytes);
CUresult cuMemAllocPitch_v2(Session &session, CUdeviceptr *pointer, size_t *pitch, size_t width,
                            size_t height, unsigned element);
CUresult cuMemFree_v2(Session &session, CUdeviceptr pointer);
CUresult cuMemAllocAsync(Session &session, CUdeviceptr *pointer, size_t bytes, CUstream stream);
CUresult cuMemFreeAsync(Session &session, CUdeviceptr pointer, CUstream stream);

CUresult vgpuGranularity(Session &session, uint32_t ordinal, uint32_t option, uint64_t *bytes);
CUresult vgpuAddressReserve(Session &session, uint64_t base, uint64_t bytes, uint64_t alignment);
CUresult vgpuAddressFree(Session &session, uint64_t base, uint64_t bytes);
CUresult vgpuDecompress(Session &session, const unsigned char *operations, uint64_t n,
                        uint32_t flags, CUstream stream, uint32_t *answer, uint64_t *index);
CUresult vgpuAllocationCreate(Session &session, uint64_t allocation, uint32_t ordinal,
                              uint64_t bytes, uint32_t compression, uint32_t rdma, uint32_t usage,
                              uint32_t shareable);
CUresult vgpuAllocationRelease(Session &session, uint64_t allocation);
CUresult vgpuAllocationMap(Session &session, uint64_t base, uint64_t bytes, uint64_t offset,
                           uint64_t allocation);
CUresult vgpuAllocationUnmap(Session &session, uint64_t base, uint64_t bytes);
CUresult vgpuAllocationAccess(Session &session, uint64_t base, uint64_t bytes, uint32_t ordinal,
                              uint32_t flags);

// ipc-calls.cc
void vgpuIpcExport(Session &session, Request &request);
void vgpuIpcFetch(Session &session, Request &request);
CUresult vgpuIpcOpen(Session &session, uint64_t ticket, uint64_t *address, uint64_t *bytes,
                     uint32_t *slice);
CUresult vgpuAllocationImport(Session &session, uint64_t ticket, uint64_t allocation,
                              uint64_t *bytes, uint32_t *ordinal);
CUresult vgpuEventImport(Session &session, uint64_t ticket, CUevent *event);
CUresult vgpuPoolImport(Session &session, uint64_t ticket, uint64_t *pool, uint32_t *ordinal);
CUresult vgpuPoolOpen(Session &session, uint64_t ticket, uint64_t pool, uint64_t *address,
                      uint64_t *bytes, uint32_t *slice);
CUresult vgpuPoolWithdraw(Session &session, uint64_t pool);

// array-calls.cc
CUresult cuArray3DCreate_v2(Session &session, CUarray *array,
                            const CUDA_ARRAY3D_DESCRIPTOR *description);
CUresult cuArrayDestroy(Session &session, CUarray array);
CUresult cuMipmappedArrayCreate(Session &session, CUmipmappedArray *mipmap,
                                const CUDA_ARRAY3D_DESCRIPTOR *description, unsigned levels);
CUresult cuMipmappedArrayDestroy(Session &session, CUmipmappedArray mipmap);
CUresult vgpuArrayTiles(Session &session, const unsigned char *tiles, uint64_t n, CUstream stream);

// array-copy.cc
void vgpuArrayIn(Session &session, Request &request);
void vgpuArrayOut(Session &session, Request &request);
CUresult vgpuArrayFromHost(Session &session, CUarray array, CUcontext owner, uint64_t x, uint64_t y,
                           uint64_t z, uint64_t host, uint64_t offset, uint64_t host_pitch,
                           uint64_t width, uint64_t rows, CUstream stream);
CUresult vgpuArrayToHost(Session &session, uint64_t host, uint64_t offset, uint64_t host_pitch,
                         CUarray array, CUcontext owner, uint64_t x, uint64_t y, uint64_t z,
                         uint64_t width, uint64_t rows, CUstream stream);
CUresult vgpuArrayFromDevice(Session &session, CUarray array, CUcontext owner, uint64_t x,
                             uint64_t y, uint64_t z, CUdeviceptr src, uint64_t pitch,
                             uint64_t width, uint64_t rows, CUstream stream);
CUresult vgpuArrayToDevice(Session &session, CUdeviceptr dst, uint64_t pitch, CUarray array,
                           CUcontext owner, uint64_t x, uint64_t y, uint64_t z, uint64_t width,
                           uint64_t rows, CUstream stream);
CUresult vgpuArrayToArray(Session &session, CUarray to, CUcontext to_owner, uint64_t to_x,
                          uint64_t to_y, uint64_t to_z, CUarray from, CUcontext from_owner,
                          uint64_t from_x, uint64_t from_y, uint64_t from_z, uint64_t width,
                          uint64_t rows, CUstream stream);

// texture-calls.cc
CUresult vgpuTextureCreate(Session &session, uint64_t texture, uint64_t *object,
                           const CUDA_RESOURCE_DESC *resource, const CUDA_TEXTURE_DESC *description,
                           const CUDA_RESOURCE_VIEW_DESC *view);
CUresult vgpuTextureDestroy(Session &session, uint64_t texture);
CUresult vgpuSurfaceCreate(Session &session, uint64_t surface, uint64_t *object,
                           const CUDA_RESOURCE_DESC *resource);
CUresult vgpuSurfaceDestroy(Session &session, uint64_t surface);

// texref-calls.cc
CUresult vgpuTexrefSetBorder(Session &session, CUtexref texref, const float *colour, uint64_t n);
CUresult vgpuTexrefBorder(Session &session, CUtexref texref, float *colour, uint64_t n);
CUresult vgpuClusters(Session &session, uint32_t which, CUfunction function,
                      const uint32_t *numbers, uint64_t n, int *result);
CUresult vgpuTensorMap(Session &session, uint32_t which, CUdeviceptr address, const uint64_t *map,
                       uint64_t m, const uint64_t *numbers, uint64_t n, uint64_t *made, uint64_t k);

// green-calls.cc
CUresult vgpuResource(Session &session, uint32_t of, uint64_t id, uint32_t type,
                      unsigned char *resource, uint64_t n);
CUresult vgpuResourceSplit(Session &session, const unsigned char *resource, uint64_t n,
                           uint32_t flags, uint32_t least, uint32_t most, uint32_t *groups,
                           unsigned char *made, uint64_t m);
CUresult vgpuResourceDescribe(Session &session, CUdevResourceDesc *description,
                              const unsigned char *resources, uint64_t n);
CUresult cuGreenCtxCreate(Session &session, CUgreenCtx *green, CUdevResourceDesc description,
                          CUdevice device, unsigned flags);
CUresult cuGreenCtxDestroy(Session &session, CUgreenCtx green);
CUresult vgpuGreenContext(Session &session, CUgreenCtx green, CUcontext *context);
CUresult vgpuGreenStream(Session &session, CUgreenCtx green, CUstream *stream, uint32_t flags,
                         int priority);

// stream-calls.cc
CUresult cuStreamCreateWithPriority(Session &session, CUstream *stream, unsigned flags,
                                    int priority);
CUresult cuStreamDestroy_v2(Session &session, CUstream stream);
CUresult cuEventDestroy_v2(Session &session, CUevent event);
CUresult cuEventElapsedTime_v2(Session &session, float *ms, CUevent start, CUevent end);
CUresult vgpuStreamAttribute(Session &session, CUstream stream, uint32_t attribute,
                             const unsigned char *bytes, uint64_t n);
CUresult vgpuStreamBatch(Session &session, const uint64_t *words, uint64_t n, CUstream stream);
void cuCtxSynchronize(Session &session, const Request &request);
void cuStreamSynchronize(Session &session, const Request &request, CUstream stream);
void cuEventSynchronize(Session &session, const Request &request, CUevent event);
void vgpuEventLook(Session &session, const Request &request, CUevent event);

} // namespace vgpu::server::calls
