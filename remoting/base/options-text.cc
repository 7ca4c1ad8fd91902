// SPDX-License-Identifier: Apache-2.0
// What the table of options says to people.
#include "remoting/base/options.h"

namespace vgpu
{

const char *type_name(Option::Type type) noexcept
{
    switch (type) {
    case Option::Type::string:
        return "text";
    case Option::Type::size:
        return "size";
    case Option::Type::integer:
        return "number";
    case Option::Type::percent:
        return "percent";
    case Option::Type::boolean:
        return "yes|no";
    case Option::Type::duration:
        return "duration";
    case Option::Type::choice:
        return "choice";
    case Option::Type::path:
        return "path";
    case Option::Type::hostport:
        return "host:port";
    }
    return "";
}

static std::string value_name(const Option &option)
{
    return option.type == Option::Type::choice && option.choices ? option.choices
                                                                 : type_name(option.type);
}

static bool has_default(const Option &option)
{
    return option.default_value && *option.default_value;
}

// Backslashes, hyphens that are minus signs, and dots that would begin a request.
static std::string groff(std::string_view text)
{
    std::string out;
    for (char c : text) {
        bool line_starts = out.empty() || out.back() == '\n';
        if (line_starts && (c == '.' || c == '\''))
            out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
    }
    return out;
}

std::string manual_text(std::span<const Option> table)
{
    std::string out;
    for (const Option &option : table) {
        out += ".TP\n\\fB" + groff(option.key) + "\\fR=\\fI" + groff(value_name(option)) +
               "\\fR\n" + groff(option.doc) + "\n";
        if (has_default(option))
            out += "Default: " + groff(option.default_value) + ".\n";
        if (option.env)
            out += "Environment: \\fB" + groff(option.env) + "\\fR.\n";
        if (option.cli)
            out += "Command line: \\fB" + groff(option.cli) + "\\fR.\n";
    }
    return out;
}

} // namespace vgpu
