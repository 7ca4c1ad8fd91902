#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# job_submit_vgpu.so: the pool of the cluster, which is the licence vgpu (8 here), and what jobs pay of it.

load lib

setup() { need jq; }
teardown() {
    ctl scancel --user=root --full || true
    assert_clean
}

paid() { ctl squeue -h -j "$1" -o %W; }
nodes() { ctl squeue -h -j "$1" -o %D; }
held() { submit --hold "$@" --wrap 'sleep 300'; }
refused() {
    run ! held "$@"
    once "$(cat "$WORK/submit.err")" "$text"
}
# update JOB CHANGE...: fails as scontrol does.
update() { local job=$1; shift; ctl scontrol update "jobid=$job" "$@"; }

@test "a job pays its vgpus for each of its nodes" {
    [ "$(paid "$(held -N2 --gres=vgpu:3)")" = vgpu:6 ]
    [ "$(paid "$(held -N1 --gres=vgpu)")" = vgpu:1 ]
    [ "$(paid "$(held -N1)")" = "(null)" ]
    [ "$(paid "$(held -N1 --gres=vgpu:0)")" = "(null)" ]
}

@test "tasks without -N are held to one node, and the user is told" {
    job=$(held -n8 --gres=vgpu:1)
    contains "$(cat "$WORK/submit.err")" "held to 1 node"
    [ "$(paid "$job")" = vgpu:1 ]
    [ "$(nodes "$job")" = 1 ]
    run -0 ctl srun -n8 --gres=vgpu:1 hostname
    [ "$(grep -c '^cpu' <<<"$output")" = 8 ]
    [ "$(grep '^cpu' <<<"$output" | sort -u | wc -l)" = 1 ]
}

@test "tasks per node, and a list of nodes, say how many nodes there are" {
    [ "$(paid "$(held -n4 --ntasks-per-node=2 --gres=vgpu:1)")" = vgpu:2 ]
    [ "$(paid "$(held -w cpu1,cpu2 --gres=vgpu:2)")" = vgpu:4 ]
    job=$(held -N1-3 --gres=vgpu:2)
    [ "$(paid "$job")" = vgpu:2 ]
}

@test "a change of vgpus or nodes changes what is paid" {
    job=$(held -N1 -n2 --gres=vgpu:2)
    update "$job" gres=vgpu:5
    [ "$(paid "$job")" = vgpu:5 ]
    update "$job" gres=vgpu:1
    [ "$(paid "$job")" = vgpu:1 ]
    update "$job" NumNodes=2
    [ "$(paid "$job")" = vgpu:2 ]
    update "$job" gres=
    [[ $(paid "$job") =~ ^(\(null\))?$ ]]
}

@test "a change to more than the pool, or of the licence alone, is refused" {
    job=$(held -N1 --gres=vgpu:2)
    run ! update "$job" gres=vgpu:9
    run ! update "$job" gres=vgpu:banana
    run ! update "$job" Licenses=vgpu:1
    [ "$(paid "$job")" = vgpu:2 ]
    # A job without vgpus gets none by the back door.
    job=$(held -N1)
    run ! update "$job" Licenses=vgpu:4
}

@test "more than the pool is refused at once, with the numbers" {
    text='asks for 99 vgpus in all, and the cluster'\''s pool has 8' refused --gres=vgpu:99
    text='asks for 9 vgpus' refused -N3 --gres=vgpu:3
}

@test "what is no count is refused with what to write" {
    local bad
    for bad in banana -1 2x 1.5 a100:2; do
        text='is not a count: ask for --gres=vgpu:COUNT' refused "--gres=vgpu:$bad"
    done
}

@test "a licence vgpu of the user's own is refused" {
    text='leave '\''vgpu:5'\'' out of -L' refused --gres=vgpu:1 -L vgpu:5
    text='leave '\''vgpu:1'\'' out of -L' refused -L vgpu:1
}

@test "the pool bounds what runs, and a waiting job says why" {
    first=$(submit -N1 --gres=vgpu:6 --wrap 'sleep 300')
    eventually 20 is_running "$first"
    second=$(submit -N1 --gres=vgpu:3 --wrap 'sleep 1')
    waits_for_licences() { [ "$(ctl squeue -h -j "$second" -o %r)" = Licenses ]; }
    eventually 20 waits_for_licences
    ctl scancel "$first"
    wait_job "$second"
    [ "$(job_state "$second")" = COMPLETED ]
}
