// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/epilog.h"

#include "daemon/common/control-client.h"
#include "spank-plugin/place.h"

namespace vgpu::spank
{

void finish_job(spank_t handle, int count, char **words) noexcept
{
    std::string spool;
    auto job = item<uint32_t>(handle, S_JOB_ID);
    try {
        const Arguments arguments = parse_arguments(count, words);
        control::Conf conf =
            arguments.conf.empty() ? control::load_conf() : control::load_conf(arguments.conf);
        spool = conf.spool_dir;
        // Most jobs have nothing here, and cost nothing.
        if (!job || !has_places(spool, *job))
            return;
        control::Client client(conf, "plugin");
        client.timeout_ms = 3000;
        client.release_job(*job);
    } catch (const std::exception &error) {
        slurm_error("vgpu: job %u: leases of it that are left will expire by themselves: %s",
                    job.value_or(0), error.what());
    }
    if (job && !spool.empty())
        remove_places(spool, *job);
}

} // namespace vgpu::spank
