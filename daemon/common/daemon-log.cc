// SPDX-License-Identifier: Apache-2.0
#include "daemon/common/daemon-log.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/base/log.h"

namespace vgpu::control
{

namespace
{

spdlog::level::level_enum spdlog_level(Level level)
{
    switch (level) {
    case Level::debug:
        return spdlog::level::debug;
    case Level::info:
        return spdlog::level::info;
    case Level::warning:
        return spdlog::level::warn;
    case Level::error:
        break;
    }
    return spdlog::level::err;
}

} // namespace

std::string expand(const std::string &path, const Conf &conf, const char *program)
{
    std::string text;
    for (size_t at = 0; at < path.size(); ++at) {
        const char next = path[at] == '%' && at + 1 < path.size() ? path[at + 1] : '\0';
        if (next == 'h')
            text += conf.node_name;
        else if (next == 'p')
            text += program;
        else {
            text += path[at];
            continue;
        }
        ++at;
    }
    return text;
}

void make_directories(const std::string &path, unsigned mode)
{
    std::error_code error;
    const bool made = std::filesystem::create_directories(path, error);
    if (error)
        fail(error.value(), "making the directory %s: %s", path.c_str(), error.message().c_str());
    if (made && chmod(path.c_str(), mode) != 0)
        fail_errno("setting the mode of %s", path.c_str());
}

void start_log(const Conf &conf, const char *program)
{
    if (!conf.log_file.empty()) {
        const std::string path = expand(conf.log_file, conf, program);
        Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
        if (!file)
            fail_errno("opening the log file %s", path.c_str());
        if (dup2(file.get(), STDERR_FILENO) < 0)
            fail_errno("writing standard error to %s", path.c_str());
    }
    auto logger = std::make_shared<spdlog::logger>(
        program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("[%Y-%m-%dT%H:%M:%S.%e] %n: %l: %v");
    logger->set_level(spdlog::level::trace); // vgpu::log has filtered already
    logger->flush_on(spdlog::level::trace);
    Level level = Level::info;
    parse_level(conf.debug_level, level);
    set_log_level(level);
    set_log_sink([logger](Level at, std::string_view text) {
        logger->log(spdlog_level(at), spdlog::string_view_t(text.data(), text.size()));
    });
}

PidFile::PidFile(const Conf &conf, const char *program)
{
    if (conf.pid_file.empty())
        return;
    const std::string path = expand(conf.pid_file, conf, program);
    FILE *file = std::fopen(path.c_str(), "we");
    if (!file)
        fail_errno("writing the pid file %s", path.c_str());
    std::fprintf(file, "%d\n", static_cast<int>(getpid()));
    std::fclose(file);
    path_ = path;
}

PidFile::~PidFile()
{
    if (!path_.empty())
        unlink(path_.c_str());
}

} // namespace vgpu::control
