// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/log.h"

#include "remoting/base/variables.h"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

namespace vgpu
{

using Sink = std::function<void(Level, std::string_view)>;

// -1: not yet read from the environment. Constant-initialised: nothing runs before main().
static constinit std::atomic<int> threshold{-1};
static constinit std::mutex sink_mutex;
// Guarded by sink_mutex. Never freed: lines may be logged while the process exits.
static constinit std::shared_ptr<const Sink> *sink = nullptr;

static constinit std::atomic<void (*)(Level, std::string_view)> listener{nullptr};

static constexpr const char *kNames[] = {"debug", "info", "warning", "error"};

const char *level_name(Level level) noexcept
{
    return kNames[int(level)];
}

bool parse_level(std::string_view name, Level &level) noexcept
{
    for (int i = 0; i < 4; ++i) {
        if (name == kNames[i]) {
            level = Level(i);
            return true;
        }
    }
    return false;
}

void set_log_level(Level level) noexcept
{
    threshold.store(int(level), std::memory_order_relaxed);
}

bool logs(Level level) noexcept
{
    int limit = threshold.load(std::memory_order_relaxed);
    if (limit < 0) {
        Level chosen = Level::warning;
        threshold.store(int(chosen), std::memory_order_relaxed); // for what we may say ourselves
        try {
            parse_level(variable(kLogLevelVariable), chosen);
        } catch (const std::exception &error) {
            log(Level::warning, "%s; warnings and errors are logged", error.what());
        }
        limit = int(chosen);
        threshold.store(limit, std::memory_order_relaxed);
    }
    return int(level) >= limit;
}

void set_log_listener(void (*function)(Level, std::string_view)) noexcept
{
    listener.store(function, std::memory_order_release);
}

void set_log_sink(Sink function)
{
    auto next = function ? std::make_shared<const Sink>(std::move(function)) : nullptr;
    std::lock_guard lock(sink_mutex);
    if (!sink)
        sink = new std::shared_ptr<const Sink>;
    *sink = std::move(next);
}

// Opened for each line: the application may close or reuse any descriptor between two of ours, and
// lines are rare.
static void print(const char *line, size_t length) noexcept
{
    int file = -1;
    const char *path = getenv(kLogFileVariable.env);
    if (path && *path)
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    // One write: lines of several processes do not mix.
    ssize_t n = write(file >= 0 ? file : STDERR_FILENO, line, length);
    (void)n; // there is nobody left to tell
    if (file >= 0)
        close(file);
}

void log(Level level, const char *format, ...)
{
    const auto listens =
        level >= Level::warning ? listener.load(std::memory_order_acquire) : nullptr;
    const bool printed = logs(level);
    if (!printed && !listens)
        return;
    int saved = errno;
    char line[2048];
    int prefix = snprintf(line, sizeof line, "slurm-vgpu: %s: ", level_name(level));
    size_t room = sizeof line - size_t(prefix) - 1; // one for the line's end
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line + prefix, room, format, arguments);
    va_end(arguments);
    size_t length = n < 0 ? 0 : std::min(size_t(n), room - 1);

    std::shared_ptr<const Sink> to;
    if (printed) {
        std::lock_guard lock(sink_mutex);
        if (sink)
            to = *sink;
    }
    if (listens)
        listens(level, std::string_view(line + prefix, length));
    if (to) {
        (*to)(level, std::string_view(line + prefix, length));
    } else if (printed) {
        line[size_t(prefix) + length] = '\n';
        print(line, size_t(prefix) + length + 1);
    }
    errno = saved;
}

} // namespace vgpu
