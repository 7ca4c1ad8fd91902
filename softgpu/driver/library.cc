// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/machine.h"
#include "softgpu/driver/module.h"

namespace vgpu::soft::driver
{

Kernel::Kernel(Library &library, std::string name, std::shared_ptr<const Program> program,
               int target, size_t devices)
    : library(library.weak_from_this()), name(std::move(name)), program(program),
      info(*program->kernel(this->name)), target(target)
{
    for (size_t i = 0; i < devices; i++)
        tunings.push_back(std::make_shared<Tuning>());
}

std::shared_ptr<Library> Library::load(std::string ptx, JitLog &log)
{
    auto library = std::make_shared<Library>();
    library->program_ = compile(ptx, log);
    library->ptx_ = std::move(ptx);
    for (auto &info : library->program_->kernels()) {
        auto kernel = std::make_shared<Kernel>(*library, info.name, library->program_,
                                               target_of(library->ptx_), machine().devices.size());
        machine().kernels.add(kernel);
        library->kernels_[info.name] = kernel;
    }
    machine().libraries.add(library);
    return library;
}

std::shared_ptr<Module> Library::module_in(std::shared_ptr<Context> context)
{
    std::lock_guard hold(lock_);
    auto &module = modules_[context->id];
    if (module)
        return module;
    auto program = program_;
    if (taken_ && has_variables(*program_)) {
        JitLog log;
        program = compile(ptx_, log);
    }
    taken_ = true;
    Module::Tunings tunings;
    for (auto &[name, kernel] : kernels_)
        tunings[name] = kernel->tunings[static_cast<size_t>(context->device.ordinal)];
    module = Module::load(context, program, target_of(ptx_), tunings);
    return module;
}

std::shared_ptr<Kernel> Library::kernel(const std::string &name) const
{
    auto it = kernels_.find(name);
    require(it != kernels_.end(), CUDA_ERROR_NOT_FOUND);
    return it->second;
}

std::vector<std::shared_ptr<Kernel>> Library::kernels() const
{
    std::vector<std::shared_ptr<Kernel>> list;
    for (auto &[name, kernel] : kernels_)
        list.push_back(kernel);
    return list;
}

void Library::unload()
{
    for (auto &[name, kernel] : kernels_)
        machine().kernels.remove(kernel->id);
    std::lock_guard hold(lock_);
    for (auto &[context, module] : modules_)
        if (module)
            module->unload();
    modules_.clear();
}

void Library::forget(const Context &context)
{
    std::lock_guard hold(lock_);
    if (auto it = modules_.find(context.id); it != modules_.end()) {
        if (it->second)
            it->second->unload();
        modules_.erase(it);
    }
}

std::shared_ptr<Function> function_of(CUfunction handle, const std::shared_ptr<Context> &context)
{
    auto kernel = machine().kernels.find(reinterpret_cast<uint64_t>(handle));
    if (!kernel)
        return machine().functions.get(handle);
    auto library = kernel->library.lock();
    require(library != nullptr, CUDA_ERROR_INVALID_HANDLE);
    return library->module_in(context ? context : current::get())->function(kernel->name);
}

std::shared_ptr<Function> function_of(CUfunction handle)
{
    return function_of(handle, nullptr);
}

} // namespace vgpu::soft::driver
