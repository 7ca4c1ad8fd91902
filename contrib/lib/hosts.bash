# SPDX-License-Identifier: Apache-2.0
# Hosts of a private cluster, each a set of namespaces (network, host name, mounts, processes, IPC) held by one
# process. Everything is anonymous: no name and no address is visible outside, so that clusters cannot collide, and
# the kernel takes the rest away when the holders die. To be sourced; $dir is the cluster's folder.

hosts=(ctl gpu1 cpu1 cpu2)
subnet=10.77.0

host_address() {
    local i
    for i in "${!hosts[@]}"; do
        [[ ${hosts[i]} != "$1" ]] || { echo "$subnet.$((i + 1))"; return; }
    done
    die "no host $1 here: there are ${hosts[*]}"
}

# A holder is remembered as "pid start-time", so that a pid used again by the machine is never taken for ours.
start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

holder() {
    local pid started
    read -r pid started 2>/dev/null <"$dir/holders/$1" || return 1
    [[ -n $started && $(start_time "$pid") == "$started" ]] || return 1
    # A zombie has no namespaces left.
    [[ $(sed 's/.*) //' "/proc/$pid/stat") != Z* ]] || return 1
    echo "$pid"
}

remember() { echo "$2 $(start_time "$2")" >"$dir/holders/$1"; }

# in_host HOST COMMAND...: as root, in the host's namespaces. Not `ip netns exec`, which remounts /sys.
in_host() {
    local pid
    pid=$(holder "$1") || die "host $1 of $dir is not up"
    shift
    nsenter --target "$pid" --net --uts --ipc --mount --pid --wdns="$PWD" -- "$@"
}

# start_in HOST LOG COMMAND...: a daemon of the host; the host's first process is its parent.
start_in() {
    local host=$1 log=$2
    shift 2
    in_host "$host" setsid --fork "$@" >>"$log" 2>&1 </dev/null
}

# The only namespace with a link to all: a bridge, which no address of the machine is on.
switch_up() {
    unshare --net sleep infinity >/dev/null 2>&1 </dev/null &
    local pid=$!
    disown "$pid"
    wait_for 5 "the switch's namespace" has_own_net "$pid"
    remember switch "$pid"
    nsenter --target "$pid" --net sh -c 'ip link add br0 type bridge && ip link set br0 up'
}

has_own_net() { [[ $(readlink "/proc/$1/ns/net") != $(readlink /proc/self/ns/net) ]]; }

host_up() {
    local host=$1 outer inner address
    address=$(host_address "$host")
    rm -f "$dir/$host/up"
    mkdir -p "$dir/$host"
    setsid unshare --net --uts --ipc --mount --pid --fork --kill-child=KILL --propagation private --mount-proc \
        bash "$contrib/lib/host-init.bash" "$dir" "$host" >"$dir/log/$host-init.log" 2>&1 </dev/null &
    outer=$!
    disown "$outer"
    remember "$host-outer" "$outer"
    wait_for 10 "host $host (see $dir/log/$host-init.log)" test -e "$dir/$host/up"
    inner=$(pgrep --parent "$outer")
    remember "$host" "$inner"
    nsenter --target "$(holder switch)" --net sh -ec "
        ip link add $host type veth peer name eth0 netns $inner
        ip link set $host master br0 up"
    in_host "$host" sh -ec "ip link set lo up; ip addr add $address/24 dev eth0; ip link set eth0 up"
}

# Kills what is there of the hosts; the first process of a process namespace takes all others of it along.
hosts_down() {
    local name pid
    for name in "${hosts[@]}" "${hosts[@]/%/-outer}" switch; do
        pid=$(holder "$name") || continue
        kill -KILL "$pid" 2>/dev/null || true
    done
    for name in "${hosts[@]}" "${hosts[@]/%/-outer}" switch; do
        wait_for 10 "the end of $name" is_down "$name" && rm -f "$dir/holders/$name"
    done
}

is_down() { ! holder "$1" >/dev/null; }
