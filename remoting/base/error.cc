// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/error.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace vgpu
{

static std::string vtext(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(nullptr, 0, format, again);
    va_end(again);
    if (n < 0)
        return format;
    std::string out(size_t(n), '\0');
    vsnprintf(out.data(), out.size() + 1, format, arguments);
    return out;
}

std::string text(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    std::string out = vtext(format, arguments);
    va_end(arguments);
    return out;
}

std::string errno_text(int code)
{
    char buffer[128];
    return strerror_r(code, buffer, sizeof buffer); // GNU's form: the text may lie elsewhere
}

void fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    std::string out = vtext(format, arguments);
    va_end(arguments);
    throw Error(code, std::move(out));
}

void fail_errno(const char *format, ...)
{
    int code = errno;
    va_list arguments;
    va_start(arguments, format);
    std::string out = vtext(format, arguments);
    va_end(arguments);
    throw Error(code, out + ": " + errno_text(code));
}

} // namespace vgpu
