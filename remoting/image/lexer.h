// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace vgpu::image
{

struct Position {
    uint32_t line = 0;
    uint32_t column = 0;
};

/// Throws vgpu::Error "line:column: text", as the driver's JIT log has it.
[[noreturn]] void fail_at(Position at, const std::string &text);

struct Token {
    enum class Kind : uint8_t {
        end,
        word,    ///< identifier, `%r1` and `$L__BB0_2` included
        dotted,  ///< `.u32`, `.shared::cta`: a directive or a modifier, dot included
        integer, ///< `bits` holds it
        real32,  ///< `bits` holds the IEEE pattern
        real64,
        string,
        sign, ///< one character of punctuation, in `text`
    };
    Kind kind = Kind::end;
    std::string_view text;
    Position at;
    uint64_t bits = 0;

    bool is(std::string_view sign_or_word) const { return text == sign_or_word; }
};

/// Splits PTX into tokens; comments and `#` lines are skipped. The text must outlive the tokens.
class Lexer
{
public:
    explicit Lexer(std::string_view text);

    const Token &peek() const { return token_; }
    Token next();

    /// The token if it is `text`, consumed; else false.
    bool accept(std::string_view text);
    /// Consumes `text` or fails naming what stands there instead.
    Token expect(std::string_view text);
    Token expect(Token::Kind kind, const char *what);

    /// Skips to the end of the line the current token is on (debug directives have their own
    /// grammar).
    void skip_line();

private:
    void read();
    void skip_blank();
    void read_number();
    void advance(size_t count);
    char at(size_t ahead = 0) const
    {
        return offset_ + ahead < text_.size() ? text_[offset_ + ahead] : '\0';
    }

    std::string_view text_;
    size_t offset_ = 0;
    Position position_{1, 1};
    Token token_;
};

} // namespace vgpu::image
