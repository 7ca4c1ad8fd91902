// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/launch.h"
#include "remoting/base/cuda-variables.h"
#include "softgpu/driver/capture.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/texture.h"

#include <cstring>

namespace vgpu::soft::driver
{
namespace
{

/// What a running kernel asks of its context.
class KernelHost final : public Host
{
public:
    explicit KernelHost(Context &context) : context_(context), heap_(context.heap()) {}
    void print(std::string_view text) override { context_.print(text); }
    uint64_t allocate(size_t bytes) override { return heap_.allocate(bytes); }
    void release(uint64_t address) override { heap_.release(address); }
    void set_condition(uint64_t handle, unsigned value) override
    {
        if (auto condition = machine().conditions.find(handle))
            condition->value = value;
    }
    std::shared_ptr<const Texture> texture(uint64_t handle) override
    {
        auto object = texture_for_kernel(handle);
        return object ? std::shared_ptr<const Texture>(object, &object->texture) : nullptr;
    }
    std::shared_ptr<const Image> surface(uint64_t handle) override
    {
        auto object = surface_for_kernel(handle);
        return object ? std::shared_ptr<const Image>(object, &object->image) : nullptr;
    }
    bool cancelled() const override { return context_.cancelled(); }

private:
    Context &context_;
    Heap &heap_; ///< made before the launch, so that it is in every snapshot of the memory map
};

CUresult code_of(Fault::Kind kind)
{
    switch (kind) {
    case Fault::Kind::none:
        return CUDA_SUCCESS;
    case Fault::Kind::illegal_address:
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    case Fault::Kind::misaligned_address:
        return CUDA_ERROR_MISALIGNED_ADDRESS;
    case Fault::Kind::assert_failed:
        return CUDA_ERROR_ASSERT;
    case Fault::Kind::illegal_instruction:
        return CUDA_ERROR_ILLEGAL_INSTRUCTION;
    case Fault::Kind::stack_overflow:
        return CUDA_ERROR_HARDWARE_STACK_ERROR;
    case Fault::Kind::timeout:
        return CUDA_ERROR_LAUNCH_TIMEOUT;
    case Fault::Kind::trap:
    case Fault::Kind::internal:
        break;
    }
    return CUDA_ERROR_LAUNCH_FAILED;
}

/// The product of the three, or 0 if one is 0 or above its limit.
uint64_t volume(const Dim3 &size, const std::array<unsigned, 3> &limit)
{
    bool fits = size.x && size.y && size.z && size.x <= limit[0] && size.y <= limit[1] &&
                size.z <= limit[2];
    return fits ? uint64_t(size.x) * size.y * size.z : 0;
}

void check(const KernelView &kernel, const Shape &shape, const Device &device)
{
    uint64_t threads = volume(shape.block, limits::block);
    uint64_t blocks = volume(shape.grid, limits::grid);
    require(threads && blocks && threads <= limits::threads_per_block);
    require(threads <= kernel.info.max_threads, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    if (auto &asked = kernel.info.required_block; asked[0])
        require(shape.block.x == asked[0] && shape.block.y == asked[1] &&
                shape.block.z == asked[2]);
    require(shape.dynamic_shared <= kernel.dynamic_shared_limit());
    if (shape.cooperative) {
        uint64_t room = uint64_t(blocks_per_unit(kernel, static_cast<unsigned>(threads),
                                                 shape.dynamic_shared)) *
                        device.units;
        require(blocks <= room, CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
    }
}

} // namespace

std::vector<std::byte> pack(const KernelInfo &info, void **parameters, void **extra)
{
    std::vector<std::byte> packed(info.parameter_bytes);
    if (extra) {
        require(!parameters);
        const void *buffer = nullptr;
        size_t size = 0;
        for (void **it = extra; *it != CU_LAUNCH_PARAM_END; it += 2) {
            if (*it == CU_LAUNCH_PARAM_BUFFER_POINTER)
                buffer = it[1];
            else if (*it == CU_LAUNCH_PARAM_BUFFER_SIZE && it[1])
                memcpy(&size, it[1], sizeof size);
            else
                require(false);
        }
        // The last parameter's padding may be there or not.
        size_t least = info.parameters.empty()
                           ? 0
                           : info.parameters.back().offset + info.parameters.back().size;
        require(size >= least && (buffer || !size));
        memcpy(packed.data(), buffer, std::min(size, packed.size()));
        return packed;
    }
    require(parameters || info.parameters.empty());
    for (size_t i = 0; i < info.parameters.size(); i++) {
        require(parameters[i] != nullptr);
        memcpy(packed.data() + info.parameters[i].offset, parameters[i], info.parameters[i].size);
    }
    return packed;
}

void run(Context &context, const Launch &it)
{
    if (context.broken() || context.cancelled())
        return;
    KernelHost host(context);
    Fault fault = execute(it, machine().memory, host, context.units);
    if (fault.kind != Fault::Kind::none && !context.cancelled())
        context.fault(code_of(fault.kind), fault.text);
}

void check_attribute(CUlaunchAttributeID id)
{
    constexpr unsigned kMost = 32; // what toolkits to come may have: hints
    require(unsigned(id) < kMost);
}

void apply(const CUlaunchAttribute &attribute, Shape &shape)
{
    check_attribute(attribute.id);
    switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        shape.cooperative = attribute.value.cooperative != 0;
        break;
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
        // A cluster of one block is a block; larger ones came with compute capability 9.0.
        auto &cluster = attribute.value.clusterDim;
        require(cluster.x == 1 && cluster.y == 1 && cluster.z == 1, CUDA_ERROR_NOT_SUPPORTED);
        break;
    }
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT: // of launches only
#if CUDA_VERSION >= 12030
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
#endif
        throw Failure(CUDA_ERROR_INVALID_VALUE);
#if CUDA_VERSION >= 12040
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE: // kernels here cannot change graphs
        require(!attribute.value.deviceUpdatableKernelNode.deviceUpdatable,
                CUDA_ERROR_NOT_SUPPORTED);
        break;
#endif
    default:
        break; // hints about caches, priorities and overlap
    }
}

std::shared_ptr<const Launch> prepare(const Context &context, const Function &function,
                                      const Shape &shape, std::vector<std::byte> packed)
{
    require(function.context.lock().get() == &context, CUDA_ERROR_INVALID_HANDLE);
    check(function.view(), shape, context.device);
    auto it = std::make_shared<Launch>();
    it->program = function.program;
    it->kernel = function.info.name;
    it->grid = shape.grid;
    it->block = shape.block;
    it->dynamic_shared_bytes = shape.dynamic_shared;
    it->parameters = std::move(packed);
    it->cooperative = shape.cooperative;
    it->stack_bytes = context.limit(CU_LIMIT_STACK_SIZE);
    it->timeout_seconds = machine().settings.timeout;
    return it;
}

// The event that a launch with this attribute records, if it does.
static std::shared_ptr<Event> event_in(const CUlaunchAttribute &attribute)
{
    CUevent handle = nullptr;
    int flags = 0;
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT) {
        handle = attribute.value.programmaticEvent.event;
        flags = attribute.value.programmaticEvent.flags;
#if CUDA_VERSION >= 12030
    } else if (attribute.id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT) {
        handle = attribute.value.launchCompletionEvent.event;
        flags = attribute.value.launchCompletionEvent.flags;
#endif
    } else {
        return nullptr;
    }
    auto event = machine().events.get(handle);
    require(!event->timed() && !(event->flags & CU_EVENT_INTERPROCESS) && !flags);
    return event;
}

