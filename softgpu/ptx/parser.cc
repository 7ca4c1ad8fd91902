// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/parser.h"

#include "softgpu/ptx/operand.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace vgpu::soft
{
namespace
{

using namespace syntax;

constexpr uint64_t kMaxVariable = uint64_t(1) << 40;

class Parser
{
public:
    explicit Parser(std::string_view text) : lexer_(text) {}

    Module run();

private:
    struct Linkage {
        bool external = false;
    };

    void target();
    void module_item();
    void function(bool kernel, const Linkage &linkage);
    void function_directives(Function &function);
    void body(Function &function);
    void statement(Function &function, unsigned scope);
    void body_directive(Function &function, unsigned scope);
    void labelled_directive(Function &function, unsigned scope, std::string_view label);
    void registers(Scope &scope);
    std::vector<Variable> variables(Space space, bool external);
    Variable parameter();
    std::vector<Variable> parameter_list();
    Variable declarator(Variable variable, unsigned vector);
    void initialiser(Variable &variable);
    Initial initial_value();
    void instruction(Function &function, unsigned scope);
    // Whether `wanted` is in it.
    bool skip_group(std::string_view open, std::string_view close, std::string_view wanted = {});
    unsigned count();

    Lexer lexer_;
    Module module_;
};

Module Parser::run()
{
    if (lexer_.peek().text != ".version")
        fail_at(lexer_.peek().at, "PTX begins with .version");
    while (lexer_.peek().kind != Token::Kind::end)
        module_item();
    return std::move(module_);
}

/// ".target sm_90a, debug": the number. Nothing of the next line is read.
void Parser::target()
{
    const Token name = (lexer_.next(), lexer_.peek());
    if (name.text.starts_with("sm_"))
        std::from_chars(name.text.data() + 3, name.text.data() + name.text.size(), module_.target);
}

void Parser::module_item()
{
    const Token first = lexer_.peek();
    if (first.is(".version") || first.is(".target") || first.is(".address_size") ||
        first.is(".file") || first.is(".loc")) {
        if (first.is(".address_size")) {
            lexer_.next();
            if (lexer_.expect(Token::Kind::integer, "address size").bits != 64)
                fail_at(first.at, "only 64-bit addresses are supported");
        } else {
            if (first.is(".target"))
                target();
            if (lexer_.peek().at.line == first.at.line)
                lexer_.skip_line();
        }
        return;
    }
    if (first.is(".section")) {
        while (lexer_.peek().kind != Token::Kind::end && !lexer_.peek().is("{"))
            lexer_.next();
        skip_group("{", "}");
        return;
    }
    if (first.is(".pragma")) {
        while (!lexer_.accept(";"))
            lexer_.next().kind == Token::Kind::end ? fail_at(first.at, "';' expected") : void();
        return;
    }
    if (lexer_.accept(";"))
        return;
    Linkage linkage;
    for (;;) {
        const Token token = lexer_.peek();
        if (token.is(".extern")) {
            linkage.external = true;
            lexer_.next();
        } else if (token.is(".visible") || token.is(".weak") || token.is(".common")) {
            lexer_.next();
        } else if (token.is(".entry") || token.is(".func")) {
            lexer_.next();
            return function(token.is(".entry"), linkage);
        } else if (token.is(".global") || token.is(".const") || token.is(".shared")) {
            lexer_.next();
            Space space = token.is(".global")  ? Space::global
                          : token.is(".const") ? Space::constant
                                               : Space::shared;
            for (Variable &variable : variables(space, linkage.external))
                module_.variables.push_back(std::move(variable));
            return;
        } else {
            fail_at(token.at, "'" + std::string(token.text.substr(0, 80)) +
                                  "' is not supported at module level");
        }
    }
}

bool Parser::skip_group(std::string_view open, std::string_view close, std::string_view wanted)
{
    bool found = false;
    Position start = lexer_.peek().at;
    lexer_.expect(open);
    for (size_t depth = 1; depth > 0;) {
        Token token = lexer_.next();
        if (token.kind == Token::Kind::end)
            fail_at(start, "'" + std::string(open) + "' without an end");
        if (token.kind == Token::Kind::sign)
            depth += token.is(open) ? 1 : token.is(close) ? size_t(-1) : 0;
        found |= token.is(wanted);
    }
    return found;
}

unsigned Parser::count()
{
    Token token = lexer_.expect(Token::Kind::integer, "number");
    if (token.bits > 0x7fffffff)
        fail_at(token.at, "number out of range");
    return unsigned(token.bits);
}

void Parser::function(bool kernel, const Linkage &linkage)
{
    Function function;
    function.kernel = kernel;
    function.external = linkage.external;
    while (lexer_.peek().is(".attribute")) {
        lexer_.next();
        skip_group("(", ")");
    }
    if (!kernel && lexer_.peek().is("("))
        function.returns = parameter_list();
    Token name = lexer_.expect(Token::Kind::word, "function name");
    function.name = name.text;
    function.at = name.at;
    if (lexer_.peek().is("("))
        function.parameters = parameter_list();
    function_directives(function);
    if (!lexer_.accept(";"))
        body(function);
    module_.functions.push_back(std::move(function));
}

void Parser::function_directives(Function &function)
{
    while (lexer_.peek().kind == Token::Kind::dotted) {
        Token directive = lexer_.next();
        if (directive.is(".pragma")) {
            while (!lexer_.accept(";"))
                if (lexer_.next().kind == Token::Kind::end)
                    fail_at(directive.at, "';' expected after .pragma");
            continue;
        }
        if (directive.is(".attribute")) {
            skip_group("(", ")");
            continue;
        }
        std::array<unsigned, 3> numbers{1, 1, 1};
        size_t given = 0;
        while (lexer_.peek().kind == Token::Kind::integer) {
            unsigned value = count();
            if (given == 3)
                fail_at(directive.at, "too many numbers");
            numbers[given++] = value;
            lexer_.accept(",");
        }
        if (directive.is(".maxntid"))
            function.max_threads = unsigned(
                std::min<uint64_t>(uint64_t(numbers[0]) * numbers[1] * numbers[2], 0x7fffffff));
        else if (directive.is(".reqntid"))
            function.required = numbers;
        else if (directive.is(".reqnctapercluster") &&
                 uint64_t(numbers[0]) * numbers[1] * numbers[2] > 1)
            fail_at(directive.at, "clusters of several blocks are not supported");
    }
}

std::vector<Variable> Parser::parameter_list()
{
    std::vector<Variable> result;
    lexer_.expect("(");
    while (!lexer_.accept(")")) {
        result.push_back(parameter());
        if (!lexer_.peek().is(")"))
            lexer_.expect(",");
    }
    return result;
}

Variable Parser::parameter()
{
    Token token = lexer_.next();
    if (!token.is(".param") && !token.is(".reg"))
        fail_at(token.at, ".param expected, not '" + std::string(token.text.substr(0, 80)) + "'");
    Variable variable;
    variable.space = Space::param;
    unsigned vector = 1;
    // `.ptr .global .align 16` tells what a pointer points at, and is no alignment of the
    // parameter.
    bool pointee = false;
    while (lexer_.peek().kind == Token::Kind::dotted) {
        Token modifier = lexer_.next();
        if (modifier.is(".align")) {
            unsigned alignment = count();
            if (!pointee)
                variable.alignment = alignment;
        } else if (modifier.is(".ptr")) {
            pointee = true;
        } else if (modifier.is(".v2") || modifier.is(".v4")) {
            vector = modifier.is(".v2") ? 2 : 4;
        } else if (auto type = parse_type(modifier.text)) {
            variable.type = *type;
        } else if (!pointee) {
            fail_at(modifier.at, "'" + std::string(modifier.text) + "' is not supported here");
        }
    }
    return declarator(std::move(variable), vector);
}

std::vector<Variable> Parser::variables(Space space, bool external)
{
    Variable prototype;
    prototype.space = space;
    prototype.external = external;
    unsigned vector = 1;
    while (lexer_.peek().kind == Token::Kind::dotted) {
        Token modifier = lexer_.next();
        if (modifier.is(".align")) {
            prototype.alignment = count();
        } else if (modifier.is(".v2") || modifier.is(".v4")) {
            vector = modifier.is(".v2") ? 2 : 4;
        } else if (modifier.is(".attribute")) {
            prototype.managed |= skip_group("(", ")", ".managed");
        } else if (auto type = parse_type(modifier.text)) {
            prototype.type = *type;
        } else {
            fail_at(modifier.at,
                    modifier.text.find("ref") != std::string_view::npos
                        ? std::string(modifier.text.substr(1)) + " is not supported"
                        : "'" + std::string(modifier.text) + "' is not supported here");
        }
    }
    std::vector<Variable> result;
    do {
        result.push_back(declarator(prototype, vector));
        if (lexer_.accept("="))
            initialiser(result.back());
    } while (lexer_.accept(","));
    lexer_.expect(";");
    return result;
}

Variable Parser::declarator(Variable variable, unsigned vector)
{
    Token name = lexer_.expect(Token::Kind::word, "name");
    variable.name = name.text;
    variable.at = name.at;
    if (variable.type == Type::none)
        fail_at(name.at, "a type is missing");
    variable.element = std::max<size_t>(1, size_of(variable.type));
    uint64_t items = vector;
    while (lexer_.accept("[")) {
        if (lexer_.accept("]")) {
            variable.open = true;
            items = 0;
            continue;
        }
        uint64_t extent = constant_expression(lexer_);
        lexer_.expect("]");
        if (extent > kMaxVariable || (items != 0 && extent > kMaxVariable / items))
            fail_at(name.at, "'" + std::string(name.text) + "' is too large");
        items *= extent;
    }
    variable.size = items * variable.element;
    if (variable.size > kMaxVariable)
        fail_at(name.at, "'" + std::string(name.text) + "' is too large");
    uint64_t natural = variable.element * vector;
    if (!std::has_single_bit(variable.alignment) || variable.alignment > (1u << 20))
        fail_at(name.at, "the alignment is no power of two, or too large");
    variable.alignment = std::max(variable.alignment, natural);
    return variable;
}

void Parser::initialiser(Variable &variable)
{
    auto take = [&](Initial value) {
        if (variable.open)
            variable.size += variable.element;
        else if ((variable.initial.size() + 1) * variable.element > variable.size)
            fail_at(value.at,
                    "more initial values than '" + std::string(variable.name) + "' holds");
        variable.initial.push_back(value);
    };
    if (!lexer_.peek().is("{")) {
        take(initial_value());
        return;
    }
    // Nested braces follow the dimensions; values are flat in memory.
    size_t depth = 0;
    do {
        if (lexer_.accept("{")) {
            depth++;
        } else if (lexer_.accept("}")) {
            depth--;
            lexer_.accept(",");
        } else {
            take(initial_value());
            if (!lexer_.peek().is("}"))
                lexer_.expect(",");
        }
    } while (depth > 0);
    variable.open = false;
}

Initial Parser::initial_value()
{
    Initial value;
    const Token token = lexer_.peek();
    value.at = token.at;
    bool negative = false;
    if (token.is("-")) {
        lexer_.next();
        negative = true;
    }
    const Token head = lexer_.peek();
    if (head.kind == Token::Kind::real32 || head.kind == Token::Kind::real64) {
        lexer_.next();
        value.real32 = head.kind == Token::Kind::real32;
        value.real64 = !value.real32;
        value.bits = head.bits ^ (!negative ? 0 : value.real32 ? 0x80000000u : uint64_t(1) << 63);
        return value;
    }
    if (head.kind == Token::Kind::word) {
        lexer_.next();
        if (head.is("generic")) {
            lexer_.expect("(");
            value.symbol = lexer_.expect(Token::Kind::word, "name").text;
            lexer_.expect(")");
            value.generic = true;
        } else {
            value.symbol = head.text;
        }
        if (lexer_.peek().is("+") || lexer_.peek().is("-"))
            value.bits = constant_expression(lexer_);
        return value;
    }
    value.bits = constant_expression(lexer_);
    if (negative)
        value.bits = uint64_t(0) - value.bits;
    // 0xFF00(symbol): one byte of an address.
    if (lexer_.peek().is("(")) {
        lexer_.next();
        value.mask = value.bits;
        value.bits = 0;
        Initial inner = initial_value();
        value.symbol = inner.symbol;
        value.generic = inner.generic;
        value.bits = inner.bits;
        lexer_.expect(")");
    }
    return value;
}

void Parser::body(Function &function)
{
    function.has_body = true;
    Position start = lexer_.peek().at;
    lexer_.expect("{");
    function.scopes.emplace_back();
    std::vector<unsigned> open{0};
    while (!open.empty()) {
        if (lexer_.peek().kind == Token::Kind::end)
            fail_at(start, "the function's '{' has no '}'");
        if (lexer_.accept("}")) {
            open.pop_back();
        } else if (lexer_.accept("{")) {
            function.scopes.emplace_back();
            function.scopes.back().parent = open.back();
            open.push_back(unsigned(function.scopes.size() - 1));
        } else {
            statement(function, open.back());
        }
    }
}

void Parser::statement(Function &function, unsigned scope)
{
    const Token token = lexer_.peek();
    if (lexer_.accept(";"))
        return;
    if (token.kind == Token::Kind::dotted)
        return body_directive(function, scope);
    instruction(function, scope);
}

void Parser::body_directive(Function &function, unsigned scope)
{
    const Token directive = lexer_.next();
    Scope &here = function.scopes[scope];
    if (directive.is(".reg"))
        return registers(here);
    if (directive.is(".loc") || directive.is(".file"))
        return lexer_.peek().at.line == directive.at.line ? lexer_.skip_line() : void();
    if (directive.is(".pragma")) {
        while (!lexer_.accept(";"))
            if (lexer_.next().kind == Token::Kind::end)
                fail_at(directive.at, "';' expected after .pragma");
        return;
    }
    Space space = directive.is(".local")    ? Space::local
                  : directive.is(".shared") ? Space::shared
                  : directive.is(".param")  ? Space::param
                  : directive.is(".global") ? Space::global
                  : directive.is(".const")  ? Space::constant
                                            : Space::none;
    if (space == Space::none)
        fail_at(directive.at,
                "'" + std::string(directive.text.substr(0, 80)) + "' is not supported");
    for (Variable &variable : variables(space, false)) {
        std::string_view name = variable.name;
        if (space == Space::param && variable.open)
            fail_at(variable.at, "a .param array needs a size");
        auto [place, fresh] = here.variables.try_emplace(name, variable);
        // Call sequences may declare their parameters anew in the same scope: room for the largest.
        if (!fresh && space == Space::param) {
            place->second.size = std::max(place->second.size, variable.size);
            place->second.alignment = std::max(place->second.alignment, variable.alignment);
        } else if (!fresh) {
            fail_at(variable.at, "'" + std::string(name) + "' is defined twice");
        }
    }
}

void Parser::registers(Scope &scope)
{
    Registers declared;
    while (lexer_.peek().kind == Token::Kind::dotted) {
        Token modifier = lexer_.next();
        if (modifier.is(".v2") || modifier.is(".v4"))
            declared.vector = modifier.is(".v2") ? 2 : 4;
        else if (auto type = parse_type(modifier.text))
            declared.type = *type;
        else
            fail_at(modifier.at, "'" + std::string(modifier.text) + "' is no register type");
    }
    do {
        Token name = lexer_.expect(Token::Kind::word, "register name");
        if (declared.type == Type::none)
            fail_at(name.at, "a register type is missing");
        Registers one = declared;
        if (lexer_.accept("<")) {
            one.count = lexer_.expect(Token::Kind::integer, "number of registers").bits;
            lexer_.expect(">");
            scope.ranges.insert_or_assign(name.text, one);
        } else {
            scope.registers.insert_or_assign(name.text, one);
        }
    } while (lexer_.accept(","));
    lexer_.expect(";");
}

void Parser::labelled_directive(Function &function, unsigned scope, std::string_view label)
{
    Token directive = lexer_.next();
    auto &targets = function.scopes[scope].targets[label];
    if (directive.is(".branchtargets") || directive.is(".calltargets")) {
        do
            targets.push_back(lexer_.expect(Token::Kind::word, "target").text);
        while (lexer_.accept(","));
        lexer_.expect(";");
        return;
    }
    if (!directive.is(".callprototype"))
        fail_at(directive.at,
                "'" + std::string(directive.text.substr(0, 80)) + "' is not supported");
    while (!lexer_.accept(";"))
        if (lexer_.next().kind == Token::Kind::end)
            fail_at(directive.at, "';' expected after .callprototype");
}

void Parser::instruction(Function &function, unsigned scope)
{
    Instruction result;
    result.scope = scope;
    if (lexer_.accept("@")) {
        result.guard_negated = lexer_.accept("!");
        result.guard = lexer_.expect(Token::Kind::word, "predicate").text;
    }
    Token opcode = lexer_.expect(Token::Kind::word, "instruction");
    result.opcode = opcode.text;
    result.at = opcode.at;
    if (result.guard.empty() && lexer_.accept(":")) {
        const Token &after = lexer_.peek();
        if (after.is(".branchtargets") || after.is(".callprototype") || after.is(".calltargets"))
            return labelled_directive(function, scope, opcode.text);
        if (!function.scopes[scope].labels.emplace(opcode.text, function.body.size()).second)
            fail_at(opcode.at, "label '" + std::string(opcode.text) + "' is defined twice");
        return;
    }
    while (lexer_.peek().kind == Token::Kind::dotted)
        result.modifiers.push_back(lexer_.next().text);
    while (!lexer_.accept(";")) {
        result.operands.push_back(parse_operand(lexer_));
        if (result.operands.size() > 32)
            fail_at(opcode.at, "too many operands");
        if (!lexer_.peek().is(";"))
            lexer_.expect(",");
    }
    function.body.push_back(std::move(result));
}

} // namespace

syntax::Module parse(std::string_view text)
{
    return Parser(text).run();
}

} // namespace vgpu::soft
