// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/common/lease.h"
#include "remoting/wire/lease-file.h"

// Where the lease files of steps lie on a node: SpoolDir/steps/JOB.STEP.RESTART/, with `lease`, the
// user's, and `request`, what was asked for. A folder that is still there at the end of the job
// tells the epilog that something is to release.
namespace vgpu::spank
{

class Place
{
public:
    Place(const std::string &spool, uint32_t job, uint32_t step, uint32_t restart);

    std::string lease_path() const { return folder_ + "/lease"; }

    /// Throws vgpu::Error.
    void write(const wire::LeaseFile &lease, const control::LeaseRequest &request, uid_t uid,
               gid_t gid) const;

    /// Was just this (but for the step) asked for and written here?
    bool holds(const control::LeaseRequest &request) const;

    /// How many slices were asked for and written here; 0 if nothing was.
    uint32_t count() const;

    void remove() const noexcept;

private:
    std::string folder_;
};

/// Is there any folder of the job? And away with all of them.
bool has_places(const std::string &spool, uint32_t job);
void remove_places(const std::string &spool, uint32_t job) noexcept;

} // namespace vgpu::spank
