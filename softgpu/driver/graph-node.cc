// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph-exec.h"
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/machine.h"

#include <algorithm>

namespace vgpu::soft::driver
{
namespace
{

std::shared_ptr<Context> context_of(CUcontext handle)
{
    return handle ? machine().contexts.get(handle, CUDA_ERROR_INVALID_CONTEXT) : current::get();
}

std::shared_ptr<Context> alive(const std::weak_ptr<Context> &context)
{
    auto it = context.lock();
    require(it != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    return it;
}

std::shared_ptr<Function> function_of_node(const KernelNode &node)
{
    auto handle = node.kernel ? reinterpret_cast<CUfunction>(node.kernel) : node.function;
    return function_of(handle, alive(node.context));
}

std::shared_ptr<Arguments> arguments_of(const KernelInfo &info, std::vector<std::byte> packed)
{
    auto arguments = std::make_shared<Arguments>();
    arguments->bytes = std::move(packed);
    for (auto &parameter : info.parameters)
        arguments->pointers.push_back(arguments->bytes.data() + parameter.offset);
    return arguments;
}

std::shared_ptr<const Launch> launch_of(const KernelNode &node)
{
    Shape shape = node.shape;
    for (auto &[id, value] : node.attributes) {
        CUlaunchAttribute attribute{};
        attribute.id = static_cast<CUlaunchAttributeID>(id);
        attribute.value = value;
        apply(attribute, shape);
    }
    return prepare(*alive(node.context), *function_of_node(node), shape, node.arguments->bytes);
}

struct Action {
    std::function<void()> operator()(const KernelNode &node)
    {
        return
            [context = alive(node.context), launch = launch_of(node)] { run(*context, *launch); };
    }
    std::function<void()> operator()(const CopyNode &node)
    {
        return prepare(alive(node.context), transfer_of(node.copy));
    }
    std::function<void()> operator()(const FillNode &node)
    {
        return prepare_fill(alive(node.context), node.fill);
    }
    std::function<void()> operator()(const HostNode &node)
    {
        return [call = node.call] { call.fn(call.userData); };
    }
    // Those below run like this only in the body of a conditional node; else the launch does it.
    std::function<void()> operator()(const RecordNode &node)
    {
        return [event = node.event] { event->record_here(); };
    }
    std::function<void()> operator()(const WaitNode &node)
    {
        return [event = node.event] {
            if (auto recording = event->last())
                recording->point.wait();
        };
    }
    std::function<void()> operator()(const AllocNode &node)
    {
        return [memory = node.memory] { memory->begin(); };
    }
    std::function<void()> operator()(const FreeNode &node)
    {
        return [memory = node.memory] { memory->end(); };
    }
    std::function<void()> operator()(const BatchNode &node)
    {
        return action_of(alive(node.context), node.operations);
    }
    std::function<void()> operator()(const ChildNode &) { return {}; }
    std::function<void()> operator()(const EmptyNode &) { return {}; }
    std::function<void()> operator()(const ConditionalNode &) { return {}; }
};

} // namespace

std::function<void()> action_of(const Payload &payload)
{
    return std::visit(Action{}, payload);
}

CUgraphExecUpdateResult replaceable(const Payload &old, const Payload &now)
{
    if (auto *kernel = std::get_if<KernelNode>(&old)) {
        auto &other = std::get<KernelNode>(now);
        if (kernel->context.lock() != other.context.lock())
            return CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE;
    }
    if (auto *copy = std::get_if<CopyNode>(&old)) {
        auto &other = std::get<CopyNode>(now);
        if (copy->context.lock() != other.context.lock() ||
            copy->copy.srcMemoryType != other.copy.srcMemoryType ||
            copy->copy.dstMemoryType != other.copy.dstMemoryType)
            return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
    }
    if (auto *fill = std::get_if<FillNode>(&old))
        if (fill->context.lock() != std::get<FillNode>(now).context.lock())
            return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
    if (auto *alloc = std::get_if<AllocNode>(&old))
        if (alloc->memory != std::get<AllocNode>(now).memory)
            return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
    if (auto *free = std::get_if<FreeNode>(&old))
        if (free->memory != std::get<FreeNode>(now).memory)
            return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
    if (auto *conditional = std::get_if<ConditionalNode>(&old))
        if (conditional->way != std::get<ConditionalNode>(now).way)
            return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
    return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

KernelNode read_kernel(const CUDA_KERNEL_NODE_PARAMS *it)
{
    require(it && (it->func || it->kern));
    KernelNode node;
    node.kernel = it->kern;
    node.function = it->kern ? nullptr : it->func;
    auto context = it->ctx ? context_of(it->ctx) : nullptr;
    // A CUfunction knows its context; for a kernel it is the one given, or the current one.
    if (!context && node.function)
        if (auto own = machine().functions.find(reinterpret_cast<uint64_t>(node.function)))
            context = own->context.lock();
    node.context = context ? context : current::get();
    auto function = function_of_node(node);
    node.shape = {{it->gridDimX, it->gridDimY, it->gridDimZ},
                  {it->blockDimX, it->blockDimY, it->blockDimZ},
                  it->sharedMemBytes};
    node.arguments =
        arguments_of(function->info, pack(function->info, it->kernelParams, it->extra));
    launch_of(node);
    return node;
}

KernelNode kernel_node(const std::shared_ptr<Context> &context, const Function &function,
                       const Shape &shape, const std::vector<std::byte> &packed)
{
    KernelNode node;
    node.context = context;
    node.function = handle_of<CUfunction>(function);
    node.shape = shape;
    node.arguments = arguments_of(function.info, packed);
    if (shape.cooperative)
        node.attributes[CU_LAUNCH_ATTRIBUTE_COOPERATIVE].cooperative = 1;
    for (auto &attribute : shape.attributes)
        if (attribute.id != CU_LAUNCH_ATTRIBUTE_IGNORE)
            node.attributes[attribute.id] = attribute.value;
    return node;
}

CUDA_KERNEL_NODE_PARAMS parameters_of(const KernelNode &node)
{
    CUDA_KERNEL_NODE_PARAMS out{};
    out.func = node.function;
    out.kern = node.kernel;
    if (node.kernel)
        if (auto context = node.context.lock())
            out.ctx = handle_of<CUcontext>(*context);
    out.gridDimX = node.shape.grid.x;
    out.gridDimY = node.shape.grid.y;
    out.gridDimZ = node.shape.grid.z;
    out.blockDimX = node.shape.block.x;
    out.blockDimY = node.shape.block.y;
    out.blockDimZ = node.shape.block.z;
    out.sharedMemBytes = static_cast<unsigned>(node.shape.dynamic_shared);
    out.kernelParams = node.arguments->pointers.data();
    return out;
}

CopyNode read_copy(const CUDA_MEMCPY3D *copy, CUcontext handle)
{
    require(copy != nullptr);
    auto context = context_of(handle);
    prepare(context, transfer_of(*copy));
    return {context, *copy};
}

FillNode read_fill(const CUDA_MEMSET_NODE_PARAMS *fill, CUcontext handle)
{
    require(fill && fill->width && fill->height);
    auto context = context_of(handle);
    prepare_fill(context, *fill);
    return {context, *fill};
}

HostNode read_host(const CUDA_HOST_NODE_PARAMS *call)
{
    require(call && call->fn);
    return {*call};
}

BatchNode read_batch(const CUDA_BATCH_MEM_OP_NODE_PARAMS *batch)
{
    require(batch && batch->count && batch->paramArray && batch->count <= 256 && !batch->flags);
    BatchNode node;
    auto context = context_of(batch->ctx);
    node.context = context;
    node.operations.assign(batch->paramArray, batch->paramArray + batch->count);
    action_of(context, node.operations);
    return node;
}

ChildNode read_child(Graph &child, const Graph &parent, bool listed)
{
    require(&child != &parent && !child.has_memory());
    return {child.clone(listed)};
}

RecordNode read_record(CUevent event)
{
    return {machine().events.get(event, CUDA_ERROR_INVALID_VALUE)};
}

WaitNode read_wait(CUevent event)
{
    return {machine().events.get(event, CUDA_ERROR_INVALID_VALUE)};
}

AllocNode read_alloc(CUDA_MEM_ALLOC_NODE_PARAMS *it)
{
    require(it && it->bytesize && (it->accessDescs || !it->accessDescCount));
    require(it->poolProps.allocType == CU_MEM_ALLOCATION_TYPE_PINNED &&
            it->poolProps.location.type == CU_MEM_LOCATION_TYPE_DEVICE);
    require(it->poolProps.handleTypes == CU_MEM_HANDLE_TYPE_NONE, CUDA_ERROR_NOT_SUPPORTED);
    AllocNode node;
    node.memory = GraphMemory::create(machine().device(it->poolProps.location.id), it->bytesize);
    node.access.assign(it->accessDescs, it->accessDescs + it->accessDescCount);
    it->dptr = node.memory->address;
    return node;
}

FreeNode read_free(CUdeviceptr pointer, const Graph *owner)
{
    auto memory = GraphMemory::find(pointer);
    require(memory != nullptr);
    if (owner)
        for (auto &other : owner->nodes()) // twice cannot be
            if (auto *same = std::get_if<FreeNode>(&other->payload))
                require(same->pointer != pointer);
    return {pointer, memory};
}

} // namespace vgpu::soft::driver
