// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/lexer.h"

#include "remoting/base/error.h"

#include <bit>
#include <charconv>

namespace vgpu::image
{
namespace
{

constexpr int kInvalidPtx = 218; // CUDA_ERROR_INVALID_PTX

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

} // namespace

void fail_at(Position at, const std::string &text)
{
    throw Error(kInvalidPtx,
                std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + text);
}

Lexer::Lexer(std::string_view text) : text_(text)
{
    // Drivers are handed NUL-terminated text with its NUL counted, often.
    while (!text_.empty() && text_.back() == '\0')
        text_.remove_suffix(1);
    read();
}

Token Lexer::next()
{
    Token result = token_;
    read();
    return result;
}

bool Lexer::accept(std::string_view text)
{
    if (token_.kind == Token::Kind::end || token_.kind == Token::Kind::string ||
        token_.text != text)
        return false;
    read();
    return true;
}

Token Lexer::expect(std::string_view text)
{
    if (token_.kind == Token::Kind::end)
        fail_at(token_.at, "'" + std::string(text) + "' expected at the end of the text");
    if (token_.text != text)
        fail_at(token_.at, "'" + std::string(text) + "' expected, not '" +
                               std::string(token_.text.substr(0, 80)) + "'");
    return next();
}

Token Lexer::expect(Token::Kind kind, const char *what)
{
    if (token_.kind != kind)
        fail_at(token_.at, std::string(what) + " expected, not '" +
                               std::string(token_.text.substr(0, 80)) + "'");
    return next();
}

void Lexer::skip_line()
{
    uint32_t line = token_.at.line;
    while (token_.kind != Token::Kind::end && token_.at.line == line)
        read();
}

void Lexer::advance(size_t count)
{
    for (; count > 0 && offset_ < text_.size(); count--) {
        if (text_[offset_++] == '\n') {
            position_.line++;
            position_.column = 1;
        } else {
            position_.column++;
        }
    }
}

void Lexer::skip_blank()
{
    for (;;) {
        char c = at();
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v') {
            advance(1);
        } else if (c == '/' && at(1) == '/') {
            while (offset_ < text_.size() && at() != '\n')
                advance(1);
        } else if (c == '/' && at(1) == '*') {
            Position start = position_;
            size_t end = text_.find("*/", offset_ + 2);
            if (end == std::string_view::npos)
                fail_at(start, "comment without an end");
            advance(end + 2 - offset_);
        } else if (c == '#' && position_.column == 1) {
            while (offset_ < text_.size() && at() != '\n')
                advance(1);
        } else {
            return;
        }
    }
}

void Lexer::read()
{
    skip_blank();
    token_ = Token{};
    token_.at = position_;
    if (offset_ >= text_.size())
        return;
    size_t start = offset_;
    char c = at();
    if (is_digit(c)) {
        read_number();
    } else if (is_word(c) || (c == '%' && is_word(at(1)))) {
        token_.kind = Token::Kind::word;
        advance(1);
        while (is_word(at()))
            advance(1);
    } else if (c == '.' && is_word(at(1))) {
        token_.kind = Token::Kind::dotted;
        advance(1);
        while (is_word(at()) || (at() == ':' && at(1) == ':' && is_word(at(2)))) {
            advance(at() == ':' ? 2 : 1);
        }
    } else if (c == '"') {
        token_.kind = Token::Kind::string;
        size_t end = text_.find('"', offset_ + 1);
        if (end == std::string_view::npos)
            fail_at(position_, "string without an end");
        advance(end + 1 - offset_);
    } else {
        token_.kind = Token::Kind::sign;
        advance((c == '<' && at(1) == '<') || (c == '>' && at(1) == '>') ? 2 : 1);
    }
    token_.text = text_.substr(start, offset_ - start);
}

void Lexer::read_number()
{
    size_t start = offset_;
    auto digits = [&](size_t from, int base) {
        const char *first = text_.data() + from, *last = text_.data() + offset_;
        auto [end, error] = std::from_chars(first, last, token_.bits, base);
        if (error != std::errc() || end != last)
            fail_at(token_.at,
                    "bad number '" + std::string(text_.substr(start, offset_ - start)) + "'");
    };
    char kind = at(1);
    if (at() == '0' && (kind == 'f' || kind == 'F' || kind == 'd' || kind == 'D')) {
        bool wide = kind == 'd' || kind == 'D';
        advance(2);
        while (is_hex(at()))
            advance(1);
        if (offset_ - start != (wide ? 18u : 10u))
            fail_at(token_.at, wide ? "0d needs 16 hex digits" : "0f needs 8 hex digits");
        digits(start + 2, 16);
        token_.kind = wide ? Token::Kind::real64 : Token::Kind::real32;
        return;
    }
    token_.kind = Token::Kind::integer;
    if (at() == '0' && (kind == 'x' || kind == 'X')) {
        advance(2);
        while (is_hex(at()))
            advance(1);
        digits(start + 2, 16);
    } else if (at() == '0' && (kind == 'b' || kind == 'B')) {
        advance(2);
        while (is_digit(at()))
            advance(1);
        digits(start + 2, 2);
    } else {
        while (is_digit(at()))
            advance(1);
        bool real = (at() == '.' && is_digit(at(1))) || at() == 'e' || at() == 'E';
        if (at() == '.' && !is_word(at(1)))
            real = true;
        if (real) {
            double value = 0;
            auto [end, error] =
                std::from_chars(text_.data() + start, text_.data() + text_.size(), value);
            if (error != std::errc())
                fail_at(token_.at, "bad floating-point number");
            advance(size_t(end - text_.data()) - offset_);
            token_.kind = Token::Kind::real64;
            token_.bits = std::bit_cast<uint64_t>(value);
            return;
        }
        bool octal = offset_ - start > 1 && text_[start] == '0';
        digits(start, octal ? 8 : 10);
    }
    if (at() == 'U' || at() == 'u')
        advance(1);
}

} // namespace vgpu::image
