// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/merge.h"
#include "remoting/image/lexer.h"

#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

namespace vgpu::soft::driver
{
namespace
{

using image::fail_at;
using image::Lexer;
using image::Token;

/// A directive at the outermost level of a module: a variable, a function, or anything else.
struct Statement {
    enum class Linkage { own, visible, external, weak };

    std::string_view text;
    Linkage linkage = Linkage::own;
    std::string_view name; ///< empty: neither a variable nor a function
    bool function = false;
    bool body = false; ///< a function with one, or a variable that is not external
};

struct Input {
    const LinkInput *source = nullptr;
    std::vector<Statement> statements;
    std::map<std::string_view, std::string> renamed; ///< what is its own and named like another's
};

struct Header {
    int major = 0, minor = 0;
    int target = 0;
    std::string target_text = "sm_52";
};

/// Reads one statement from the token after `first` on.
class Reader
{
public:
    explicit Reader(std::string_view text) : text_(text), lexer_(text) {}

    bool done() const { return lexer_.peek().kind == Token::Kind::end; }

    Statement read(Header &header)
    {
        Token first = lexer_.peek();
        begin_ = offset(first);
        Statement it;
        if (first.is(".version"))
            return version(header);
        if (first.is(".target"))
            return target(header);
        if (first.is(".file") || first.is(".loc") || first.is(".address_size")) {
            lexer_.skip_line();
            return it;
        }
        for (;; lexer_.next()) {
            const Token &token = lexer_.peek();
            if (token.is(".visible"))
                it.linkage = Statement::Linkage::visible;
            else if (token.is(".extern"))
                it.linkage = Statement::Linkage::external;
            else if (token.is(".weak") || token.is(".common"))
                it.linkage = Statement::Linkage::weak;
            else
                break;
        }
        if (lexer_.peek().is(".entry") || lexer_.peek().is(".func"))
            function(it);
        else if (is_space(lexer_.peek()))
            variable(it);
        else
            skip(); // .section, .pragma, .alias
        it.text = text_.substr(begin_, end_ - begin_);
        return it;
    }

private:
    static bool is_space(const Token &token)
    {
        return token.is(".global") || token.is(".const") || token.is(".shared") || token.is(".tex");
    }

    size_t offset(const Token &token) const
    {
        return static_cast<size_t>(token.text.data() - text_.data());
    }

    Token take()
    {
        Token token = lexer_.next();
        if (token.kind == Token::Kind::end)
            fail_at(token.at, "the text ends inside a directive");
        end_ = offset(token) + token.text.size();
        return token;
    }

    /// A group in parentheses or braces, whose first sign is next.
    void group()
    {
        int depth = 0;
        do {
            Token token = take();
            if (token.kind != Token::Kind::sign)
                continue;
            if (token.is("(") || token.is("{") || token.is("["))
                depth++;
            if (token.is(")") || token.is("}") || token.is("]"))
                depth--;
        } while (depth > 0);
    }

    Statement version(Header &header)
    {
        lexer_.next();
        std::string text(lexer_.next().text); // 8.3: a number or two to the lexer
        lexer_.skip_line();
        int major = atoi(text.c_str());
        size_t dot = text.find('.');
        int minor = dot == std::string::npos ? 0 : atoi(text.c_str() + dot + 1);
        if (std::pair(major, minor) > std::pair(header.major, header.minor)) {
            header.major = major;
            header.minor = minor;
        }
        return {};
    }

    Statement target(Header &header)
    {
        lexer_.next();
        std::string text(lexer_.next().text);
        lexer_.skip_line();
        size_t digits = text.find_first_of("0123456789");
        int number = digits == std::string::npos ? 0 : atoi(text.c_str() + digits);
        if (number > header.target) {
            header.target = number;
            header.target_text = text;
        }
        return {};
    }

    void function(Statement &it)
    {
        it.function = true;
        while (lexer_.peek().kind == Token::Kind::dotted) {
            take();
            if (lexer_.peek().is("(") && text_.substr(0, end_).ends_with(".attribute"))
                group();
        }
        if (lexer_.peek().is("("))
            group();
        it.name = take().text;
        while (!lexer_.peek().is("{") && !lexer_.peek().is(";"))
            lexer_.peek().is("(") ? group() : void(take());
        it.body = lexer_.peek().is("{");
        it.body ? group() : void(take());
    }

