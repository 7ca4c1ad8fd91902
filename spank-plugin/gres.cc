// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/gres.h"

#include <cerrno>
#include <link.h>
#include <string_view>

#include "remoting/base/error.h"
#include "remoting/base/parse.h"

namespace vgpu::spank
{
namespace
{

constexpr const char *kCountVariable = "SLURM_VGPUS_ON_NODE";

bool gres_plugin_loaded()
{
    auto visit = [](dl_phdr_info *info, size_t, void *) {
        std::string_view path = info->dlpi_name ? info->dlpi_name : "";
        return path.ends_with("/gres_vgpu.so") ? 1 : 0;
    };
    return dl_iterate_phdr(visit, nullptr) != 0;
}

bool names_vgpu(const char *tres)
{
    std::string_view text = tres ? tres : "";
    return text.find(":vgpu") != text.npos || text.find("/vgpu") != text.npos;
}

/// Asks slurmctld, which is done only on a node that is set up wrongly.
bool job_asked(uint32_t job)
{
    job_info_msg_t *answer = nullptr;
    bool asked = false;

    if (slurm_load_job(&answer, job, 0) != SLURM_SUCCESS)
        return false;
    for (uint32_t i = 0; i < answer->record_count; i++) {
        const slurm_job_info_t &info = answer->job_array[i];
        for (const char *tres :
             {info.tres_per_node, info.tres_per_job, info.tres_per_task, info.tres_per_socket})
            asked = asked || names_vgpu(tres);
    }
    slurm_free_job_info_msg(answer);
    return asked;
}

} // namespace

uint32_t step_count(spank_t handle, uint32_t job)
{
    auto text = get_variable(handle, kCountVariable);
    if (!text || !gres_plugin_loaded()) {
        if (!job_asked(job))
            return 0;
        fail(ENODEV,
             "this node's Slurm runs without gres_vgpu.so, so that the step's vgpus are not known: "
             "see "
             "\"Incompatible Slurm plugin\" in slurmd's log, and install slurm-vgpu built for its "
             "version "
             "(this one is for Slurm %d.%02d.%d)",
             SLURM_VERSION_MAJOR(SLURM_VERSION_NUMBER), SLURM_VERSION_MINOR(SLURM_VERSION_NUMBER),
             SLURM_VERSION_MICRO(SLURM_VERSION_NUMBER));
    }
    return static_cast<uint32_t>(parse_integer(*text));
}

} // namespace vgpu::spank
