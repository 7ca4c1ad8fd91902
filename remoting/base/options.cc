// SPDX-License-Identifier: Apache-2.0
#include "remoting/base/options.h"

#include "remoting/base/error.h"
#include "remoting/base/fd.h"

#include <cerrno>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>

namespace vgpu
{

// The text of a bound, in the units that people write.
static std::string bound(const Option &option, int64_t value)
{
    switch (option.type) {
    case Option::Type::size:
        return format_size(uint64_t(value));
    case Option::Type::duration:
        return std::to_string(value) + "s";
    case Option::Type::percent:
        return std::to_string(value) + "%";
    default:
        return std::to_string(value);
    }
}

std::string bounds_text(const Option &option)
{
    const bool lower = option.low != INT64_MIN;
    const bool upper = option.high != INT64_MAX;
    if (lower && upper)
        return bound(option, option.low) + " to " + bound(option, option.high);
    if (lower)
        return "at least " + bound(option, option.low);
    return upper ? "at most " + bound(option, option.high) : "";
}

// `scale` units of `value` are one of the bounds'.
static void check_bounds(const Option &option, std::string_view text, __int128 value,
                         int64_t scale = 1)
{
    if ((option.low != INT64_MIN && value < __int128(option.low) * scale) ||
        (option.high != INT64_MAX && value > __int128(option.high) * scale))
        fail(EINVAL, "'%.80s' is out of range: expected %s", std::string(text).c_str(),
             bounds_text(option).c_str());
}

static bool is_choice(const Option &option, std::string_view value) noexcept
{
    std::string_view left = option.choices ? option.choices : "";
    while (!left.empty()) {
        size_t bar = left.find('|');
        if (left.substr(0, bar) == value)
            return true;
        left = bar == std::string_view::npos ? "" : left.substr(bar + 1);
    }
    return false;
}

void check_value(const Option &option, std::string_view value)
{
    using Type = Option::Type;
    if (value.find('\0') != std::string_view::npos)
        fail(EINVAL, "%s holds a NUL byte", option.key);
    switch (option.type) {
    case Type::string:
        break;
    case Type::file:
        if (value.empty())
            fail(EINVAL, "a file's name is missing");
        break;
    case Type::size:
        check_bounds(option, value, parse_size(value));
        break;
    case Type::rate:
        check_bounds(option, value, parse_rate(value));
        break;
    case Type::integer:
        check_bounds(option, value, parse_integer(value));
        break;
    case Type::percent:
        check_bounds(option, value, parse_percent(value));
        break;
    case Type::boolean:
    case Type::flag:
        parse_boolean(value);
        break;
    case Type::duration:
        check_bounds(option, value, parse_duration(value).count(), 1000);
        break;
    case Type::hostport:
        parse_hostport(value);
        break;
    case Type::choice:
        if (!is_choice(option, value))
            fail(EINVAL, "'%.80s' is not one of %s", std::string(value).c_str(), option.choices);
        break;
    case Type::path:
        if (!value.starts_with('/'))
            fail(EINVAL, "'%.80s' is not an absolute path", std::string(value).c_str());
        break;
    }
}

Options::Options(std::span<const Option> table) : table_(table), values_(table.size())
{
    for (size_t i = 0; i < table.size(); ++i) {
        const char *value = table[i].default_value;
        if (value && *value)
            check_value(table[i], value); // a bad default is a bug, and found by the first test
        values_[i] = {value ? value : "", "default"};
    }
}

const Option *Options::find(std::string_view key) const noexcept
{
    for (const Option &option : table_) {
        if (equal_ignoring_case(option.key, key))
            return &option;
    }
    return nullptr;
}

void Options::assign(const Option &option, std::string_view value, const std::string &source)
{
    try {
        check_value(option, value);
    } catch (const Error &error) {
        // A variable and an argument say by themselves which option it is.
        const bool named = source == long_name(option) || (option.env && source == option.env);
        fail(EINVAL, "%s: %s%s%s", source.c_str(), named ? "" : option.key, named ? "" : ": ",
             error.what());
    }
    values_[size_t(&option - table_.data())] = {std::string(value), source};
}

void Options::set(std::string_view key, std::string_view value, const std::string &source)
{
    const Option *option = find(key);
    if (!option)
        fail(EINVAL, "%s: unknown key '%.80s'", source.c_str(), std::string(key).c_str());
    assign(*option, value, source);
}

void Options::load_text(std::string_view text, const std::string &name)
{
    std::vector<int> seen(table_.size());
    parse_pairs(text, name, [&](std::string_view key, std::string_view value, int line) {
        const Option *option = find(key);
        if (!option)
            fail(EINVAL, "unknown key '%.80s'", std::string(key).c_str());
        int &first = seen[size_t(option - table_.data())];
        if (first)
            fail(EINVAL, "%s is given again (first in line %d)", option->key, first);
        first = line;
        try {
            check_value(*option, value);
        } catch (const Error &error) {
            fail(EINVAL, "%s: %s", option->key, error.what());
        }
        values_[size_t(option - table_.data())] = {std::string(value),
                                                   name + ":" + std::to_string(line)};
    });
}

void Options::load_file(const std::string &path)
{
    load_text(read_file(path, 1 << 20), path);
}

void Options::load_environment()
{
    for (const Option &option : table_) {
        const char *value = option.env ? getenv(option.env) : nullptr;
        if (value && *value)
            assign(option, value, option.env);
    }
}

void Options::set_argument(std::string_view cli, std::string_view value)
{
    for (const Option &option : table_) {
        if (option.cli && cli == option.cli)
            return assign(option, value, long_name(option));
    }
    fail(EINVAL, "unknown option '%.80s'", std::string(cli).c_str());
}

size_t Options::index(std::string_view key) const
{
    const Option *option = find(key);
    if (!option)
        throw std::logic_error("no such option: " + std::string(key));
    return size_t(option - table_.data());
}

const std::string &Options::typed(std::string_view key, Option::Type type) const
{
    size_t i = index(key);
    if (table_[i].type != type)
        throw std::logic_error("option " + std::string(key) + " is no " + type_name(type));
    return values_[i].text;
}

bool Options::is_set(std::string_view key) const
{
    return !values_[index(key)].text.empty();
}

bool Options::is_given(std::string_view key) const
{
    return source(key) != "default";
}

const std::string &Options::source(std::string_view key) const
{
    return values_[index(key)].source;
}

const std::string &Options::string(std::string_view key) const
{
    return values_[index(key)].text;
}

// Values were checked when they were set; an option without one reads as zero.
uint64_t Options::size(std::string_view key) const
{
    const std::string &value = typed(key, Option::Type::size);
    return value.empty() ? 0 : parse_size(value);
}

uint64_t Options::rate(std::string_view key) const
{
    const std::string &value = typed(key, Option::Type::rate);
    return value.empty() ? 0 : parse_rate(value);
}

int64_t Options::integer(std::string_view key) const
{
    const std::string &value = typed(key, Option::Type::integer);
    return value.empty() ? 0 : parse_integer(value);
}

unsigned Options::percent(std::string_view key) const
{
    const std::string &value = typed(key, Option::Type::percent);
    return value.empty() ? 0 : parse_percent(value);
}

bool Options::boolean(std::string_view key) const
{
    const size_t i = index(key);
    const std::string &value = typed(
        key, table_[i].type == Option::Type::flag ? Option::Type::flag : Option::Type::boolean);
    return !value.empty() && parse_boolean(value);
}

std::chrono::milliseconds Options::duration(std::string_view key) const
{
    const std::string &value = typed(key, Option::Type::duration);
    return value.empty() ? std::chrono::milliseconds(0) : parse_duration(value);
}

HostPort Options::hostport(std::string_view key) const
{
    const std::string &value = typed(key, Option::Type::hostport);
    return value.empty() ? HostPort() : parse_hostport(value);
}

std::string variable(const Option &option)
{
    Options one(std::span(&option, 1));
    one.load_environment();
    return one.string(option.key);
}

std::string read_file(const std::string &path, size_t max)
{
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd)
        fail_errno("cannot open %s", path.c_str());
    return read_all(fd.get(), max, path.c_str());
}

} // namespace vgpu
