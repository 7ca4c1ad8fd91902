// SPDX-License-Identifier: Apache-2.0
// One table describes a program's options; the configuration file, the environment, the command
// line, --help and the manual page all derive from it.
#pragma once

#include "remoting/base/parse.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu
{

struct Option {
    enum class Type {
        string,
        size,
        rate, // bits a second
        integer,
        percent,
        boolean,
        duration,
        choice,
        path, // an absolute one
        file, // any path
        hostport,
        flag, // on the command line only, without a value
    };

    const char *key;           // "StateSaveLocation"
    const char *env;           // "VGPU_CONF_KEY_FILE" or null
    const char *cli;           // "--state", "-s,--state" or null
    const char *default_value; // as written in a file; null or "" for unset
    const char *doc;           // whole sentences
    Type type = Type::string;
    const char *choices = nullptr; // for choice: "auto|shm|unix|tcp"
    int64_t low = INT64_MIN;       // for numbers, bytes, percentages and seconds
    int64_t high = INT64_MAX;
};

// Values by precedence: default, file, environment, command line; a later source may only be
// applied after an earlier one. Every value is checked when it is set, and the error names its
// source.
class Options
{
public:
    explicit Options(std::span<const Option> table);

    // A file in Slurm's form: Key=Value pairs, several on a line, "quoted values", # comments and
    // lines continued by a backslash. Keys in any case. An unknown or repeated key, or a bad value
    // throws EINVAL with "file:line: text".
    void load_file(const std::string &path);
    void load_text(std::string_view text, const std::string &name);

    // The variables that the table names, where they are set and not empty.
    void load_environment();

    // From the command line: `cli` as in the table, errors as "--mem: text". A flag's value is
    // "yes".
    void set_argument(std::string_view cli, std::string_view value);

    // From anywhere else; `source` begins the error's text.
    void set(std::string_view key, std::string_view value, const std::string &source);

    std::span<const Option> table() const noexcept { return table_; }
    bool is_set(std::string_view key) const;   // has a value that is not empty
    bool is_given(std::string_view key) const; // by anything but its default
    const std::string &
    source(std::string_view key) const; // "default", "file:line", "VGPU_CONF", "--x"

    // Throw std::logic_error for a key that the table lacks or has with another type.
    const std::string &string(std::string_view key) const; // of any type, as it was written
    uint64_t size(std::string_view key) const;
    uint64_t rate(std::string_view key) const; // in bits a second
    int64_t integer(std::string_view key) const;
    unsigned percent(std::string_view key) const;
    bool boolean(std::string_view key) const;
    std::chrono::milliseconds duration(std::string_view key) const;
    HostPort hostport(std::string_view key) const;

private:
    struct Value {
        std::string text;
        std::string source;
    };
    const Option *find(std::string_view key) const noexcept;
    size_t index(std::string_view key) const;
    const std::string &typed(std::string_view key, Option::Type type) const;
    void assign(const Option &option, std::string_view value, const std::string &source);

    std::span<const Option> table_;
    std::vector<Value> values_;
};

// Throws EINVAL, without a source, unless the value suits the option.
void check_value(const Option &option, std::string_view value);

// The pairs of a text in the form above, in order; `name` and the line stand before every
// complaint. Throws also what `each` throws, with "name:line: " put before it.
void parse_pairs(
    std::string_view text, const std::string &name,
    const std::function<void(std::string_view key, std::string_view value, int line)> &each);

// A whole file of at most `max` bytes.
std::string read_file(const std::string &path, size_t max);

// The value of one variable, or of the option's default; a bad value throws as
// Options::load_environment() does.
std::string variable(const Option &option);

// "--loop" of "-l,--loop".
std::string long_name(const Option &option);

// "1 to 128", "at least 1M"; "" without bounds.
std::string bounds_text(const Option &option);

// What stands for the value in a usage: "size", "auto|shm|unix|tcp".
std::string value_name(const Option &option);

// The items of a tagged list in mdoc(7), one for each option: as keys of a file, as options of a
// command, as variables.
enum class ManualStyle { keys, commands, variables };
std::string manual_text(std::span<const Option> table, ManualStyle style);

const char *type_name(Option::Type type) noexcept;

} // namespace vgpu
