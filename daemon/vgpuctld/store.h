// SPDX-License-Identifier: Apache-2.0
// The state table on disk: one SQLite table for each kind of row, its columns the members of the
// structure.
#pragma once

#include <memory>
#include <msgpack.hpp>
#include <span>
#include <string>
#include <vector>

#include "daemon/common/pack.h"

struct sqlite3;
struct sqlite3_stmt;

namespace vgpu::control
{

class Store
{
public:
    /// Opens vgpuctld.db in `directory`, making both if need be. Throws Error.
    explicit Store(const std::string &directory);
    Store(const Store &) = delete;
    Store &operator=(const Store &) = delete;

    /// Makes the table for rows of this kind, and adds the columns that an older version did not
    /// have.
    template<typename Row>
    void define(const std::string &table, const std::string &key)
    {
        msgpack::zone zone;
        define_columns(table, key, msgpack::object(Row{}, zone));
    }

    /// Writes a row over the one of the same key.
    template<typename Row>
    void put(const std::string &table, const Row &row)
    {
        msgpack::zone zone;
        put_columns(table, msgpack::object(row, zone));
    }

    template<typename Row>
    std::vector<Row> load(const std::string &table)
    {
        std::vector<Row> rows;
        for (const msgpack::object_handle &row : load_columns(table))
            rows.push_back(from_object<Row>(row.get(), table.c_str()));
        return rows;
    }

    /// Takes out all rows whose `column` is `value`.
    void erase(const std::string &table, const std::string &column, const std::string &value);

    /// Everything between the two is written as one, or not at all.
    class Transaction
    {
    public:
        explicit Transaction(Store &store);
        ~Transaction(); // rolls back what was not committed
        void commit();

    private:
        Store &store_;
        bool open_ = true;
    };

private:
    using Statement = std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt *)>;

    void define_columns(const std::string &table, const std::string &key,
                        const msgpack::object &sample);
    void put_columns(const std::string &table, const msgpack::object &row);
    std::vector<msgpack::object_handle> load_columns(const std::string &table);
    Statement prepare(const std::string &sql);
    bool step(sqlite3_stmt *statement); // true: a row
    void execute(const std::string &sql);

    std::string path_;
    std::unique_ptr<sqlite3, int (*)(sqlite3 *)> db_;
};

} // namespace vgpu::control
