// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a job pays for its vgpus: the pure part of job_submit_vgpu.so, without Slurm.
//
// The pool of a cluster is the licence `vgpu`, charged per job; --gres=vgpu:N is asked for per
// node. So the charge needs the number of nodes, and a job that leaves it open is held to the least
// number, and told so.

#ifdef __cplusplus
extern "C" {
#endif

#define VGPU_TEXT 512

/// A field of a job that nobody set (Slurm's NO_VAL).
#define VGPU_UNSET 0xfffffffeu

/// What a job asks for, in Slurm's spelling (`gres:vgpu:2,gres:gpu:1` or `gres/vgpu:2`); texts may
/// be NULL.
struct vgpu_request {
    const char *per_node;
    const char *per_job;
    const char *per_task;
    const char *per_socket;
    const char *licenses;
    uint32_t min_nodes;
    uint32_t max_nodes;
    uint32_t named_nodes; ///< how many nodes -w names
    uint32_t tasks;       ///< VGPU_UNSET or 0: not said
    uint32_t tasks_per_node;
    uint32_t sockets_per_node;
};

struct vgpu_charge {
    uint64_t vgpus;       ///< the charge; 0: the job has no vgpu
    uint32_t nodes;       ///< the number of nodes that the charge is for
    bool hold_nodes;      ///< the job must be held to `nodes`, which it left open
    char text[VGPU_TEXT]; ///< why the job is refused
};

/// Computes the charge. False: the job is refused with `charge->text`.
bool vgpu_compute_charge(const struct vgpu_request *request, struct vgpu_charge *charge);

/// The vgpus in one TRES text; false with a text if one is malformed.
bool vgpu_count_tres(const char *tres, uint64_t *count, char *text);

/// The job's other licences together with `vgpu:charge` (none if 0) in `merged`. `paid` is what the
/// job has been charged before; any other count of the licence that the user names on his own is
/// refused, as are alternatives ('|').
bool vgpu_merge_licenses(const char *licenses, uint64_t charge, uint64_t paid, char *merged,
                         size_t size, char *text);

/// How many `vgpu` a licence text has.
uint64_t vgpu_count_licenses(const char *licenses);

#ifdef __cplusplus
}
#endif
