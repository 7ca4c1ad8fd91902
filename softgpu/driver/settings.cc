// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/settings.h"
#include "softgpu/driver/log.h"

#include <charconv>
#include <cstdlib>
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

/// A whole number in [lo, hi], or `fallback` with a word about it: a wrong setting must not pass
/// silently.
long number(const char *name, long lo, long hi, long fallback)
{
    const char *text = getenv(name);
    if (!text || !*text)
        return fallback;
    char *end = nullptr;
    long value = strtol(text, &end, 10);
    if (*end == 0 && value >= lo && value <= hi)
        return value;
    log("%s=%s is not a number from %ld to %ld; %ld is used", name, text, lo, hi, fallback);
    return fallback;
}

} // namespace

size_t parse_size(std::string_view text)
{
    size_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end == text.data())
        return 0;
    std::string_view unit(end, text.data() + text.size() - end);
    if (!unit.empty() && (unit.back() == 'B' || unit.back() == 'b'))
        unit.remove_suffix(1);
    if (!unit.empty() && unit.back() == 'i')
        unit.remove_suffix(1);
    unsigned shift = 0;
    if (unit.size() == 1) {
        size_t at = std::string_view("kmgtKMGT").find(unit[0]);
        if (at == std::string_view::npos)
            return 0;
        shift = 10 * (at % 4 + 1);
    } else if (!unit.empty()) {
        return 0;
    }
    return value > (SIZE_MAX >> shift) ? 0 : value << shift;
}

Settings Settings::from_environment()
{
    Settings settings;
    settings.devices = static_cast<int>(number("VGPU_SOFT_DEVICES", 0, 64, 1));
    settings.units = static_cast<unsigned>(number("VGPU_SOFT_UNITS", 1, 1024, cores()));
    settings.timeout = static_cast<double>(number("VGPU_SOFT_TIMEOUT", 0, 86400, 0));
    if (const char *text = getenv("VGPU_SOFT_MEMORY"); text && *text) {
        size_t bytes = parse_size(text);
        if (bytes >= (size_t(1) << 20) && bytes <= (size_t(1) << 44))
            settings.memory = bytes;
        else
            log("VGPU_SOFT_MEMORY=%s is not a size from 1M to 16T; 4G is used", text);
    }
    return settings;
}

} // namespace vgpu::soft::driver
