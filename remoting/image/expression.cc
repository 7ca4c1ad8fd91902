// SPDX-License-Identifier: Apache-2.0
#include "remoting/image/expression.h"

namespace vgpu::image
{
namespace
{

constexpr int kMaxDepth = 64;

/// Binding strength of a binary operator, 0 for none.
int strength(std::string_view sign)
{
    if (sign == "*" || sign == "/" || sign == "%")
        return 6;
    if (sign == "+" || sign == "-")
        return 5;
    if (sign == "<<" || sign == ">>")
        return 4;
    if (sign == "&")
        return 3;
    if (sign == "^")
        return 2;
    return sign == "|" ? 1 : 0;
}

uint64_t binary(Lexer &lexer, int least, int depth);

uint64_t unary(Lexer &lexer, int depth)
{
    const Token token = lexer.peek();
    if (depth > kMaxDepth)
        fail_at(token.at, "expression nested too deep");
    if (lexer.accept("-"))
        return uint64_t(0) - unary(lexer, depth + 1);
    if (lexer.accept("+"))
        return unary(lexer, depth + 1);
    if (lexer.accept("~"))
        return ~unary(lexer, depth + 1);
    if (lexer.accept("!"))
        return unary(lexer, depth + 1) == 0;
    if (lexer.accept("(")) {
        uint64_t value = binary(lexer, 1, depth + 1);
        lexer.expect(")");
        return value;
    }
    return lexer.expect(Token::Kind::integer, "number").bits;
}

uint64_t binary(Lexer &lexer, int least, int depth)
{
    uint64_t left = unary(lexer, depth);
    for (;;) {
        const Token sign = lexer.peek();
        int binding = sign.kind == Token::Kind::sign ? strength(sign.text) : 0;
        if (binding == 0 || binding < least)
            return left;
        lexer.next();
        uint64_t right = binary(lexer, binding + 1, depth + 1);
        switch (sign.text[0]) {
        case '*':
            left *= right;
            break;
        case '/':
        case '%':
            if (right == 0)
                fail_at(sign.at, "division by zero");
            left = sign.text[0] == '/' ? left / right : left % right;
            break;
        case '+':
            left += right;
            break;
        case '-':
            left -= right;
            break;
        case '<':
            left = right < 64 ? left << right : 0;
            break;
        case '>':
            left = right < 64 ? left >> right : 0;
            break;
        case '&':
            left &= right;
            break;
        case '^':
            left ^= right;
            break;
        default:
            left |= right;
        }
    }
}

} // namespace

uint64_t constant_expression(Lexer &lexer)
{
    return binary(lexer, 1, 0);
}

} // namespace vgpu::image
