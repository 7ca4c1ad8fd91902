// SPDX-License-Identifier: Apache-2.0
#include "remoting/cudart/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace vgpu::cudart
{

void log(const char *format, ...)
{
    const char *level = getenv("VGPU_LOG_LEVEL");
    if (level && strcmp(level, "error") == 0)
        return;
    int saved = errno;
    char line[1024] = "slurm-vgpu: warning: ";
    size_t prefix = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    const char *path = getenv("VGPU_LOG_FILE");
    int file = path && *path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    // One write, so that the lines of several threads and ranks do not mix.
    ssize_t written = write(file >= 0 ? file : STDERR_FILENO, line, strlen(line));
    (void)written; // there is nobody left to tell
    if (file >= 0)
        close(file);
    errno = saved;
}

} // namespace vgpu::cudart
