// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/tabled-record.h"

namespace vgpu::record
{
namespace
{

using vgpu::api::lib::Field;
using vgpu::api::lib::Row;

void *pointer(Word word)
{
    return reinterpret_cast<void *>(word);
}

std::string number(Field::Form form, Word value)
{
    if (form == Field::real)
        return null::text(std::bit_cast<float>(uint32_t(value)));
    if (form == Field::real64)
        return null::text(std::bit_cast<double>(value));
    return null::text(static_cast<long long>(value));
}

// The bytes that it had, and those that it gets.
std::string changed(void *to, uint64_t n)
{
    std::string had = null::text(null::Exact{to, size_t(n)});
    return had + "," + filled(to, n).words;
}

std::string created_here(void *to, bool small)
{
    void *made = nullptr;
    created(&made);
    if (to)
        std::memcpy(to, &made, small ? sizeof(int) : sizeof made);
    return "new";
}

std::string listed(void *const *addresses, uint64_t n)
{
    std::string all;
    for (uint64_t i = 0; i < n; ++i)
        all += (i ? "," : "") + null::text(static_cast<const void *>(addresses[i]));
    return all;
}

std::string value(const Field &field, const Word *words, Word value, bool small)
{
    void *at = pointer(value);
    uint64_t n = field.bytes ? field.bytes(words) : 0;
    switch (field.kind) {
    case Field::number:
        return number(field.form, value);
    case Field::new_handle:
        return created_here(at, small);
    case Field::out_pointer:
        return filled(at, sizeof at).words;
    case Field::scalar_in:
    case Field::scalar_inout:
        return scalar_at(pointer(words[0]), at, n).words;
    case Field::scalar_out:
        return result_at(pointer(words[0]), at, n).words;
    case Field::in:
        return at ? null::text(null::Exact{at, size_t(n)}) : "null";
    case Field::out:
        return filled(at, n).words;
    case Field::inout:
        return at ? changed(at, n) : "null";
    case Field::addresses:
        return at ? listed(static_cast<void *const *>(at), n / sizeof(void *)) : "null";
    case Field::string:
        return null::text(static_cast<const char *>(at));
    case Field::scaling:
    case Field::value:
        return said_scaling(pointer(words[field.type]), at, field.kind == Field::value).words;
    case Field::work:
        return at ? std::to_string(n) : "null";
    default:
        return null::text(static_cast<const void *>(at));
    }
}

} // namespace

int record_call(const Row &row, const Word *words, bool small)
{
    if (row.effects & Row::sets_mode)
        set_mode(pointer(words[0]), int(words[1]));
    for (size_t i = 0; (row.effects & Row::sets_type) && i < row.fields.size(); ++i)
        if (row.fields[i].natural)
            set_type(pointer(words[0]), int(words[i]));
    std::vector<std::string> values;
    for (size_t i = 0; i < row.fields.size(); ++i)
        values.push_back(value(row.fields[i], words, words[i], small));
    if (null::recording)
        null::write_record(row.name, row.names, values);
    return 0;
}

} // namespace vgpu::record
