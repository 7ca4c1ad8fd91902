// SPDX-License-Identifier: Apache-2.0
// What every daemon does first: log, pid file, name.
#pragma once

#include <string>

#include "daemon/common/conf.h"

namespace vgpu::control
{

/// Hands the log's lines to spdlog: to LogFile, which also becomes standard error so that workers
/// write there too, or to standard error.
void start_log(const Conf &conf, const char *program);

/// Writes PidFile, if one is named, and removes it at the end.
class PidFile
{
public:
    PidFile(const Conf &conf, const char *program);
    ~PidFile();
    PidFile(const PidFile &) = delete;
    PidFile &operator=(const PidFile &) = delete;

private:
    std::string path_;
};

/// %h and %p of file names in vgpu.conf.
std::string expand(const std::string &path, const Conf &conf, const char *program);

/// Makes a directory and those above it, as mkdir -p does.
void make_directories(const std::string &path, unsigned mode);

} // namespace vgpu::control
