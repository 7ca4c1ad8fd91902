// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/module.h"
#include "softgpu/driver/machine.h"
#include "softgpu/driver/memory.h"

#include <algorithm>

namespace vgpu::soft::driver
{

Function::Function(Module &module, const KernelInfo &info, std::shared_ptr<Tuning> tuning)
    : module(module.weak_from_this()), context(module.context), program(module.program), info(info),
      tuning(std::move(tuning)), target(module.target)
{
}

std::shared_ptr<Module> Module::load(std::shared_ptr<Context> context,
                                     std::shared_ptr<Program> program, int target,
                                     const Tunings &tunings)
{
    std::shared_ptr<Module> module(new Module(context, std::move(program), target));
    machine().modules.add(module);
    try {
        module->place(*context);
    } catch (...) {
        module->unload();
        throw;
    }
    for (auto &kernel : module->program->kernels()) {
        auto own = tunings.find(kernel.name);
        auto tuning = own == tunings.end() ? std::make_shared<Tuning>() : own->second;
        auto function =
            std::make_shared<Function>(*module, *module->program->kernel(kernel.name), tuning);
        machine().functions.add(function);
        module->functions_[kernel.name] = function;
    }
    return module;
}

void Module::place(Context &context)
{
    if (!has_variables(*program))
        return; // shared with others, and bound when it was compiled
    program->bind([&](const GlobalInfo &variable) {
        if (variable.external)
            throw Failure(CUDA_ERROR_INVALID_PTX, "unresolved extern variable " + variable.name);
        require(variable.alignment <= kPage, CUDA_ERROR_INVALID_PTX);
        uint64_t address =
            allocate_device(context.device, std::max<size_t>(variable.size, 1),
                            Allocation::Origin::global, context.id, id, variable.constant);
        variables_.push_back(address);
        if (variable.managed)
            machine().allocations.change(address, [](Allocation &it) { it.managed = true; });
        return address;
    });
}

std::shared_ptr<Function> Module::function(const std::string &name) const
{
    auto it = functions_.find(name);
    require(it != functions_.end(), CUDA_ERROR_NOT_FOUND);
    return it->second;
}

std::vector<std::shared_ptr<Function>> Module::functions() const
{
    std::vector<std::shared_ptr<Function>> list;
    for (auto &[name, function] : functions_)
        list.push_back(function);
    return list;
}

GlobalInfo Module::global(const std::string &name) const
{
    auto all = program->globals();
    auto it =
        std::find_if(all.begin(), all.end(), [&](auto &variable) { return variable.name == name; });
    require(it != all.end(), CUDA_ERROR_NOT_FOUND);
    return *it;
}

void Module::unload()
{
    if (!machine().modules.remove(id))
        return;
    for (auto &device : machine().devices)
        device->synchronize();
    for (auto &[name, function] : functions_)
        machine().functions.remove(function->id);
    for (uint64_t address : variables_)
        if (auto allocation = machine().allocations.take(address))
            release(*allocation);
    variables_.clear();
}

void unload_modules(Context &context)
{
    for (auto &library : machine().libraries.all())
        library->forget(context);
    for (auto &module : machine().modules.all())
        if (module->context.lock().get() == &context)
            module->unload();
}

int KernelView::attribute(CUfunction_attribute attribute) const
{
    switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        return static_cast<int>(info.max_threads);
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
        return static_cast<int>(info.static_shared_bytes);
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
        return static_cast<int>(info.local_bytes);
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
        return static_cast<int>(std::min(info.registers, 255u));
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
        return target;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
        return limits::major * 10 + limits::minor;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        return static_cast<int>(dynamic_shared_limit());
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        return tuning.carveout;
    default:
        require(attribute >= 0 && attribute < CU_FUNC_ATTRIBUTE_MAX);
        return 0;
    }
}

void KernelView::set_attribute(CUfunction_attribute attribute, int value)
{
    switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        require(value >= 0 && value + info.static_shared_bytes <= limits::shared_per_block_optin);
        tuning.dynamic_shared = value;
        break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        require(value >= -1 && value <= 100);
        tuning.carveout = value;
        break;
    default:
        require(false);
    }
}

size_t KernelView::dynamic_shared_limit() const
{
    if (int set = tuning.dynamic_shared; set >= 0)
        return static_cast<size_t>(set);
    return info.static_shared_bytes < limits::shared_per_block
               ? limits::shared_per_block - info.static_shared_bytes
               : 0;
}

void KernelView::parameter(size_t index, size_t *offset, size_t *size) const
{
    require(offset && index < info.parameters.size());
    *offset = info.parameters[index].offset;
    if (size)
        *size = info.parameters[index].size;
}

} // namespace vgpu::soft::driver
