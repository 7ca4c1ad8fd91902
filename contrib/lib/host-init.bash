#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first process of a host of contrib/cluster: makes the host's private folders, then reaps orphans until it is
# killed. Arguments: the cluster's folder, the host's name. Runs in fresh namespaces, with /proc mounted.
set -euo pipefail
dir=$1 host=$2
mapfile -t shared <"$dir/shared"

hostname "$host"
mount -t tmpfs -o mode=755 tmpfs /run

# cover FOLDER MODE: FOLDER is the host's own now, but for the shared folders below it.
cover() {
    local folder=$1 mode=$2 path
    mkdir -m 755 /run/outside
    mount --bind "$folder" /run/outside
    mount -t tmpfs -o "mode=$mode" tmpfs "$folder"
    for path in "${shared[@]}"; do
        [[ $path == "$folder"/* ]] || continue
        mkdir -p "$path"
        mount --bind "/run/outside/${path#"$folder"/}" "$path"
    done
    umount /run/outside
    rmdir /run/outside
}

cover /tmp 1777
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
# Slurm's user has to get through where the tree lies in a folder closed to others, such as root's home.
for path in "${shared[@]}"; do
    above=$path closed=
    while above=${above%/*} && [[ -n $above ]]; do
        ((8#$(stat -c %a "$above") & 1)) || closed=$above
    done
    [[ -z $closed ]] || cover "$closed" 755
done
[[ -e /etc/hosts ]] || : >/etc/hosts # a mount needs a place; empty, it says what none says
mount --bind "$dir/etc/hosts" /etc/hosts
mount --bind "$dir/etc/slurm" /etc/slurm
install -d -m 755 /run/lock /run/slurm /run/vgpu
install -d -m 755 -o munge -g munge /run/munge
install -m 400 -o munge -g munge "$dir/etc/munge.key" /run/munge/munge.key

touch "$dir/$host/up"
# Bash waits for any child, so that whatever is orphaned here leaves no zombie.
while :; do
    sleep 86400 &
    wait $!
done
