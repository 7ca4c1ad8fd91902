// SPDX-License-Identifier: Apache-2.0
// One line for a person. Nothing is opened, allocated or read before the first line is logged, so
// that a wrapper library which never logs leaves no trace in the application.
#pragma once

#include <functional>
#include <string_view>

namespace vgpu
{

enum class Level { debug, info, warning, error };

// Goes to the sink if one is set, else as "slurm-vgpu: warning: text" to the file that
// VGPU_LOG_FILE names, else to stderr. Lines below VGPU_LOG_LEVEL (debug, info, warning, error;
// default warning) are dropped. Keeps errno. May be called from any thread; not from a signal
// handler.
void log(Level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Whether such a line would be printed: for texts that are dear to make.
bool logs(Level level) noexcept;

const char *level_name(Level level) noexcept;
bool parse_level(std::string_view name, Level &level) noexcept;
void set_log_level(Level level) noexcept;

// Called with each warning and error, also with those that are not printed; beside the sink. A plain
// function, so that setting it leaves no trace.
void set_log_listener(void (*listener)(Level, std::string_view)) noexcept;

// Daemons hand the lines to their own logger. An empty function restores the default.
void set_log_sink(std::function<void(Level, std::string_view)> sink);

} // namespace vgpu
