// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/options.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <exception>

#include "spank-plugin/option-table.h"

namespace vgpu::spank
{
namespace
{

Options &chosen()
{
    static Options values(option_table());
    return values;
}

/// Runs in srun, sbatch or salloc for what the user typed, and in the step daemon for what came
/// over. `row` is the option's in the table.
int take(int row, const char *text, int)
{
    try {
        chosen().set_argument(option_table()[static_cast<size_t>(row)].cli, text ? text : "");
        return 0;
    } catch (const std::exception &error) {
        slurm_error("vgpu: %s", error.what());
        return -1;
    }
}

/// srun shows sizes and percentages in capitals, choices as they are typed.
std::string argument_name(const Option &option)
{
    std::string name = value_name(option);
    if (option.type != Option::Type::choice)
        std::transform(name.begin(), name.end(), name.begin(), toupper);
    return name;
}

} // namespace

const Options &options()
{
    return chosen();
}

bool any_option_given()
{
    return std::any_of(option_table().begin(), option_table().end(),
                       [](const Option &option) { return chosen().is_given(option.key); });
}

void register_options(spank_t handle)
{
    int row = 0;
    for (const Option &option : option_table()) {
        // Slurm wants plain char pointers, and copies what they point to.
        std::string name = option.key;
        std::string argument = argument_name(option);
        std::string usage = option.doc;
        spank_option entry{name.data(), argument.data(), usage.data(), 1, row++, take};
        if (spank_option_register(handle, &entry) != ESPANK_SUCCESS)
            slurm_error("vgpu: the option --%s cannot be registered", option.key);
    }
}

} // namespace vgpu::spank