    /// The name is the first word that is no modifier and in no parentheses.
    void variable(Statement &it)
    {
        it.body = it.linkage != Statement::Linkage::external;
        while (!lexer_.peek().is(";")) {
            if (lexer_.peek().is("(") || lexer_.peek().is("{")) {
                group();
                continue;
            }
            Token token = take();
            if (it.name.empty() && token.kind == Token::Kind::word)
                it.name = token.text;
        }
        take();
    }

    void skip()
    {
        while (!lexer_.peek().is(";")) {
            if (lexer_.peek().is("{"))
                return group();
            take();
        }
        take();
    }

    std::string_view text_;
    Lexer lexer_;
    size_t begin_ = 0, end_ = 0;
};

/// The statement with the input's own names replaced, token by token.
std::string rewritten(const Input &input, const Statement &statement)
{
    if (input.renamed.empty())
        return std::string(statement.text);
    std::string out;
    Lexer lexer(statement.text);
    size_t copied = 0;
    while (lexer.peek().kind != Token::Kind::end) {
        Token token = lexer.next();
        auto other =
            token.kind == Token::Kind::word ? input.renamed.find(token.text) : input.renamed.end();
        if (other == input.renamed.end())
            continue;
        auto at = static_cast<size_t>(token.text.data() - statement.text.data());
        out += statement.text.substr(copied, at - copied);
        out += other->second;
        copied = at + token.text.size();
    }
    return out += statement.text.substr(copied);
}

} // namespace

std::string merge(const std::vector<LinkInput> &sources)
{
    using Linkage = Statement::Linkage;
    Header header;
    std::vector<Input> inputs;
    for (auto &source : sources) {
        Input input{&source, {}, {}};
        Reader reader(source.ptx);
        while (!reader.done())
            if (Statement it = reader.read(header); !it.text.empty())
                input.statements.push_back(it);
        inputs.push_back(std::move(input));
    }
    // Who defines a name for all: a strong definition before a weak one.
    struct Definition {
        const Statement *statement;
        const Input *input;
    };
    std::map<std::string_view, Definition> shared;
    std::map<std::string_view, unsigned> uses; // of a name by how many inputs, however
    for (auto &input : inputs) {
        std::set<std::string_view> own;
        for (auto &it : input.statements) {
            if (it.name.empty())
                continue;
            own.insert(it.name);
            if (!it.body || it.linkage == Linkage::own || it.linkage == Linkage::external)
                continue;
            auto [found, fresh] = shared.try_emplace(it.name, Definition{&it, &input});
            if (fresh)
                continue;
            bool was_weak = found->second.statement->linkage == Linkage::weak;
            if (!was_weak && it.linkage != Linkage::weak)
                throw Error(EEXIST, "'" + std::string(it.name) + "' is defined in " +
                                        found->second.input->source->name + " and in " +
                                        input.source->name);
            if (was_weak && it.linkage != Linkage::weak)
                found->second = {&it, &input};
        }
        for (auto name : own)
            uses[name]++;
    }
    unsigned number = 0;
    for (auto &input : inputs) {
        number++;
        for (auto &it : input.statements)
            if (!it.name.empty() && it.linkage == Linkage::own && uses[it.name] > 1)
                input.renamed[it.name] =
                    std::string(it.name) + "__vgpu_link" + std::to_string(number);
    }
    std::string out = ".version " + std::to_string(header.major) + "." +
                      std::to_string(header.minor) + "\n.target " + header.target_text +
                      "\n.address_size 64\n";
    // Variables first, then what functions look like, then what they do: each is known before its
    // use.
    std::string declarations, bodies;
    std::set<std::string_view> declared;
    for (auto &input : inputs)
        for (auto &it : input.statements) {
            bool own = it.linkage == Linkage::own;
            auto found = own ? shared.end() : shared.find(it.name);
            bool chosen = found == shared.end() || found->second.statement == &it;
            if (it.name.empty())
                continue;
            if (it.body) {
                if (chosen)
                    (it.function ? bodies : out) += rewritten(input, it) + "\n";
            } else if (it.function && (own || declared.insert(it.name).second)) {
                std::string text = rewritten(input, it);
                // Defined in another input, so not foreign to the whole.
                if (found != shared.end() && it.linkage == Linkage::external)
                    text.replace(text.find(".extern"), 7, ".visible");
                declarations += text + "\n";
            } else if (!it.function && found == shared.end() && declared.insert(it.name).second) {
                out += rewritten(input, it) + "\n"; // dynamic shared memory, or unresolved
            }
        }
    return out + declarations + bodies;
}

} // namespace vgpu::soft::driver
