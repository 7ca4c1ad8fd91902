// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace vgpu::soft::driver
{

void log(const char *format, ...)
{
    const char *setting = getenv("VGPU_SOFT_LOG");
    if (setting && !strcmp(setting, "0"))
        return;
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "libcuda-soft: %s\n", line);
}

} // namespace vgpu::soft::driver
