// SPDX-License-Identifier: Apache-2.0
// The one exception of the project: a text for a person and a code for a program.
#pragma once

#include <stdexcept>
#include <string>

namespace vgpu
{

// The text says what failed, on what, and what to do about it. The code is an errno value, or a
// CUresult where a call of the application is being answered; the place that catches knows which.
class Error : public std::runtime_error
{
public:
    Error(int code, std::string text) : std::runtime_error(std::move(text)), code_(code) {}
    int code() const noexcept { return code_; }

private:
    int code_;
};

// Throws an Error with a printf-like text.
[[noreturn]] void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The same with errno as the code and ": " and its description appended to the text.
[[noreturn]] void fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A std::string by printf's rules.
std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

// What strerror() says, without its shared buffer.
std::string errno_text(int code);

} // namespace vgpu
