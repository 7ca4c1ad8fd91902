// SPDX-License-Identifier: Apache-2.0
// The nodes of graphs: recorded alike whichever call makes them, with what they do and what they
// come after.
#include "nulldriver/null.h"

namespace null = vgpu::null;

namespace
{

std::string what(const CUDA_MEMSET_NODE_PARAMS &fill)
{
    return null::text(reinterpret_cast<void *>(fill.dst)) + ',' + std::to_string(fill.value) + ',' +
           std::to_string(fill.elementSize) + ',' + std::to_string(fill.width) + ',' +
           std::to_string(fill.height);
}

std::string side(CUmemorytype type, CUdeviceptr device)
{
    if (type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_UNIFIED)
        return type == CU_MEMORYTYPE_HOST ? "host" : "array";
    return null::text(reinterpret_cast<void *>(device));
}

std::string what(const CUDA_MEMCPY3D &box)
{
    return side(box.dstMemoryType, box.dstDevice) + ',' + side(box.srcMemoryType, box.srcDevice) +
           ',' + std::to_string(box.WidthInBytes) + ',' + std::to_string(box.Height) + ',' +
           std::to_string(box.Depth);
}

CUDA_KERNEL_NODE_PARAMS_v2 second(const CUDA_KERNEL_NODE_PARAMS_v3 &kernel)
{
    CUDA_KERNEL_NODE_PARAMS_v2 same{};
    same.func = kernel.func;
    same.gridDimX = kernel.gridDimX;
    same.gridDimY = kernel.gridDimY;
    same.gridDimZ = kernel.gridDimZ;
    same.blockDimX = kernel.blockDimX;
    same.blockDimY = kernel.blockDimY;
    same.blockDimZ = kernel.blockDimZ;
    same.sharedMemBytes = kernel.sharedMemBytes;
    same.kernelParams = kernel.kernelParams;
    same.extra = kernel.extra;
    return same;
}

// Kind and content of a node, with a comma between.
std::string what(const CUgraphNodeParams &node)
{
    switch (node.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        return "kernel," + null::kernel_text(second(node.kernel));
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        return "memcpy," + what(node.memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
        CUDA_MEMSET_NODE_PARAMS fill{};
        fill.dst = node.memset.dst;
        fill.value = node.memset.value;
        fill.elementSize = node.memset.elementSize;
        fill.width = node.memset.width;
        fill.height = node.memset.height;
        return "memset," + what(fill);
    }
    case CU_GRAPH_NODE_TYPE_HOST:
        return "host";
    case CU_GRAPH_NODE_TYPE_EMPTY:
        return "empty";
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        return "record," + null::text(node.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        return "wait," + null::text(node.eventWait.event);
    default:
        return std::to_string(int(node.type));
    }
}

template<class Text>
CUresult add(CUgraphNode *node, CUgraph graph, const CUgraphNode *after, size_t count, Text &&text)
{
    null::create(node);
    if (!null::recording)
        return CUDA_SUCCESS;
    std::string list;
    for (size_t i = 0; i < count; ++i)
        list += (i ? "," : "") + null::text(after[i]);
    return null::accept("cuGraphAddNode", "node,graph,after,what", null::made(node), graph,
                        null::Said{list.empty() ? "-" : list}, null::Said{text()});
}

} // namespace

NULL_EXPORT cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                              const CUgraphEdgeData *, size_t count, CUgraphNodeParams *params)
{
    return add(node, graph, after, count, [&] { return what(*params); });
}

NULL_EXPORT cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                                    size_t count, const CUDA_KERNEL_NODE_PARAMS *kernel)
{
    return add(node, graph, after, count, [&] { return "kernel," + null::kernel_text(*kernel); });
}

NULL_EXPORT cuGraphAddMemsetNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                                 size_t count, const CUDA_MEMSET_NODE_PARAMS *fill, CUcontext)
{
    return add(node, graph, after, count, [&] { return "memset," + what(*fill); });
}

NULL_EXPORT cuGraphAddMemcpyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                                 size_t count, const CUDA_MEMCPY3D *box, CUcontext)
{
    return add(node, graph, after, count, [&] { return "memcpy," + what(*box); });
}

NULL_EXPORT cuGraphAddHostNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                               size_t count, const CUDA_HOST_NODE_PARAMS *)
{
    return add(node, graph, after, count, [] { return std::string("host"); });
}

NULL_EXPORT cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                                size_t count)
{
    return add(node, graph, after, count, [] { return std::string("empty"); });
}

NULL_EXPORT cuGraphAddEventRecordNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                                      size_t count, CUevent event)
{
    return add(node, graph, after, count, [&] { return "record," + null::text(event); });
}

NULL_EXPORT cuGraphAddEventWaitNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *after,
                                    size_t count, CUevent event)
{
    return add(node, graph, after, count, [&] { return "wait," + null::text(event); });
}

NULL_EXPORT cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                              const CUDA_KERNEL_NODE_PARAMS *kernel)
{
    if (!null::recording)
        return CUDA_SUCCESS;
    return null::accept("cuGraphExecNodeSetParams", "exec,node,what", exec, node,
                        null::Said{"kernel," + null::kernel_text(*kernel)});
}

NULL_EXPORT cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams *params)
{
    if (!null::recording)
        return CUDA_SUCCESS;
    return null::accept("cuGraphExecNodeSetParams", "exec,node,what", exec, node,
                        null::Said{what(*params)});
}
