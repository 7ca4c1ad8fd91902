// SPDX-License-Identifier: Apache-2.0
// job_submit_vgpu.so: charges a job the licence `vgpu`, the cluster's pool, for the vgpus that it
// asks for, when it is submitted and whenever it is changed. Loaded by slurmctld, which calls it
// with its locks held: no RPC to it here.
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include "gres-plugin/charge.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT const char plugin_name[] = "slurm-vgpu: the pool of vgpus";
EXPORT const char plugin_type[] = "job_submit/vgpu";
EXPORT const uint32_t plugin_version = SLURM_VERSION_NUMBER;

// Slurm's, from libslurmfull.so.
extern char *slurm_xstrdup(const char *text);
extern void slurm_xfree_ptr(void *memory);
extern void slurm_free_job_desc_msg(job_desc_msg_t *job);
extern void slurm_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
// slurmctld's own; what Slurm's headers do not promise is looked up, and may be missing.
typedef job_desc_msg_t *copy_job_function(void *job);
typedef uint32_t license_function(char *name);
static copy_job_function *copy_job;
static license_function *total_licenses;

EXPORT int init(void)
{
    copy_job = (copy_job_function *)dlsym(RTLD_DEFAULT, "copy_job_record_to_job_desc");
    total_licenses = (license_function *)dlsym(RTLD_DEFAULT, "get_total_license_cnt");
    return SLURM_SUCCESS;
}

EXPORT int fini(void)
{
    return SLURM_SUCCESS;
}

static int refuse(char **message, const char *text)
{
    slurm_info("%s", text);
    // From 23.02 on the text reaches the user of `scontrol update` too.
    if (message) {
        slurm_xfree_ptr(*message);
        *message = slurm_xstrdup(text);
    }
    return ESLURM_INVALID_GRES;
}

static uint32_t short_field(uint16_t field)
{
    return field == NO_VAL16 || field == INFINITE16 ? VGPU_UNSET : field;
}

#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0)
typedef hostlist_t *hostlist;
#else
typedef hostlist_t hostlist;
#endif

static uint32_t count_names(const char *nodes)
{
    hostlist list;
    uint32_t count;

    if (!nodes || !*nodes || !(list = slurm_hostlist_create(nodes)))
        return 0;
    count = (uint32_t)slurm_hostlist_count(list);
    slurm_hostlist_destroy(list);
    return count;
}

static struct vgpu_request request_of(const job_desc_msg_t *job)
{
    return (struct vgpu_request){
        .per_node = job->tres_per_node,
        .per_job = job->tres_per_job,
        .per_task = job->tres_per_task,
        .per_socket = job->tres_per_socket,
        .licenses = job->licenses,
        .min_nodes = job->min_nodes,
        .max_nodes = job->max_nodes,
        .named_nodes = count_names(job->req_nodes),
        .tasks = job->num_tasks,
        .tasks_per_node = short_field(job->ntasks_per_node),
        .sockets_per_node = short_field(job->sockets_per_node),
    };
}

/// The job can never run if the pool is smaller than what it asks for: better said in our words
/// than in Slurm's.
static bool fits_pool(uint64_t vgpus, char *text)
{
    char name[] = "vgpu";
    uint32_t pool;

    if (!vgpus || !total_licenses || vgpus <= (pool = total_licenses(name)))
        return true;
    snprintf(text, VGPU_TEXT,
             "vgpu: the job asks for %" PRIu64 " vgpus in all, and the cluster's pool has %" PRIu32
             ": ask for fewer",
             vgpus, pool);
    return false;
}

/// Puts the charge and the bound of nodes into what Slurm is going to take over.
static int apply(job_desc_msg_t *job, const struct vgpu_request *request, uint64_t paid,
                 char **message)
{
    char licenses[4096];
    struct vgpu_charge charge;

    if (!vgpu_compute_charge(request, &charge) || !fits_pool(charge.vgpus, charge.text) ||
        !vgpu_merge_licenses(request->licenses, charge.vgpus, paid, licenses, sizeof(licenses),
                             charge.text))
        return refuse(message, charge.text);
    if (!charge.vgpus && !paid)
        return SLURM_SUCCESS;
    slurm_xfree_ptr(job->licenses);
    job->licenses = slurm_xstrdup(licenses);
    if (charge.hold_nodes) {
        bool wider = request->max_nodes != NO_VAL && request->max_nodes > charge.nodes;

        job->min_nodes = charge.nodes;
        job->max_nodes = charge.nodes;
        // One task needs no words: it is on one node anyway.
        if (message && !*message &&
            (wider || (request->tasks != NO_VAL && request->tasks > charge.nodes))) {
            char text[VGPU_TEXT];

            snprintf(text, sizeof(text),
                     "vgpu: vgpus are counted per node, so the job is held to %" PRIu32
                     " node%s: give -N for another number",
                     charge.nodes, charge.nodes == 1 ? "" : "s");
            *message = slurm_xstrdup(text);
        }
    }
    return SLURM_SUCCESS;
}

