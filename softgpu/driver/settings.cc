// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/settings.h"
#include "remoting/base/error.h"
#include "softgpu/driver/log.h"
#include "softgpu/driver/variables.h"

#include <sched.h>
#include <string>

namespace vgpu::soft::driver
{
namespace
{

unsigned cores()
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return static_cast<unsigned>(CPU_COUNT(&set));
    return 1;
}

/// A wrong setting must not pass silently: its default holds, with a word about it.
Options read_variables()
{
    Options values(soft_variables());
    for (const Option &option : soft_variables()) {
        try {
            if (const std::string text = variable(option); !text.empty())
                values.set(option.key, text, option.env);
        } catch (const Error &error) {
            log("%s; the default holds", error.what());
        }
    }
    return values;
}

} // namespace

Settings Settings::from_environment()
{
    const Options values = read_variables();
    Settings settings;
    settings.devices = static_cast<int>(values.integer("VGPU_SOFT_DEVICES"));
    settings.memory = values.size("VGPU_SOFT_MEMORY");
    settings.units = values.is_set("VGPU_SOFT_UNITS")
                         ? static_cast<unsigned>(values.integer("VGPU_SOFT_UNITS"))
                         : cores();
    settings.timeout = static_cast<double>(values.duration("VGPU_SOFT_TIMEOUT").count()) / 1000;
    return settings;
}

} // namespace vgpu::soft::driver
