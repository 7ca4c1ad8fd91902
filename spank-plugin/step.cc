// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/step.h"

#include <unistd.h>

#include "daemon/common/control-client.h"
#include "daemon/common/environment.h"
#include "remoting/base/error.h"
#include "remoting/base/variables.h"
#include "spank-plugin/gres.h"
#include "spank-plugin/options.h"

namespace vgpu::spank
{
namespace
{

std::string host_name()
{
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return std::string(name).substr(0, std::string(name).find('.'));
}

template<typename T>
T known(spank_t handle, spank_item_t what, const char *name)
{
    auto value = item<T>(handle, what);
    if (!value)
        fail(EINVAL, "Slurm does not tell the %s", name);
    return *value;
}

control::LeaseRequest request_of(spank_t handle)
{
    control::LeaseRequest request;
    request.job = known<uint32_t>(handle, S_JOB_ID, "job");
    request.step = known<uint32_t>(handle, S_JOB_STEPID, "step");
    request.uid = known<uid_t>(handle, S_JOB_UID, "user");
    // Slurm 22.05 has this item, but it stays 0; the epilog has ended the job's former leases all
    // the same.
    request.restart = item<uint32_t>(handle, S_SLURM_RESTART_COUNT).value_or(0);
    request.memory = options().size("vgpu-mem");
    request.cores = options().percent("vgpu-cores");
    request.channel = options().string("vgpu-channel");
    request.qos = options().string("vgpu-qos");
    request.task_host = host_name();
    return request;
}

/// The texts of a refusal are vgpuctld's and good as they are; that it does not answer needs one
/// more word.
control::Lease acquire_lease(const control::Conf &conf, const control::LeaseRequest &request)
{
    std::optional<control::Client> client;
    try {
        client.emplace(conf, "plugin");
    } catch (const Error &error) {
        fail(error.code(),
             "vgpuctld gives no lease for this step: %s (is it running? see vgpuctld(8))",
             error.what());
    }
    return client->acquire(request);
}

} // namespace

void clear_environment(spank_t handle)
{
    if (!get_variable(handle, kLeaseVariable.env))
        return;
    spank_unsetenv(handle, kLeaseVariable.env);
    auto preload = get_variable(handle, "LD_PRELOAD");
    if (!preload)
        return;
    const std::string ours = control::library_dir() + "/";
    std::string kept;
    for (size_t from = 0; from < preload->size();) {
        size_t to = preload->find_first_of(": ", from);
        to = to == std::string::npos ? preload->size() : to;
        std::string one = preload->substr(from, to - from);
        if (!one.empty() && !one.starts_with(ours))
            kept += (kept.empty() ? "" : ":") + one;
        from = to + 1;
    }
    if (kept.empty())
        spank_unsetenv(handle, "LD_PRELOAD");
    else
        set_variable(handle, "LD_PRELOAD", kept);
}

void Step::prepare(spank_t handle, int count, char **words) noexcept
{
    try {
        if (item<uint32_t>(handle, S_JOB_STEPID) != SLURM_EXTERN_CONT)
            acquire(handle, count, words);
    } catch (const std::exception &error) {
        error_ = error.what();
    }
}

void Step::acquire(spank_t handle, int count, char **words)
{
    control::LeaseRequest request = request_of(handle);
    request.count = step_count(handle, request.job);
    if (request.count == 0) {
        clear_environment(handle);
        if (request.step == SLURM_BATCH_SCRIPT && any_option_given())
            fail(EINVAL,
                 "--vgpu-mem, --vgpu-cores, --vgpu-channel and --vgpu-qos need --gres=vgpu:N");
        return;
    }
    const Arguments arguments = parse_arguments(count, words);
    conf_ = arguments.conf.empty() ? control::load_conf() : control::load_conf(arguments.conf);

    // A step that asks for what the batch step has on this node is the same job in the same slices:
    // it pays once.
    Place batch(conf_.spool_dir, request.job, SLURM_BATCH_SCRIPT, request.restart);
    if (request.step != SLURM_BATCH_SCRIPT && batch.holds(request)) {
        set_environment(handle, batch.lease_path());
        return;
    }
    // What the job has here bounds its steps. The batch step has all of it, other steps a part.
    if (request.step == SLURM_BATCH_SCRIPT)
        request.job_count = request.count;
    else if (request.job_count = batch.count(); request.job_count == 0)
        request.job_count = job_count(request.job);
    control::Lease lease = acquire_lease(conf_, request);
    lease_ = lease.lease;
    place_ = std::make_unique<Place>(conf_.spool_dir, request.job, request.step, request.restart);
    place_->write(control::lease_file_of(lease, conf_), request, request.uid,
                  known<gid_t>(handle, S_JOB_GID, "group"));
    set_environment(handle, place_->lease_path());
    renewer_ = std::make_unique<Renewer>(conf_, lease_);
}

void Step::set_environment(spank_t handle, const std::string &lease_path)
{
    // job_environment() asks for one variable at a time, and is done with it before it asks for the
    // next.
    std::optional<std::string> present;
    auto get = [&](const char *name) {
        present = get_variable(handle, name);
        return present ? present->c_str() : nullptr;
    };
    for (const auto &[name, value] : control::job_environment(get, lease_path))
        set_variable(handle, name, value);
}

void Step::finish() noexcept
{
    renewer_.reset();
    bool released = true;
    if (!lease_.empty()) {
        try {
            control::Client client(conf_, "plugin");
            client.timeout_ms = 3000;
            client.release(lease_);
        } catch (const std::exception &error) {
            slurm_error("vgpu: lease %s is not released, and will expire: %s", lease_.c_str(),
                        error.what());
            released = false;
        }
    }
    // What is left tells the epilog to try again.
    if (place_ && released)
        place_->remove();
}

} // namespace vgpu::spank
