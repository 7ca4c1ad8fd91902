// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpuctld/store.h"

#include <cerrno>
#include <set>
#include <sqlite3.h>

#include "daemon/common/daemon-log.h"
#include "remoting/base/error.h"

namespace vgpu::control
{

namespace
{

constexpr int kBusyMs = 2000; // an admin may look into the file while we write

/// Names come from our own structures; "index" is a word of SQL.
std::string identifier(std::string_view name)
{
    return "\"" + std::string(name) + "\"";
}

std::string_view key_of(const msgpack::object_kv &pair)
{
    return {pair.key.via.str.ptr, pair.key.via.str.size};
}

/// What lies in other tables (the slices of a lease) has no column.
bool is_column(const msgpack::object &value)
{
    return value.type == msgpack::type::STR || value.type == msgpack::type::POSITIVE_INTEGER ||
           value.type == msgpack::type::NEGATIVE_INTEGER;
}

} // namespace

Store::Store(const std::string &directory)
    : path_(directory + "/vgpuctld.db"), db_(nullptr, sqlite3_close)
{
    make_directories(directory, 0700);
    sqlite3 *db = nullptr;
    const int result =
        sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    db_.reset(db);
    if (result != SQLITE_OK)
        fail(EIO, "%s: %s (StateSaveLocation)", path_.c_str(),
             db ? sqlite3_errmsg(db) : sqlite3_errstr(result));
    sqlite3_busy_timeout(db, kBusyMs);
    execute("PRAGMA journal_mode=WAL");
    execute("PRAGMA synchronous=NORMAL"); // a power failure may lose the last rows, which daemons
                                          // report again
}

Store::Statement Store::prepare(const std::string &sql)
{
    sqlite3_stmt *statement = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK)
        fail(EIO, "%s: %s", path_.c_str(), sqlite3_errmsg(db_.get()));
    return {statement, sqlite3_finalize};
}

bool Store::step(sqlite3_stmt *statement)
{
    const int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        fail(EIO, "%s: %s", path_.c_str(), sqlite3_errmsg(db_.get()));
    return result == SQLITE_ROW;
}

void Store::execute(const std::string &sql)
{
    const Statement statement = prepare(sql);
    while (step(statement.get()))
        continue;
}

void Store::define_columns(const std::string &table, const std::string &key,
                           const msgpack::object &sample)
{
    std::string columns;
    std::set<std::string> missing;
    for (const msgpack::object_kv &pair : sample.via.map) {
        if (!is_column(pair.val))
            continue;
        missing.emplace(key_of(pair));
        columns += identifier(key_of(pair)) +
                   (pair.val.type == msgpack::type::STR ? " TEXT, " : " INTEGER, ");
    }
    execute("CREATE TABLE IF NOT EXISTS " + table + " (" + columns + "PRIMARY KEY (" + key +
            ")) WITHOUT ROWID");
    const Statement present = prepare("PRAGMA table_info(" + table + ")");
    while (step(present.get()))
        missing.erase(reinterpret_cast<const char *>(sqlite3_column_text(present.get(), 1)));
    for (const std::string &name : missing)
        execute("ALTER TABLE " + table + " ADD COLUMN " + identifier(name));
}

void Store::put_columns(const std::string &table, const msgpack::object &row)
{
    std::string names;
    std::string places;
    for (const msgpack::object_kv &pair : row.via.map)
        if (is_column(pair.val)) {
            names += (names.empty() ? "" : ", ") + identifier(key_of(pair));
            places += places.empty() ? "?" : ", ?";
        }
    const Statement statement =
        prepare("INSERT OR REPLACE INTO " + table + " (" + names + ") VALUES (" + places + ")");
    int place = 0;
    for (const msgpack::object_kv &pair : row.via.map) {
        if (!is_column(pair.val))
            continue;
        ++place;
        if (pair.val.type == msgpack::type::STR)
            sqlite3_bind_text(statement.get(), place, pair.val.via.str.ptr,
                              static_cast<int>(pair.val.via.str.size), SQLITE_TRANSIENT);
        else
            sqlite3_bind_int64(statement.get(), place, pair.val.via.i64);
    }
    step(statement.get());
}

std::vector<msgpack::object_handle> Store::load_columns(const std::string &table)
{
    std::vector<msgpack::object_handle> rows;
    const Statement statement = prepare("SELECT * FROM " + table);
    while (step(statement.get())) {
        wire::Map row;
        for (int column = 0; column < sqlite3_column_count(statement.get()); ++column) {
            const char *name = sqlite3_column_name(statement.get(), column);
            if (sqlite3_column_type(statement.get(), column) == SQLITE_INTEGER)
                row.set(name, static_cast<int64_t>(sqlite3_column_int64(statement.get(), column)));
            else if (sqlite3_column_type(statement.get(), column) == SQLITE_TEXT)
                row.set(name, reinterpret_cast<const char *>(
                                  sqlite3_column_text(statement.get(), column)));
        }
        const msgpack::sbuffer bytes = row.pack();
        rows.push_back(msgpack::unpack(bytes.data(), bytes.size()));
    }
    return rows;
}

void Store::erase(const std::string &table, const std::string &column, const std::string &value)
{
    const Statement statement =
        prepare("DELETE FROM " + table + " WHERE " + identifier(column) + " = ?");
    sqlite3_bind_text(statement.get(), 1, value.c_str(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
    step(statement.get());
}

Store::Transaction::Transaction(Store &store) : store_(store)
{
    store_.execute("BEGIN IMMEDIATE");
}

Store::Transaction::~Transaction()
{
    if (open_)
        sqlite3_exec(store_.db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Store::Transaction::commit()
{
    store_.execute("COMMIT");
    open_ = false;
}

} // namespace vgpu::control
