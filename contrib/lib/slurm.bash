# SPDX-License-Identifier: Apache-2.0
# Slurm on the hosts of lib/hosts.bash: its configuration, and its daemons in their order. To be sourced; $dir is the
# cluster's folder, $plugins our plugins' folder or empty for a plain Slurm.

pool=${VGPU_POOL:-8}

slurm_configure() {
    local etc=$dir/etc/slurm system
    system=$(slurm_plugin_dir)
    cat >"$etc/slurm.conf" <<END
ClusterName=vgpu
SlurmctldHost=ctl($(host_address ctl))
AuthType=auth/munge
SlurmUser=slurm
StateSaveLocation=/run/slurm/ctld
SlurmdSpoolDir=/run/slurm/d
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MpiDefault=none
PrologFlags=Alloc
ReturnToService=2
SlurmdTimeout=60
MessageTimeout=60
TCPTimeout=10
BatchStartTimeout=60
UnkillableStepTimeout=180
KillWait=2
MinJobAge=300
# A requeued job is held back so long: two minutes unless told otherwise.
AuthInfo=cred_expire=15
SchedulerParameters=bf_interval=1,sched_interval=2,bf_resolution=1,bf_licenses,batch_sched_delay=0
SlurmctldDebug=verbose
SlurmdDebug=verbose
PluginDir=${plugins:+$plugins:}$system
END
    if [[ -n $plugins ]]; then
        cat >>"$etc/slurm.conf" <<END
GresTypes=vgpu
Licenses=vgpu:$pool
JobSubmitPlugins=vgpu
PlugStackConfig=/etc/slurm/plugstack.conf
END
        echo "required $plugins/spank_vgpu.so conf=/etc/slurm/vgpu.conf" >"$etc/plugstack.conf"
        echo 'Name=vgpu Count=64' >"$etc/gres.conf"
    fi
    # The GPU node comes last: a job that does not ask for it gets a CPU-only node.
    local host gres=${plugins:+Gres=vgpu:64} weight
    for host in gpu1 cpu1 cpu2; do
        weight=1
        [[ $host != gpu1 ]] || weight=100
        echo "NodeName=$host NodeAddr=$(host_address $host) CPUs=8 RealMemory=1000 Weight=$weight $gres"
    done >>"$etc/slurm.conf"
    echo 'PartitionName=main Nodes=gpu1,cpu1,cpu2 Default=YES MaxTime=60 State=UP OverSubscribe=NO' >>"$etc/slurm.conf"
    echo 'PMIxDebug=0' >"$etc/mpi.conf"
}

slurm_plugin_dir() {
    local found
    for found in /usr/lib/*/slurm-wlm /usr/lib64/slurm /usr/lib/slurm; do
        [[ ! -e $found/auth_munge.so ]] || { echo "$found"; return; }
    done
    die "no Slurm plugins (auth_munge.so) found: run contrib/deps"
}

munge_up() {
    start_in "$1" "$dir/log/$1-munged.log" runuser -u munge -- /usr/sbin/munged --foreground \
        --key-file=/run/munge/munge.key --seed-file=/run/munge/seed --pid-file=/run/munge/munged.pid
}

munge_answers() { in_host "$1" sh -c 'munge -n | unmunge'; }

slurmctld_up() {
    in_host ctl install -d -m 755 -o slurm -g slurm /run/slurm /run/slurm/ctld
    start_in ctl "$dir/log/slurmctld.log" runuser -u slurm -- /usr/sbin/slurmctld -D -c
}

slurmctld_answers() { in_host ctl scontrol ping | grep -q 'is UP'; }

slurmd_up() { start_in "$1" "$dir/log/$1-slurmd.log" /usr/sbin/slurmd -D -N "$1"; }

nodes_idle() { [[ $(in_host ctl sinfo -h -N -t idle -o %N | wc -l) == 3 ]]; }
