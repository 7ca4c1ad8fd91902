// SPDX-License-Identifier: Apache-2.0
// The lexical form of configuration files: Key=Value, several on a line, as in slurm.conf.
#include "remoting/base/error.h"
#include "remoting/base/options.h"

#include <cerrno>

namespace vgpu
{

namespace
{

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\r';
}

class Scanner
{
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    int line = 1;

    // To the next pair; false at the end of the text.
    bool skip_to_pair()
    {
        while (at_ < text_.size()) {
            char c = text_[at_];
            if (c == '#')
                skip_comment();
            else if (c == '\n' || is_blank(c))
                advance();
            else if (continues_line())
                skip_continuation();
            else
                return true;
        }
        return false;
    }

    std::string_view key()
    {
        size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != '=' && text_[at_] != '\n' && text_[at_] != '#' &&
               !is_blank(text_[at_]))
            ++at_;
        std::string_view key = text_.substr(begin, at_ - begin);
        if (at_ >= text_.size() || text_[at_] != '=')
            fail(EINVAL, "expected Key=Value instead of '%.80s'", std::string(key).c_str());
        if (key.empty())
            fail(EINVAL, "no key before '='");
        ++at_;
        return key;
    }

    std::string value()
    {
        if (at_ < text_.size() && text_[at_] == '"')
            return quoted_value();
        std::string out;
        while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '#' &&
               !is_blank(text_[at_]) && !continues_line()) {
            if (text_[at_] == '"')
                fail(EINVAL, "a quotation mark inside a value: quote all of it");
            out += text_[at_++];
        }
        return out;
    }

private:
    void advance()
    {
        if (text_[at_++] == '\n')
            ++line;
    }

    void skip_comment()
    {
        while (at_ < text_.size() && text_[at_] != '\n')
            ++at_;
    }

    // A backslash that nothing but blanks separates from the end of the line.
    bool continues_line() const
    {
        if (text_[at_] != '\\')
            return false;
        size_t next = at_ + 1;
        while (next < text_.size() && is_blank(text_[next]))
            ++next;
        return next >= text_.size() || text_[next] == '\n';
    }

    void skip_continuation()
    {
        ++at_;
        while (at_ < text_.size() && is_blank(text_[at_]))
            ++at_;
        if (at_ < text_.size())
            advance();
    }

    std::string quoted_value()
    {
        std::string out;
        for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
            if (text_[at_] == '"') {
                ++at_;
                if (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '#' &&
                    !is_blank(text_[at_]) && !continues_line())
                    fail(EINVAL, "text right after a closing quotation mark");
                return out;
            }
            out += text_[at_];
        }
        fail(EINVAL, "a quotation mark is not closed on its line");
    }

    std::string_view text_;
    size_t at_ = 0;
};

} // namespace

void parse_pairs(std::string_view text, const std::string &name,
                 const std::function<void(std::string_view, std::string_view, int)> &each)
{
    Scanner scanner(text);
    while (scanner.skip_to_pair()) {
        try {
            std::string_view key = scanner.key();
            std::string value = scanner.value();
            each(key, value, scanner.line);
        } catch (const Error &error) {
            fail(error.code(), "%s:%d: %s", name.c_str(), scanner.line, error.what());
        }
    }
}

} // namespace vgpu