EXPORT int job_submit(job_desc_msg_t *job, uint32_t submit_uid, char **message)
{
    struct vgpu_request request = request_of(job);

    (void)submit_uid;
    return apply(job, &request, 0, message);
}

static bool has_vgpu(const struct vgpu_request *request)
{
    char text[VGPU_TEXT];
    uint64_t count;
    const char *const all[] = {request->per_node, request->per_job, request->per_task,
                               request->per_socket};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (!vgpu_count_tres(all[i], &count, text) || count)
            return true;
    return vgpu_count_licenses(request->licenses) != 0;
}

/// What the job will be: each field as the change has it, else as the job has it now.
static struct vgpu_request merge(const job_desc_msg_t *change, const struct vgpu_request *now)
{
    struct vgpu_request merged = request_of(change);

#define KEEP(field, unset)                                                                         \
    if (merged.field == (unset))                                                                   \
    merged.field = now->field
    KEEP(per_node, NULL);
    KEEP(per_job, NULL);
    KEEP(per_task, NULL);
    KEEP(per_socket, NULL);
    KEEP(licenses, NULL);
    KEEP(min_nodes, NO_VAL);
    KEEP(max_nodes, NO_VAL);
    KEEP(tasks, NO_VAL);
    KEEP(tasks_per_node, VGPU_UNSET);
    KEEP(sockets_per_node, VGPU_UNSET);
#undef KEEP
    if (!change->req_nodes)
        merged.named_nodes = now->named_nodes;
    // A new number of nodes without a new maximum replaces the bound that we set ourselves.
    if (change->min_nodes != NO_VAL && change->max_nodes == NO_VAL)
        merged.max_nodes = NO_VAL;
    return merged;
}

/// Does the change touch anything that the charge is computed from?
static bool touches_charge(const job_desc_msg_t *change)
{
    return change->tres_per_node || change->tres_per_job || change->tres_per_task ||
           change->tres_per_socket || change->licenses || change->req_nodes ||
           change->min_nodes != NO_VAL || change->max_nodes != NO_VAL ||
           change->num_tasks != NO_VAL || change->ntasks_per_node != NO_VAL16 ||
           change->sockets_per_node != NO_VAL16;
}

static void free_copy(job_desc_msg_t *job)
{
    // The strings of a copy's environment are one block, which slurm_free_job_desc_msg() does not
    // know.
    if (job->environment) {
        slurm_xfree_ptr(job->environment[0]);
        slurm_xfree_ptr(job->environment);
        job->environment = NULL;
        job->env_size = 0;
    }
    slurm_free_job_desc_msg(job);
}

static int modify(job_desc_msg_t *change, void *record, char **message)
{
    struct vgpu_request asked = request_of(change), now, merged;
    job_desc_msg_t *job;
    int result = SLURM_SUCCESS;

    if (!touches_charge(change))
        return SLURM_SUCCESS;
    if (!copy_job) {
        // Without a look at the job the change cannot be charged.
        if (!has_vgpu(&asked))
            return SLURM_SUCCESS;
        return refuse(message, "vgpu: this Slurm cannot change the vgpus of a job: submit it anew");
    }
    job = copy_job(record);
    if (!job)
        return SLURM_SUCCESS;
    now = request_of(job);
    if (has_vgpu(&asked) || has_vgpu(&now)) {
        merged = merge(change, &now);
        result = apply(change, &merged, vgpu_count_licenses(now.licenses), message);
    }
    free_copy(job);
    return result;
}

#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
EXPORT int job_modify(job_desc_msg_t *change, void *job, uint32_t submit_uid, char **message)
{
    (void)submit_uid;
    return modify(change, job, message);
}
#else
EXPORT int job_modify(job_desc_msg_t *change, void *job, uint32_t submit_uid)
{
    (void)submit_uid;
    return modify(change, job, NULL);
}
#endif
