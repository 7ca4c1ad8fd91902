// SPDX-License-Identifier: Apache-2.0
#include "nulldriver/record.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace vgpu::null
{
namespace
{

// Appended to, each line by one write: the threads of a process, and processes that were told the
// same file, do not cut each other's lines.
int open_record()
{
    const char *path = getenv("VGPU_NULL_RECORD");
    if (!path || !*path)
        return -1;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0)
        fprintf(stderr, "libcuda-null: VGPU_NULL_RECORD=%s: %s\n", path, strerror(errno));
    return file;
}

const int file = open_record();

} // namespace

const bool recording = file >= 0;

std::string text(Content content)
{
    // The sum of the words, so that a copy in pieces adds up to what the whole gives.
    auto *at = static_cast<const unsigned char *>(content.data);
    uint64_t sum = 0;
    for (size_t i = 0; at && i < content.bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, at + i, content.bytes - i < 8 ? content.bytes - i : 8);
        sum += word;
    }
    char line[64];
    snprintf(line, sizeof line, "%zu:%016llx", content.bytes, (unsigned long long)sum);
    return line;
}

std::string text(Exact bytes)
{
    std::string hex;
    char two[3];
    for (size_t i = 0; bytes.data && i < bytes.bytes; i++) {
        snprintf(two, sizeof two, "%02x", static_cast<const unsigned char *>(bytes.data)[i]);
        hex += two;
    }
    return hex.empty() ? "-" : hex;
}

std::string text(const char *string)
{
    if (!string)
        return "null";
    std::string quoted = "\"";
    for (const char *at = string; *at && quoted.size() < 256; at++)
        quoted += *at == ' ' || *at == '\n' || *at == '"' ? '_' : *at;
    return quoted + '"';
}

std::string text(const void *pointer)
{
    char line[32];
    snprintf(line, sizeof line, "0x%llx", (unsigned long long)(uintptr_t)pointer);
    return line;
}

std::string text(double value)
{
    char line[64];
    snprintf(line, sizeof line, "%.17g", value);
    return line;
}

void write_record(const char *call, const char *names, std::span<const std::string> values)
{
    std::string line = call;
    std::string_view rest = names;
    for (const std::string &value : values) {
        size_t end = rest.find(',');
        line.append(" ").append(rest.substr(0, end)).append("=").append(value);
        rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    }
    line += '\n';
    if (write(file, line.data(), line.size()) < 0) {
        // Nobody to tell; whoever compares the records sees it.
    }
}

} // namespace vgpu::null
