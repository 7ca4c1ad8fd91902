// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/log.h"
#include "remoting/base/log-history.h"
#include "remoting/base/parse.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace vgpu::soft::driver
{

static bool is_silenced() noexcept
{
    const char *setting = getenv("VGPU_SOFT_LOG");
    try {
        return setting && *setting && !parse_boolean(setting);
    } catch (const std::exception &) {
        return false; // the settings say that it is neither yes nor no
    }
}

void log(const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    LogHistory::get().add(LogHistory::error, line);
    if (!is_silenced())
        fprintf(stderr, "libcuda-soft: %s\n", line);
}

} // namespace vgpu::soft::driver
