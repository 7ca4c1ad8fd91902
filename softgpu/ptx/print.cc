// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/builtin.h"

#include <bit>
#include <cstdio>
#include <cstring>

namespace vgpu::soft
{
namespace
{

constexpr int kMaxWidth = 4096; // a hostile "%999999999d" costs nothing

/// One conversion of a format: flags, width, precision, length, letter.
struct Conversion {
    std::string flags;
    int width = -1, precision = -1;
    unsigned bytes = 4;
    char letter = 0;
};

template<class T>
void append(std::string &out, const Conversion &conversion, const char *length, T value)
{
    std::string format = "%" + conversion.flags;
    if (conversion.width >= 0)
        format += std::to_string(std::min(conversion.width, kMaxWidth));
    if (conversion.precision >= 0)
        format += "." + std::to_string(std::min(conversion.precision, kMaxWidth));
    format += length;
    format += conversion.letter;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    int size = snprintf(nullptr, 0, format.c_str(), value);
    if (size <= 0)
        return;
    size_t before = out.size();
    out.resize(before + size_t(size) + 1);
    snprintf(out.data() + before, size_t(size) + 1, format.c_str(), value);
#pragma GCC diagnostic pop
    out.pop_back();
}

} // namespace

std::string format_print(std::string_view format,
                         const std::function<uint64_t(size_t, size_t)> &argument,
                         const std::function<std::string(uint64_t)> &string)
{
    std::string out;
    size_t offset = 0;
    auto take = [&](size_t size) {
        offset = (offset + size - 1) / size * size;
        uint64_t bits = argument(offset, size);
        offset += size;
        return bits;
    };
    for (size_t i = 0; i < format.size(); i++) {
        if (format[i] != '%') {
            out += format[i];
            continue;
        }
        size_t start = i++;
        if (i < format.size() && format[i] == '%') {
            out += '%';
            continue;
        }
        Conversion conversion;
        auto number = [&](int &value) {
            if (i < format.size() && format[i] == '*') {
                value = int(int32_t(uint32_t(take(4))));
                i++;
                return;
            }
            value = 0;
            for (; i < format.size() && format[i] >= '0' && format[i] <= '9'; i++)
                value = std::min(kMaxWidth, value * 10 + (format[i] - '0'));
        };
        while (i < format.size() && strchr("-+ #0", format[i]) && format[i])
            conversion.flags += format[i++];
        if (i < format.size() && (format[i] == '*' || (format[i] > '0' && format[i] <= '9'))) {
            number(conversion.width);
            if (conversion.width < 0) {
                conversion.flags += '-';
                conversion.width = std::min(kMaxWidth, -std::max(conversion.width, -kMaxWidth));
            }
        }
        if (i < format.size() && format[i] == '.') {
            i++;
            number(conversion.precision);
        }
        unsigned shorts = 0;
        for (; i < format.size() && strchr("hlLzjt", format[i]) && format[i]; i++) {
            if (format[i] == 'h')
                shorts++;
            else
                conversion.bytes = 8;
        }
        conversion.letter = i < format.size() ? format[i] : '\0';
        switch (conversion.letter) {
        case 'd':
        case 'i': {
            auto value =
                conversion.bytes == 8 ? int64_t(take(8)) : int64_t(int32_t(uint32_t(take(4))));
            value = shorts == 1 ? int16_t(value) : shorts > 1 ? int8_t(value) : value;
            append(out, conversion, "ll", static_cast<long long>(value));
            break;
        }
        case 'u':
        case 'o':
        case 'x':
        case 'X': {
            uint64_t value = take(conversion.bytes);
            value = shorts == 1 ? uint16_t(value) : shorts > 1 ? uint8_t(value) : value;
            append(out, conversion, "ll", static_cast<unsigned long long>(value));
            break;
        }
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G':
        case 'a':
        case 'A':
            append(out, conversion, "", std::bit_cast<double>(take(8)));
            break;
        case 'c':
            append(out, conversion, "", int(take(4) & 0xff));
            break;
        case 'p': {
            uint64_t value = take(8);
            conversion.letter = 'x';
            conversion.flags += '#';
            if (value)
                append(out, conversion, "ll", static_cast<unsigned long long>(value));
            else
                out += "(nil)";
            break;
        }
        case 's':
            append(out, conversion, "", string(take(8)).c_str());
            break;
        default:
            // An unknown conversion is printed as it stands, as the device does.
            out += format.substr(start, i - start + 1);
        }
    }
    return out;
}

} // namespace vgpu::soft
