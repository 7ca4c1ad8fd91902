#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first process of a host of contrib/cluster: makes the host's private folders, then reaps orphans until it is
# killed. Arguments: the cluster's folder, the host's name. Runs in fresh namespaces, with /proc mounted.
set -euo pipefail
dir=$1 host=$2
mapfile -t shared <"$dir/shared"

hostname "$host"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 755 /run/outside
mount --bind /tmp /run/outside
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
# Jobs work in folders that all hosts see, and those may lie below the real /tmp.
for path in "${shared[@]}"; do
    [[ $path == /tmp/* ]] || continue
    mkdir -p "$path"
    mount --bind "/run/outside/${path#/tmp/}" "$path"
done
umount /run/outside
rmdir /run/outside
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
