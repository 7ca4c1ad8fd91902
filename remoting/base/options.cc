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
    case Type::size:
        parse_size(value);
        break;
    case Type::integer:
        parse_integer(value);
        break;
    case Type::percent:
        parse_percent(value);
        break;
    case Type::boolean:
        parse_boolean(value);
        break;
    case Type::duration:
        parse_duration(value);
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
        fail(EINVAL, "%s: %s: %s", source.c_str(), option.key, error.what());
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
            return assign(option, value, option.cli);
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
    const std::string &value = typed(key, Option::Type::boolean);
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

std::string read_file(const std::string &path, size_t max)
{
    Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd)
        fail_errno("cannot open %s", path.c_str());
    return read_all(fd.get(), max, path.c_str());
}

} // namespace vgpu
