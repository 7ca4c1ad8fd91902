// SPDX-License-Identifier: Apache-2.0
// What Slurm calls, and the one place that knows which hook may fail (facts in HACKING.md): from a
// step's user_init or a job's prolog and epilog a failure drains the node, so only
// task_init_privileged reports one.
#include "spank-plugin/epilog.h"
#include "spank-plugin/options.h"
#include "spank-plugin/step.h"

#define EXPORT __attribute__((visibility("default")))

extern "C" {
EXPORT extern const char plugin_name[] = "vgpu";
EXPORT extern const char plugin_type[] = "spank";
EXPORT extern const unsigned int plugin_version = SLURM_VERSION_NUMBER;
EXPORT extern const unsigned int spank_plugin_version = 1;
}

namespace
{

// Never destroyed: a forked child that ends by exit() would wait for a thread that it does not
// have.
vgpu::spank::Step &step = *new vgpu::spank::Step;

} // namespace

extern "C" {

EXPORT int slurm_spank_init(spank_t handle, int, char **)
{
    if (spank_context() != S_CTX_SLURMD)
        vgpu::spank::register_options(handle);
    return 0;
}

EXPORT int slurm_spank_init_post_opt(spank_t handle, int count, char **words)
{
    if (spank_context() == S_CTX_REMOTE)
        step.prepare(handle, count, words);
    return 0;
}

EXPORT int slurm_spank_task_init_privileged(spank_t, int, char **)
{
    if (step.error().empty())
        return 0;
    slurm_error("vgpu: %s", step.error().c_str());
    return -1;
}

EXPORT int slurm_spank_exit(spank_t, int, char **)
{
    if (spank_context() == S_CTX_REMOTE)
        step.finish();
    return 0;
}

EXPORT int slurm_spank_job_epilog(spank_t handle, int count, char **words)
{
    vgpu::spank::finish_job(handle, count, words);
    return 0;
}

} // extern "C"
