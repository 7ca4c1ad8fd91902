// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/place.h"

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "remoting/base/error.h"
#include "spank-plugin/slurm.h"

namespace fs = std::filesystem;

namespace vgpu::spank
{
namespace
{

std::string step_name(uint32_t step)
{
    if (step == SLURM_BATCH_SCRIPT)
        return "batch";
    if (step == SLURM_INTERACTIVE_STEP)
        return "interactive";
    return std::to_string(step);
}

/// What tells two requests of one job and node apart.
std::string describe(const control::LeaseRequest &request)
{
    return text("%u %llu %u %s %s\n", request.count,
                static_cast<unsigned long long>(request.memory), request.cores,
                request.channel.c_str(), request.qos.c_str());
}

void make_folder(const std::string &path)
{
    // Others may pass through to a file whose name they know, and cannot look around.
    if (mkdir(path.c_str(), 0711) != 0 && errno != EEXIST)
        fail_errno("the folder %s cannot be made", path.c_str());
    if (chmod(path.c_str(), 0711) != 0)
        fail_errno("the mode of %s cannot be set", path.c_str());
}

bool is_of_job(const fs::path &path, uint32_t job)
{
    return path.filename().string().starts_with(std::to_string(job) + ".");
}

} // namespace

Place::Place(const std::string &spool, uint32_t job, uint32_t step, uint32_t restart)
    : folder_(text("%s/steps/%u.%s.%u", spool.c_str(), job, step_name(step).c_str(), restart))
{
}

void Place::write(const wire::LeaseFile &lease, const control::LeaseRequest &request, uid_t uid,
                  gid_t gid) const
{
    fs::path steps = fs::path(folder_).parent_path();
    std::error_code ignored;
    fs::create_directories(steps.parent_path(), ignored);
    make_folder(steps);
    make_folder(folder_);
    wire::write_lease_file(lease_path(), lease, uid, gid);
    std::ofstream file(folder_ + "/request", std::ios::trunc);
    if (!(file << describe(request)).flush())
        fail(EIO, "%s/request cannot be written", folder_.c_str());
}

bool Place::holds(const control::LeaseRequest &request) const
{
    std::ifstream file(folder_ + "/request");
    std::string line;
    return std::getline(file, line) && line + "\n" == describe(request);
}

uint32_t Place::count() const
{
    std::ifstream file(folder_ + "/request");
    uint32_t count = 0;
    return file >> count ? count : 0;
}

void Place::remove() const noexcept
{
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

bool has_places(const std::string &spool, uint32_t job)
{
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(spool + "/steps", ignored))
        if (is_of_job(entry.path(), job))
            return true;
    return false;
}

void remove_places(const std::string &spool, uint32_t job) noexcept
{
    std::error_code ignored;
    for (const auto &entry : fs::directory_iterator(spool + "/steps", ignored))
        if (is_of_job(entry.path(), job))
            fs::remove_all(entry.path(), ignored);
}

} // namespace vgpu::spank
