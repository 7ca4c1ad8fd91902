# SPDX-License-Identifier: Apache-2.0
# Daemons from the build tree, started and ended by the tests. To be loaded after lib.bash.

# stage: the parts of the build tree in the places of an installation, seen by VGPU_LIBDIR and VGPU_LIBEXECDIR.
stage() {
    STAGE=$BATS_FILE_TMPDIR/stage
    mkdir -p "$STAGE/lib/soft" "$STAGE/libexec"
    ln -sf "$CLIENT_LIBDIR/libcuda.so.1" "$TOP_BUILDDIR/remoting/nvml/.libs/libnvidia-ml.so.1" "$STAGE/lib/"
    ln -sf "${RUNTIMES[@]}" "$TOP_BUILDDIR"/remoting/libs/{.libs,12}/lib*.so.*[0-9] "$STAGE/lib/"
    ln -sf "$SOFT_LIBDIR/libcuda-soft.so.1" "$STAGE/lib/soft/"
    ln -sf "$STAGE/lib/soft/libcuda-soft.so.1" "$STAGE/lib/soft/libcuda.so.1"
    local one
    for one in "$SOFT_LIBS"/lib*.so.*[0-9]; do
        [ ! -e "$one" ] || ln -sf "$one" "$STAGE/lib/soft/"
    done
    ln -sf "$TOP_BUILDDIR/vgpud" "$TOP_BUILDDIR/daemon/vgpustepd/vgpustepd" "$STAGE/libexec/"
    chmod 755 "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || :
    export STAGE VGPU_LIBDIR=$STAGE/lib VGPU_LIBEXECDIR=$STAGE/libexec PATH=$TOP_BUILDDIR:$PATH
    # What vgpu-run starts loads libraries with the sanitizer.
    if [ -n "${SANITIZER:-}" ]; then
        mkdir -p "$STAGE/bin"
        printf '#!/bin/sh\nLD_PRELOAD=%s exec %s/vgpu-run "$@"\n' "$SANITIZER" "$TOP_BUILDDIR" >"$STAGE/bin/vgpu-run"
        chmod +x "$STAGE/bin/vgpu-run"
        PATH=$STAGE/bin:$PATH
    fi
    # vgpu-run shall put its folder where we can see that it goes.
    export TMPDIR=$BATS_FILE_TMPDIR XDG_RUNTIME_DIR=
    unset VGPU_CONF VGPU_LEASE VGPU_CHANNEL VGPU_LOG_LEVEL VGPU_LOG_FILE
    PEER=$TOP_SRCDIR/tests/control-peer.py
}

# write_conf DIR [LINE...]: a vgpu.conf with a key, for one node that listens on a free port of this machine.
write_conf() {
    local dir=$1
    shift
    mkdir -p "$dir"
    [ -e "$dir/key" ] || (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$dir/key")
    {
        echo "AuthType=key KeyFile=$dir/key NodeName=gpu1"
        echo "VgpudAddr=127.0.0.1 VgpudPort=0 VgpudSocket=$dir/vgpud.sock"
        echo "StateSaveLocation=$dir/state HeartbeatInterval=1"
        printf '%s\n' "$@"
    } >"$dir/vgpu.conf"
}

# start_vgpud DIR, start_vgpuctld DIR: as DIR/vgpu.conf says; their pids are kept for stop_daemons.
start_vgpud() {
    vgpud --conf "$1/vgpu.conf" </dev/null >/dev/null 2>"$1/vgpud.log" 3>&- &
    echo $! >"$1/vgpud.pid"
    eventually 20 grep -q "listens on" "$1/vgpud.log" || { cat "$1/vgpud.log"; return 1; }
}
start_vgpuctld() {
    vgpuctld --conf "$1/vgpu.conf" </dev/null >/dev/null 2>>"$1/vgpuctld.log" 3>&- &
    echo $! >"$1/vgpuctld.pid"
    eventually 20 grep -q "listens on" "$1/vgpuctld.log" || { cat "$1/vgpuctld.log"; return 1; }
}
# Where that vgpud listens: host:port.
address_of() { sed -n 's/.* listens on \([^ ]*\) and .*/\1/p' "$1/vgpud.log" | tail -1; }

# outcome PID: waits for a child and puts its exit status into $status, as run does.
outcome() {
    status=0
    wait "$1" || status=$?
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop PIDFILE: in order.
stop() {
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    rm -f "$1"
    kill "$pid" 2>/dev/null || return 0
    eventually 10 is_gone "$pid" || { kill -9 "$pid"; return 1; }
}
stop_daemons() {
    local failed=0
    stop "$1/vgpud.pid" || failed=1
    stop "$1/vgpuctld.pid" || failed=1
    return "$failed"
}

# with_least_rings COMMAND...: nothing may count on room. A ring of 4 KiB each way, and in a network of its own sockets whose
# buffers hold no more than the kernel's least: every message waits for the other side to read.
with_least_rings() {
    VGPU_CONF_RING_SIZE=4K unshare --net sh -c '
        ip link set lo mtu 1500 up
        echo "4096 4096 4096" >/proc/sys/net/ipv4/tcp_rmem
        echo "4096 4096 4096" >/proc/sys/net/ipv4/tcp_wmem
        exec "$@"' - "$@"
}

# children PID: the pids of its child processes.
children() { cat /proc/"$1"/task/*/children 2>/dev/null; }

# Nothing of vgpu-run may stay: its folder, or a process that has our stage in its environment.
no_folders() { [ -z "$(find "$BATS_FILE_TMPDIR" -maxdepth 1 -name 'vgpu-run.*')" ]; }
no_processes() {
    local file
    for file in /proc/[0-9]*/environ; do
        case $(tr '\0' '\n' <"$file" 2>/dev/null | grep "^VGPU_LIBEXECDIR=$STAGE" || :) in
        "") continue ;;
        esac
        case $(cat "${file%environ}comm" 2>/dev/null) in
        vgpud | vgpustepd* | vgpuctld) return 1 ;;
        esac
    done
}
nothing_left() {
    eventually 10 no_processes && eventually 5 no_folders
}

free_port() { "${PYTHON:-python3}" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
peer() { "${PYTHON:-python3}" "$PEER" "$@"; }
