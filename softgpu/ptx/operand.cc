// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/operand.h"

namespace vgpu::soft
{
namespace
{

using namespace syntax;

constexpr size_t kMaxDepth = 8;

Operand name_operand(Lexer &lexer)
{
    Operand result;
    Token name = lexer.expect(Token::Kind::word, "operand");
    result.name = name.text;
    result.at = name.at;
    if (lexer.peek().kind == Token::Kind::dotted)
        result.component = lexer.next().text;
    if (lexer.peek().is("+") || lexer.peek().is("-"))
        result.offset = int64_t(constant_expression(lexer));
    return result;
}

Operand operand(Lexer &lexer, size_t depth)
{
    Operand result;
    const Token token = lexer.peek();
    result.at = token.at;
    if (depth > kMaxDepth)
        fail_at(token.at, "operands nested too deep");
    auto elements = [&](Operand::Kind kind, std::string_view close) {
        result.kind = kind;
        lexer.next();
        while (!lexer.accept(close)) {
            result.elements.push_back(operand(lexer, depth + 1));
            if (result.elements.size() > 256)
                fail_at(token.at, "too many elements");
            if (!lexer.peek().is(close))
                lexer.expect(",");
        }
    };
    if (token.is("{")) {
        elements(Operand::Kind::vector, "}");
        if (depth == 0 && lexer.accept("|")) { // tex {...}|p
            Operand pair;
            pair.kind = Operand::Kind::pair;
            pair.at = token.at;
            pair.elements.push_back(std::move(result));
            pair.elements.push_back(name_operand(lexer));
            return pair;
        }
        return result;
    }
    if (token.is("(") && depth == 0) {
        // A list of a call, or an expression in parentheses: only the call's begins with a name or
        // `)`.
        elements(Operand::Kind::list, ")");
        if (result.elements.size() == 1 && result.elements[0].kind == Operand::Kind::integer &&
            !lexer.peek().is(";") && !lexer.peek().is(","))
            fail_at(token.at, "expressions that begin with '(' are not supported here");
        return result;
    }
    if (token.is("[")) {
        lexer.next();
        result.kind = Operand::Kind::memory;
        if (lexer.peek().kind == Token::Kind::word) {
            Operand base = name_operand(lexer);
            result.name = base.name;
            result.component = base.component;
            result.offset = base.offset;
        } else {
            result.offset = int64_t(constant_expression(lexer));
        }
        if (lexer.accept(",")) {
            result.elements.push_back(operand(lexer, depth + 1));
        }
        lexer.expect("]");
        return result;
    }
    if (token.is("!")) {
        lexer.next();
        result = operand(lexer, depth + 1);
        result.negated = !result.negated;
        return result;
    }
    if (token.kind == Token::Kind::word) {
        result = name_operand(lexer);
        if (lexer.accept("|")) {
            Operand pair;
            pair.kind = Operand::Kind::pair;
            pair.at = token.at;
            pair.elements.push_back(std::move(result));
            pair.elements.push_back(name_operand(lexer));
            return pair;
        }
        return result;
    }
    bool negative = false;
    if (token.is("-")) {
        Lexer ahead = lexer;
        ahead.next();
        if (ahead.peek().kind == Token::Kind::real32 || ahead.peek().kind == Token::Kind::real64) {
            negative = true;
            lexer.next();
        }
    }
    const Token value = lexer.peek();
    if (value.kind == Token::Kind::real32 || value.kind == Token::Kind::real64) {
        lexer.next();
        bool wide = value.kind == Token::Kind::real64;
        result.kind = wide ? Operand::Kind::real64 : Operand::Kind::real32;
        result.bits = value.bits ^ (!negative ? 0 : wide ? uint64_t(1) << 63 : 0x80000000u);
        return result;
    }
    result.kind = Operand::Kind::integer;
    result.bits = constant_expression(lexer);
    return result;
}

} // namespace

syntax::Operand parse_operand(Lexer &lexer)
{
    return operand(lexer, 0);
}

} // namespace vgpu::soft
