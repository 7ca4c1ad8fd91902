// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/expression.h"
#include "remoting/image/lexer.h"
#include "remoting/image/variables.h"

#include <algorithm>
#include <charconv>

namespace vgpu::image
{
namespace
{

using Kind = Token::Kind;

// What one element of a type takes: ".f32" 4, ".bf16x2" 4, an opaque ".texref" 8, and the most
// that any takes for a type that is not known here.
uint64_t type_bytes(std::string_view type)
{
    if (type.ends_with("ref"))
        return 8;
    size_t digit = type.find_first_of("0123456789");
    uint64_t bits = 0;
    if (digit != type.npos)
        std::from_chars(type.data() + digit, type.data() + type.size(), bits);
    bits *= type.ends_with("x2") ? 2 : type.ends_with("x4") ? 4 : 1;
    return bits ? std::min<uint64_t>((bits + 7) / 8, 16) : 16;
}

uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

// Reads just the declarations; what is between them is passed over, since the driver reads it
// whole.
class Scan
{
public:
    explicit Scan(std::string_view text) : lexer_(text) {}

    uint64_t total()
    {
        while (lexer_.peek().kind != Kind::end)
            step();
        return total_;
    }

private:
    void step()
    {
        Token token = lexer_.peek();
        if (token.kind == Kind::dotted && !instruction_ && last_ != ".ptr" &&
            (token.is(".global") || token.is(".const"))) {
            lexer_.next();
            declaration(last_ == ".extern");
            last_ = {};
            return;
        }
        // These two alone end with their line: an instruction may follow.
        if (token.is(".loc") || token.is(".file")) {
            lexer_.skip_line();
            return;
        }
        lexer_.next();
        bool ends = token.is(";") || token.is("{") || token.is("}") || token.is(":");
        // An instruction begins with its name or its guard: `.global` in it is a modifier.
        if (ends)
            instruction_ = false;
        else if (begins_ && (token.kind == Kind::word || token.is("@")))
            instruction_ = true;
        begins_ = ends;
        last_ = token.text;
    }

    void declaration(bool external)
    {
        uint64_t alignment = 1, lanes = 1, bytes = 0;
        while (lexer_.peek().kind == Kind::dotted) {
            std::string_view word = lexer_.next().text;
            if (word == ".align") {
                alignment = constant_expression(lexer_);
            } else if (word == ".attribute") {
                while (lexer_.peek().kind != Kind::end && !lexer_.accept(")"))
                    lexer_.next();
            } else if (word == ".v2" || word == ".v4" || word == ".v8") {
                lanes = uint64_t(word[2] - '0');
            } else {
                bytes = type_bytes(word);
            }
        }
        do {
            uint64_t size = times(declarator(), times(bytes, lanes));
            if (!external)
                total_ = add_aligned(total_, size, std::max({alignment, bytes * lanes}));
        } while (lexer_.accept(","));
        lexer_.expect(";");
        begins_ = true;
    }

    // How many elements it has.
    uint64_t declarator()
    {
        lexer_.expect(Kind::word, "name");
        uint64_t count = 1;
        bool open = false;
        if (lexer_.accept("<")) {
            count = constant_expression(lexer_);
            lexer_.expect(">");
        }
        while (lexer_.accept("[")) {
            if (lexer_.accept("]")) {
                open = true; // as many as its initialiser has
                continue;
            }
            count = times(count, constant_expression(lexer_));
            lexer_.expect("]");
        }
        uint64_t given = lexer_.accept("=") ? initialiser() : 0;
        return open ? times(count, given) : count;
    }

    uint64_t initialiser()
    {
        uint64_t elements = 0, depth = 0;
        for (bool comma = true; lexer_.peek().kind != Kind::end; lexer_.next()) {
            const Token &token = lexer_.peek();
            if (depth == 0 && (token.is(",") || token.is(";")))
                break;
            if (token.is("}") || token.is(")"))
                depth -= depth > 0;
            // A leading comma or brace begins the next element.
            if (depth == 1 && token.is(",")) {
                comma = true;
            } else if (depth == 1 && comma && !token.is("}")) {
                ++elements;
                comma = false;
            }
            if (token.is("{") || token.is("("))
                ++depth;
        }
        return elements;
    }

    Lexer lexer_;
    uint64_t total_ = 0;
    bool begins_ = true;       // a statement begins with the next token
    bool instruction_ = false; // within one
    std::string_view last_;    // token before
};

} // namespace

uint64_t ptx_variable_bytes(std::string_view text)
{
    return Scan(text).total();
}

} // namespace vgpu::image
