# SPDX-License-Identifier: Apache-2.0
# vgpuctld and vgpud on the hosts of lib/hosts.bash. To be sourced; $dir is the cluster's folder, $prefix ours,
# $settings more lines for vgpu.conf.

vgpu_conf=/etc/slurm/vgpu.conf

vgpu_configure() {
    # The last word about a key is a caller's: the file itself refuses a key that is set twice.
    local line key
    {
        echo 'AuthType=munge'
        echo 'VgpuctldHost=ctl'
        echo 'StateSaveLocation=/run/vgpu/ctld'
        echo 'SpoolDir=/run/vgpu'
    } >"$dir/etc/slurm/vgpu.conf"
    for line in ${settings[@]+"${settings[@]}"}; do
        key=${line%%=*}
        sed -i "/^$key=/d" "$dir/etc/slurm/vgpu.conf"
        echo "$line" >>"$dir/etc/slurm/vgpu.conf"
    done
}

vgpuctld_up() {
    in_host ctl install -d -m 755 -o slurm -g slurm /run/vgpu/ctld
    start_in ctl "$dir/log/vgpuctld.log" runuser -u slurm -- "$prefix/sbin/vgpuctld" -D -f "$vgpu_conf"
}

vgpud_up() { start_in gpu1 "$dir/log/vgpud.log" "$prefix/sbin/vgpud" -D -f "$vgpu_conf"; }

# Without a vgpuctld it is vgpud's own device that is listed.
gpu_registered() { in_host ctl env VGPU_CONF="$vgpu_conf" "$prefix/bin/vgpu-smi" --json | grep -q '"gpu1"'; }
