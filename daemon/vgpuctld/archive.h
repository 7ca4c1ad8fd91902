// SPDX-License-Identifier: Apache-2.0
// Which rows of the table are kept in the store, and how they come back.
#pragma once

#include <string>

#include "daemon/common/table.h"
#include "daemon/vgpuctld/store.h"

namespace vgpu::control
{

class Archive
{
public:
    /// Opens the store and counts this start: the epoch fences off what daemons learned from an
    /// earlier one.
    explicit Archive(const std::string &directory);

    uint64_t epoch() const { return epoch_; }

    /// What was kept. Nodes are lost until they have registered again; leases get their whole time.
    void load(Table &table, uint64_t now, uint64_t lease_timeout);

    void keep_node(const Table &table, const std::string &node); // with its devices
    void keep_lease(const Table &table,
                    const std::string &lease); // with its slices; or that it has ended

private:
    Store store_;
    uint64_t epoch_ = 0;
};

} // namespace vgpu::control
