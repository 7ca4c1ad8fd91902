// SPDX-License-Identifier: Apache-2.0
#include "gres-plugin/charge.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Far above any cluster, far below overflow when multiplied by nodes.
#define MOST_VGPUS 1000000u

static bool is_set(uint32_t field)
{
    // Slurm's INFINITE counts as not said as well.
    return field != VGPU_UNSET && field != 0xffffffffu && field != 0;
}

/// Splits off the next element of a list, without the blanks around it; false at the end.
static bool next(const char **list, char *element, size_t size)
{
    size_t length;

    if (!*list || !**list)
        return false;
    *list += strspn(*list, ", ");
    length = strcspn(*list, ",");
    snprintf(element, size, "%.*s", (int)length, *list);
    *list += length;
    while (*element && isspace((unsigned char)element[strlen(element) - 1]))
        element[strlen(element) - 1] = '\0';
    return *element != '\0';
}

/// The part after `vgpu` of a name such as `gres:vgpu:2`; NULL for another resource.
static const char *after_name(const char *element)
{
    if (!strncmp(element, "gres:", 5) || !strncmp(element, "gres/", 5))
        element += 5;
    if (strncmp(element, "vgpu", 4) || (element[4] && !strchr(":=", element[4])))
        return NULL;
    return element + 4;
}

static bool parse_count(const char *digits, uint64_t *count)
{
    char *end;

    if (!isdigit((unsigned char)*digits) || strlen(digits) > 12)
        return false;
    *count = strtoull(digits, &end, 10);
    // Slurm's own suffixes.
    if (*end == 'k' || *end == 'K') {
        *count *= 1024;
        end++;
    }
    return !*end && *count <= MOST_VGPUS;
}

bool vgpu_count_tres(const char *tres, uint64_t *count, char *text)
{
    char element[256];
    uint64_t one;

    *count = 0;
    while (next(&tres, element, sizeof(element))) {
        const char *rest = after_name(element);

        if (!rest)
            continue;
        one = 1;
        if (*rest && !parse_count(rest + 1, &one)) {
            snprintf(text, VGPU_TEXT,
                     "vgpu: '%.64s' is not a count: ask for --gres=vgpu:COUNT (there are no types)",
                     rest + 1);
            return false;
        }
        *count += one;
    }
    return true;
}

/// The least number of nodes on which the job can run as far as its own words tell.
static uint32_t least_nodes(const struct vgpu_request *request)
{
    uint32_t nodes = is_set(request->min_nodes) ? request->min_nodes : 1;

    if (is_set(request->tasks) && is_set(request->tasks_per_node)) {
        uint32_t needed = (request->tasks + request->tasks_per_node - 1) / request->tasks_per_node;

        nodes = needed > nodes ? needed : nodes;
    }
    return request->named_nodes > nodes ? request->named_nodes : nodes;
}

bool vgpu_compute_charge(const struct vgpu_request *request, struct vgpu_charge *charge)
{
    uint64_t per_node, per_job, per_task, per_socket;

    memset(charge, 0, sizeof(*charge));
    if (!vgpu_count_tres(request->per_node, &per_node, charge->text) ||
        !vgpu_count_tres(request->per_job, &per_job, charge->text) ||
        !vgpu_count_tres(request->per_task, &per_task, charge->text) ||
        !vgpu_count_tres(request->per_socket, &per_socket, charge->text))
        return false;
    charge->nodes = least_nodes(request);
    if (per_task && !is_set(request->tasks)) {
        snprintf(charge->text, VGPU_TEXT, "vgpu: vgpus per task need the number of tasks: add -n");
        return false;
    }
    if (per_socket && !is_set(request->sockets_per_node)) {
        snprintf(charge->text, VGPU_TEXT,
                 "vgpu: vgpus per socket need the number of sockets: add --sockets-per-node");
        return false;
    }
    charge->vgpus = per_job + per_node * charge->nodes;
    if (per_task)
        charge->vgpus += per_task * request->tasks;
    if (per_socket)
        charge->vgpus += per_socket * request->sockets_per_node * charge->nodes;
    // Only what is counted by nodes makes it matter how many there are. One task is on one node by
    // itself, but one step of it may not be, so that job is held as well.
    charge->hold_nodes = (per_node || per_socket) && request->max_nodes != charge->nodes;
    return true;
}

/// `vgpu`, `vgpu:N` or `vgpu=N`; -1 for another licence, -2 for a malformed count.
static int64_t licence_count(const char *element)
{
    uint64_t count = 1;

    if (strncmp(element, "vgpu", 4) || (element[4] && !strchr(":=", element[4])))
        return -1;
    if (element[4] && !parse_count(element + 5, &count))
        return -2;
    return (int64_t)count;
}

uint64_t vgpu_count_licenses(const char *licenses)
{
    char element[256];
    uint64_t sum = 0;

    while (next(&licenses, element, sizeof(element))) {
        int64_t count = licence_count(element);

        sum += count > 0 ? (uint64_t)count : 0;
    }
    return sum;
}

bool vgpu_merge_licenses(const char *licenses, uint64_t charge, uint64_t paid, char *merged,
                         size_t size, char *text)
{
    const char *rest = licenses;
    char element[4096];
    size_t used = 0;

    *merged = '\0';
    if (charge && licenses && strpbrk(licenses, "|;")) {
        snprintf(text, VGPU_TEXT,
                 "vgpu: alternatives of licences (-L %.100s) cannot be combined with --gres=vgpu",
                 licenses);
        return false;
    }
    while (next(&rest, element, sizeof(element))) {
        int64_t count = licence_count(element);

        if (count == -1) {
            used += snprintf(merged + used, size - used, "%s%s", used ? "," : "", element);
            if (used >= size) {
                snprintf(text, VGPU_TEXT, "vgpu: the list of licences is too long");
                return false;
            }
        } else if (count < 0 || ((uint64_t)count != charge && (uint64_t)count != paid)) {
            snprintf(text, VGPU_TEXT,
                     "vgpu: the licence vgpu is charged from --gres=vgpu:COUNT (here %" PRIu64
                     "): leave '%.64s' out of -L",
                     charge, element);
            return false;
        }
    }
    if (charge && (size_t)snprintf(merged + used, size - used, "%svgpu:%" PRIu64, used ? "," : "",
                                   charge) >= size - used) {
        snprintf(text, VGPU_TEXT, "vgpu: the list of licences is too long");
        return false;
    }
    return true;
}
