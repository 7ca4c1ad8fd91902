// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/syntax.h"

#include <algorithm>
#include <string>

// What a text's .target does not have is refused as a driver refuses it, though we could execute
// it: a program that runs here shall run on the device that it was written for.
namespace vgpu::soft::syntax
{
namespace
{

/// Instructions of sm_90 by a modifier, with any opcode where none is named.
struct Newer {
    std::string_view opcode, modifier;
};

constexpr Newer kNewer[] = {
    {"", ".cluster"},          {"", ".shared::cluster"}, {"add", ".bf16"},    {"sub", ".bf16"},
    {"mul", ".bf16"},          {"ex2", ".bf16"},         {"tanh", ".bf16"},   {"set", ".bf16"},
    {"setp", ".bf16"},         {"atom", ".bf16"},        {"red", ".bf16"},    {"add", ".bf16x2"},
    {"sub", ".bf16x2"},        {"mul", ".bf16x2"},       {"ex2", ".bf16x2"},  {"tanh", ".bf16x2"},
    {"set", ".bf16x2"},        {"setp", ".bf16x2"},      {"atom", ".bf16x2"}, {"red", ".bf16x2"},
    {"add", ".u16x2"},         {"min", ".u16x2"},        {"max", ".u16x2"},   {"add", ".s16x2"},
    {"min", ".s16x2"},         {"max", ".s16x2"},        {"red", ".v2"},      {"red", ".v4"},
    {"mbarrier", ".try_wait"}, {"elect", ".sync"},
};

/// bf16 was converted from and to f32 alone before.
bool converts_bf16_newly(const Instruction &in)
{
    auto has = [&](std::string_view type) {
        return std::count(in.modifiers.begin(), in.modifiers.end(), type);
    };
    return in.opcode == "cvt" && has(".bf16") && !has(".f32");
}

bool is_newer(const Instruction &in)
{
    if (in.opcode == "griddepcontrol" || in.opcode == "setmaxnreg" || converts_bf16_newly(in))
        return true;
    return std::any_of(std::begin(kNewer), std::end(kNewer), [&](const Newer &newer) {
        return (newer.opcode.empty() || newer.opcode == in.opcode) &&
               std::find(in.modifiers.begin(), in.modifiers.end(), newer.modifier) !=
                   in.modifiers.end();
    });
}

} // namespace

void check_target(const Module &module)
{
    if (module.target == 0 || module.target >= 90)
        return;
    for (const Function &function : module.functions)
        for (const Instruction &in : function.body)
            if (is_newer(in)) {
                std::string name(in.opcode);
                for (std::string_view modifier : in.modifiers)
                    name += modifier;
                fail_at(in.at, name.substr(0, 200) + " needs .target sm_90, and the text's is sm_" +
                                   std::to_string(module.target));
            }
}

} // namespace vgpu::soft::syntax
