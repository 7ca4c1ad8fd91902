// SPDX-License-Identifier: Apache-2.0
// gres_vgpu.so: makes `vgpu` a generic resource of Slurm. A vgpu is no device of the node, so there
// is nothing to find and nothing to bind: the plugin only tells a job and a step how many it has.
// That variable is also the sign, for spank_vgpu.so, that the plugin was really loaded: Slurm goes
// on without it if its version does not match.
//
// Only libslurm-dev is needed: Slurm's own types are opaque here, and the functions are found in
// the daemon that loads us. Slurm 22.05 to 26.05 differ in some names and in no signature that
// matters, so all names are exported.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#define EXPORT __attribute__((visibility("default")))
#define COUNT_VARIABLE "SLURM_VGPUS_ON_NODE"

EXPORT const char plugin_name[] = "slurm-vgpu: remote GPU slices";
EXPORT const char plugin_type[] = "gres/vgpu";
EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;

// Slurm's, from libslurmfull.so.
extern int slurm_env_array_overwrite(char ***env, const char *name, const char *value);

static void set_count(char ***env, uint64_t count)
{
    char text[24];

    // Zero is said too, so that a step with --gres=none does not inherit the job's count.
    snprintf(text, sizeof(text), "%" PRIu64, count);
    slurm_env_array_overwrite(env, COUNT_VARIABLE, text);
}

EXPORT int init(void)
{
    return SLURM_SUCCESS;
}

EXPORT int fini(void)
{
    return SLURM_SUCCESS;
}

// gres.conf says how many; there is no file of a device to look for.
EXPORT int gres_p_node_config_load(void *gres_conf_list, void *node_conf)
{
    (void)gres_conf_list;
    (void)node_conf;
    return SLURM_SUCCESS;
}

EXPORT void gres_p_job_set_env(char ***env, bitstr_t *devices, uint64_t count, uint32_t flags)
{
    (void)devices;
    (void)flags;
    set_count(env, count);
}

EXPORT void gres_p_step_set_env(char ***env, bitstr_t *devices, uint64_t count, uint32_t flags)
{
    (void)devices;
    (void)flags;
    set_count(env, count);
}

EXPORT void gres_p_task_set_env(char ***env, bitstr_t *devices, uint64_t count, bitstr_t *usable,
                                uint32_t flags)
{
    // All tasks of a step on a node share its lease, so a task's share is no other than the step's.
    (void)env;
    (void)devices;
    (void)count;
    (void)usable;
    (void)flags;
}

EXPORT void gres_p_send_stepd(void *buffer)
{
    (void)buffer;
}

EXPORT void gres_p_recv_stepd(void *buffer)
{
    (void)buffer;
}

EXPORT void *gres_p_get_devices(void)
{
    return NULL;
}

EXPORT void gres_p_step_hardware_init(bitstr_t *usable, char *settings)
{
    (void)usable;
    (void)settings;
}

EXPORT void gres_p_step_hardware_fini(void) {}

// Until 24.05.
EXPORT int gres_p_get_job_info(void *job, uint32_t node, int type, void *data)
{
    (void)job;
    (void)node;
    (void)type;
    (void)data;
    return EINVAL;
}

EXPORT int gres_p_get_step_info(void *step, uint32_t node, int type, void *data)
{
    (void)step;
    (void)node;
    (void)type;
    (void)data;
    return EINVAL;
}

// 22.05; the same pair is called prep_* from 23.02 on.
EXPORT void *gres_p_epilog_build_env(void *job)
{
    (void)job;
    return NULL;
}

EXPORT void gres_p_epilog_set_env(char ***env, void *info, int node)
{
    (void)env;
    (void)info;
    (void)node;
}

EXPORT void *gres_p_prep_build_env(void *job)
{
    (void)job;
    return NULL;
}

EXPORT void gres_p_prep_set_env(char ***env, void *info, int node)
{
    (void)env;
    (void)info;
    (void)node;
}