void launch(Stream &stream, const Function &function, const Shape &shape, void **parameters,
            void **extra)
{
    auto context = stream.context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    auto it = prepare(*context, function, shape, pack(function.info, parameters, extra));
    if (captured(stream)) {
        capture_kernel(stream, function, shape, it->parameters);
        return;
    }
    context->submit(stream, {[context, it] { run(*context, *it); }, {}});
    finish_launch(*context, stream);
}

void finish_launch(Context &context, Stream &stream)
{
    if (!launches_block())
        return;
    context.wait_for(stream);
    context.settle();
    context.check();
}

} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuLaunchKernel(CUfunction function, unsigned int gx, unsigned int gy,
                                            unsigned int gz, unsigned int bx, unsigned int by,
                                            unsigned int bz, unsigned int shared, CUstream stream,
                                            void **parameters, void **extra)
{
    ENTRY({
        auto context = current::get();
        launch(*stream_of(stream, *context), *function_of(function),
               {{gx, gy, gz}, {bx, by, bz}, shared}, parameters, extra);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLaunchCooperativeKernel(CUfunction function, unsigned int gx,
                                                       unsigned int gy, unsigned int gz,
                                                       unsigned int bx, unsigned int by,
                                                       unsigned int bz, unsigned int shared,
                                                       CUstream stream, void **parameters)
{
    ENTRY({
        auto context = current::get();
        launch(*stream_of(stream, *context), *function_of(function),
               {{gx, gy, gz}, {bx, by, bz}, shared, true}, parameters, nullptr);
    });
}

SOFT_EXPORT CUresult CUDAAPI cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function,
                                              void **parameters, void **extra)
{
    ENTRY({
        require(config && (config->attrs || !config->numAttrs));
        auto context = current::get();
        Shape shape{{config->gridDimX, config->gridDimY, config->gridDimZ},
                    {config->blockDimX, config->blockDimY, config->blockDimZ},
                    config->sharedMemBytes};
        auto stream = stream_of(config->hStream, *context);
        std::vector<std::shared_ptr<Event>> events;
        for (unsigned i = 0; i < config->numAttrs; i++) {
            if (auto event = event_in(config->attrs[i])) {
                require(event->context.lock() == stream->context.lock(), CUDA_ERROR_INVALID_HANDLE);
                events.push_back(event);
            } else {
                apply(config->attrs[i], shape);
                shape.attributes.push_back(config->attrs[i]);
            }
        }
        launch(*stream, *function_of(function), shape, parameters, extra);
        // When it has ended, which is later than need be, and allowed.
        for (auto &event : events)
            if (!capture_record(*stream, *event))
                event->record(*stream->context.lock(), *stream);
    });
}
