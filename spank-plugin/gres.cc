// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/gres.h"

#include <cerrno>
#include <link.h>
#include <string_view>

#include "gres-plugin/charge.h"
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

/// What slurmctld knows of the job; empty if it does not tell.
struct Asked {
    std::string per_node;
    std::string others; // per job, task or socket
    std::string licenses;
};

Asked ask_slurmctld(uint32_t job)
{
    auto text = [](const char *field) { return std::string(field ? field : ""); };
    job_info_msg_t *answer = nullptr;
    Asked asked;

    if (slurm_load_job(&answer, job, 0) != SLURM_SUCCESS)
        return asked;
    for (uint32_t i = 0; i < answer->record_count; i++) {
        const slurm_job_info_t &info = answer->job_array[i];
        // The answer for a task of an array may hold the others too.
        if (info.job_id != job)
            continue;
        asked.per_node = text(info.tres_per_node);
        asked.others = text(info.tres_per_job) + "," + text(info.tres_per_task) + "," +
                       text(info.tres_per_socket);
        asked.licenses = text(info.licenses);
    }
    slurm_free_job_info_msg(answer);
    return asked;
}

uint32_t count_of(const std::string &tres)
{
    char text[VGPU_TEXT];
    uint64_t count = 0;
    return vgpu_count_tres(tres.c_str(), &count, text) ? static_cast<uint32_t>(count) : 0;
}

} // namespace

uint32_t step_count(spank_t handle, uint32_t job)
{
    auto text = get_variable(handle, kCountVariable);
    if (!text || !gres_plugin_loaded()) {
        // This is asked only on a node that is set up wrongly.
        const Asked asked = ask_slurmctld(job);
        if (!count_of(asked.per_node) && !count_of(asked.others))
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

uint32_t job_count(uint32_t job)
{
    const Asked asked = ask_slurmctld(job);
    // What is not counted by nodes is bounded by what is paid for all of them.
    return count_of(asked.others)
               ? static_cast<uint32_t>(vgpu_count_licenses(asked.licenses.c_str()))
               : count_of(asked.per_node);
}

} // namespace vgpu::spank
