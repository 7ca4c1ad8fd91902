// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/context.h"
#include "softgpu/driver/image.h"
#include "softgpu/ptx/program.h"

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace vgpu::soft::driver
{

class Module;
class Library;

/// The attributes of a kernel that can be set; a library's kernel and its functions share them, for
/// each device.
struct Tuning {
    std::atomic<int> dynamic_shared{-1}; ///< -1 until set
    std::atomic<int> carveout{-1};
};

/// What CUfunction and CUkernel have in common.
struct KernelView {
    const KernelInfo &info;
    Tuning &tuning;
    int target; ///< the architecture that the PTX was made for

    int attribute(CUfunction_attribute attribute) const;
    void set_attribute(CUfunction_attribute attribute, int value);
    size_t dynamic_shared_limit() const;
    void parameter(size_t index, size_t *offset, size_t *size) const;
};

/// A kernel in a context.
class Function
{
public:
    Function(Module &module, const KernelInfo &info, std::shared_ptr<Tuning> tuning);

    uint64_t id = 0;
    const std::weak_ptr<Module> module;
    const std::weak_ptr<Context> context;
    const std::shared_ptr<const Program> program; ///< holds `info`
    const KernelInfo &info;
    const std::shared_ptr<Tuning> tuning;
    const int target;
    struct OldLaunch { ///< what the launches of before CUDA 4 keep with a function
        unsigned block[3] = {};
        unsigned shared = 0;
        std::vector<std::byte> parameters;
    } old_launch; ///< guarded by the lock of launch-old.cc

    KernelView view() const { return {info, *tuning, target}; }
};

/// A program loaded into a context, its variables placed.
class Module : public std::enable_shared_from_this<Module>
{
public:
    using Tunings = std::map<std::string, std::shared_ptr<Tuning>>;

    static std::shared_ptr<Module> load(std::shared_ptr<Context> context,
                                        std::shared_ptr<Program> program, int target,
                                        const Tunings &tunings = {});

    uint64_t id = 0;
    const std::weak_ptr<Context> context;
    const std::shared_ptr<Program> program;
    const int target;

    std::shared_ptr<Function> function(const std::string &name) const; ///< throws NOT_FOUND
    std::vector<std::shared_ptr<Function>> functions() const;
    GlobalInfo global(const std::string &name) const; ///< throws NOT_FOUND

    /// Waits for the device, then takes away functions and variables.
    void unload();

private:
    Module(std::shared_ptr<Context> context, std::shared_ptr<Program> program, int target)
        : context(context), program(program), target(target)
    {
    }
    void place(Context &context);

    std::map<std::string, std::shared_ptr<Function>> functions_;
    std::vector<uint64_t> variables_;
};

/// A kernel of a library, which every context has.
class Kernel
{
public:
    Kernel(Library &library, std::string name, std::shared_ptr<const Program> program, int target,
           size_t devices);

    uint64_t id = 0;
    const std::weak_ptr<Library> library;
    const std::string name;
    const std::shared_ptr<const Program> program;
    const KernelInfo &info;
    const int target;
    std::vector<std::shared_ptr<Tuning>> tunings; ///< by device

    KernelView view(const Device &device) const
    {
        return {info, *tunings[static_cast<size_t>(device.ordinal)], target};
    }
};

/// A program for all contexts, loaded into each when it is first asked for there.
class Library : public std::enable_shared_from_this<Library>
{
public:
    static std::shared_ptr<Library> load(std::string ptx, JitLog &log);

    uint64_t id = 0;

    std::shared_ptr<Module> module_in(std::shared_ptr<Context> context);
    std::shared_ptr<Kernel> kernel(const std::string &name) const; ///< throws NOT_FOUND
    std::vector<std::shared_ptr<Kernel>> kernels() const;
    void unload();
    void forget(const Context &context);

private:
    std::string ptx_;
    std::shared_ptr<Program> program_; ///< for the kernels' facts; the first module takes it over
    bool taken_ = false;
    std::map<std::string, std::shared_ptr<Kernel>> kernels_;
    mutable std::mutex lock_;
    std::map<uint64_t, std::shared_ptr<Module>> modules_; ///< by context
};

/// The function that a launch means: a CUfunction, or a CUkernel in disguise, in the current
/// context.
std::shared_ptr<Function> function_of(CUfunction handle);
/// The same in a given context.
std::shared_ptr<Function> function_of(CUfunction handle, const std::shared_ptr<Context> &context);

void unload_modules(Context &context);

} // namespace vgpu::soft::driver
