// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/graph.h"

namespace vgpu::soft::driver
{

// From what cuda.h passes to a node's payload and back. Each reader checks what it reads.

KernelNode read_kernel(const CUDA_KERNEL_NODE_PARAMS *parameters);
CUDA_KERNEL_NODE_PARAMS parameters_of(const KernelNode &node);
CopyNode read_copy(const CUDA_MEMCPY3D *copy, CUcontext context);
FillNode read_fill(const CUDA_MEMSET_NODE_PARAMS *fill, CUcontext context);
HostNode read_host(const CUDA_HOST_NODE_PARAMS *call);
BatchNode read_batch(const CUDA_BATCH_MEM_OP_NODE_PARAMS *batch);
ChildNode read_child(Graph &child, const Graph &parent, bool listed);
RecordNode read_record(CUevent event);
WaitNode read_wait(CUevent event);
/// Makes the memory, and writes its address into the parameters.
AllocNode read_alloc(CUDA_MEM_ALLOC_NODE_PARAMS *parameters);
FreeNode read_free(CUdeviceptr pointer, const Graph *owner); ///< null: for no graph yet

#if CUDA_VERSION >= 12030
/// Any kind of node whose parameters can be changed.
Payload read_replacement(CUgraphNodeParams *parameters);
#endif

/// What a captured launch becomes.
KernelNode kernel_node(const std::shared_ptr<Context> &context, const Function &function,
                       const Shape &shape, const std::vector<std::byte> &packed);

/// Batched writes and waits on memory, for streams and nodes.
std::function<void()> action_of(const std::shared_ptr<Context> &context,
                                const std::vector<CUstreamBatchMemOpParams> &operations);

} // namespace vgpu::soft::driver
