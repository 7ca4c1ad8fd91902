// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/fuzz-program.h"
#include "softgpu/ptx/fuzz-sandbox.h"
#include "softgpu/ptx/types.h"

// A launch made of bytes.
namespace vgpu::soft::fuzz
{
namespace
{

/// Bytes while there are some, then zeros.
class Source
{
public:
    explicit Source(std::span<const uint8_t> bytes) : bytes_(bytes) {}
    uint64_t take(size_t count)
    {
        uint64_t value = 0;
        for (size_t i = 0; i < count && at_ < bytes_.size(); i++)
            value |= uint64_t(bytes_[at_++]) << (8 * i);
        return value;
    }
    unsigned below(unsigned limit) { return unsigned(take(1)) % limit; }

private:
    std::span<const uint8_t> bytes_;
    size_t at_ = 0;
};

/// A pointer, what looks like one, or a number.
uint64_t argument(Source &from, Sandbox &box)
{
    auto near = [&] { return uint64_t(int64_t(int8_t(from.take(1)))); };
    switch (from.below(10)) {
    case 0:
    case 1:
        return box.take(kBuffer, 16, true);
    case 2:
        return box.take(kBuffer, 16, true) + near();
    case 3:
        return box.take(kBuffer, 16, true) + kBuffer + near();
    case 4:
        return box.take(kBuffer, 16, false) + 8 * near();
    case 5:
        return kSharedWindow + near() * 4;
    case 6:
        return kLocalWindow + near();
    case 7:
        return (from.take(1) & 1 ? kParamWindow : kFunctionWindow) + near();
    case 8:
        return near();
    default:
        return from.take(8);
    }
}

const std::vector<std::shared_ptr<Program>> &programs()
{
    static const auto all = [] {
        std::vector<std::shared_ptr<Program>> made;
        for (const std::string &text : seeds("fuzz-launches.ptx"))
            made.push_back(Program::compile(text));
        return made;
    }();
    return all;
}

} // namespace

Fault launch_anything(std::span<const uint8_t> data)
{
    Source from(data);
    Sandbox box;
    auto program = programs()[from.below(unsigned(programs().size()))]->copy();
    program->bind([&](const GlobalInfo &global) {
        return box.take(global.size, std::max<size_t>(global.alignment, 16), !global.constant);
    });
    auto kernels = program->kernels();
    const KernelInfo &kernel = kernels[from.below(unsigned(kernels.size()))];
    Launch launch{.program = program, .kernel = kernel.name};
    launch.grid = {1 + from.below(4), 1 + from.below(3), 1 + from.below(2)};
    launch.block = {1 + from.below(130), 1 + from.below(3), 1 + from.below(2)};
    launch.dynamic_shared_bytes = from.take(1) * 4;
    launch.cooperative = from.take(1) & 1;
    launch.stack_bytes = from.take(1) * 256;
    unsigned threads = 1 + from.below(kThreads);
    launch.parameters.resize(kernel.parameter_bytes);
    for (const Parameter &parameter : kernel.parameters) {
        uint64_t value = argument(from, box);
        std::memcpy(launch.parameters.data() + parameter.offset, &value, parameter.size);
    }
    return execute(launch, box.map, box, threads);
}

} // namespace vgpu::soft::fuzz
