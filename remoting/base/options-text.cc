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
    case Option::Type::rate:
        return "rate";
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
    case Option::Type::file:
        return "file";
    case Option::Type::hostport:
        return "host:port";
    case Option::Type::flag:
        return "flag";
    }
    return "";
}

std::string value_name(const Option &option)
{
    if (option.type == Option::Type::flag)
        return "";
    return option.type == Option::Type::choice && option.choices ? option.choices
                                                                 : type_name(option.type);
}

std::string long_name(const Option &option)
{
    const std::string_view cli = option.cli ? option.cli : "";
    const size_t comma = cli.rfind(',');
    return std::string(comma == std::string_view::npos ? cli : cli.substr(comma + 1));
}

static bool has_default(const Option &option)
{
    return option.default_value && *option.default_value;
}

// Backslashes, hyphens that are minus signs, dots that would begin a request, and a line for each
// sentence, which is how mdoc knows where to leave more room.
static std::string groff(std::string_view text)
{
    std::string out;
    for (size_t i = 0; i < text.size(); i++) {
        const char c = text[i];
        bool line_starts = out.empty() || out.back() == '\n';
        if (line_starts && (c == '.' || c == '\''))
            out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if (c == ' ' && text.substr(0, i).ends_with('.'))
            out += '\n';
        else
            out += c;
    }
    return out;
}

// ".It Fl l , -loop Ar duration": mdoc puts the first hyphen itself.
static std::string command_item(const Option &option)
{
    std::string out = ".It Fl ";
    for (const char *c = option.cli + 1; *c; ++c) {
        if (*c == ',')
            out += " , ";
        else if (*c != '-' || c[-1] != ',')
            out += *c == '-' ? "\\-" : std::string(1, *c);
    }
    const std::string value = value_name(option);
    return out + (value.empty() ? "" : " Ar " + groff(value)) + "\n";
}

std::string manual_text(std::span<const Option> table, ManualStyle style)
{
    std::string out;
    for (const Option &option : table) {
        const char *name = style == ManualStyle::keys       ? option.key
                           : style == ManualStyle::commands ? option.cli
                                                            : option.env;
        if (!name)
            continue;
        if (style == ManualStyle::keys)
            out += ".It Cm " + groff(name) + " Ns = Ns Ar " + groff(value_name(option)) + "\n";
        else if (style == ManualStyle::commands)
            out += command_item(option);
        else
            out += ".It Ev " + groff(name) + "\n";
        out += groff(option.doc) + "\n";
        if (style == ManualStyle::variables && option.type == Option::Type::choice)
            out += "One of\n.Cm " + groff(option.choices) + " .\n";
        if (const std::string bounds = bounds_text(option); !bounds.empty())
            out += "Possible: " + groff(bounds) + ".\n";
        if (has_default(option))
            out += "Default: " + groff(option.default_value) + ".\n";
        if (style == ManualStyle::keys && option.env)
            out += "Environment of a daemon:\n.Ev " + groff(option.env) + " .\n";
        if (style == ManualStyle::keys && option.cli)
            out += "Its command line:\n.Fl " + groff(option.cli + 1) + " .\n";
    }
    return out;
}

} // namespace vgpu
