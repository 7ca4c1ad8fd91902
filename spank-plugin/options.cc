// SPDX-License-Identifier: Apache-2.0
#include "spank-plugin/options.h"

#include <exception>

namespace vgpu::spank
{
namespace
{

Options chosen;

/// Runs in srun, sbatch or salloc for what the user typed, and in the step daemon for what came
/// over.
template<void (*Read)(const char *, Options &)>
int take(int, const char *text, int)
{
    try {
        Read(text ? text : "", chosen);
        return 0;
    } catch (const std::exception &error) {
        slurm_error("vgpu: %s", error.what());
        return -1;
    }
}

// Slurm wants plain char pointers, and keeps them.
char memory_name[] = "vgpu-mem", memory_info[] = "SIZE";
char memory_usage[] = "device memory of each vgpu (--gres=vgpu:N), such as 4G";
char cores_name[] = "vgpu-cores", cores_info[] = "PERCENT";
char cores_usage[] = "share of the device's compute time of each vgpu, 1 to 100";
char channel_name[] = "vgpu-channel", channel_info[] = "auto|shm|unix|tcp";
char channel_usage[] = "how the programs reach their GPU";

spank_option table[] = {
    {memory_name, memory_info, memory_usage, 1, 0, take<read_memory>},
    {cores_name, cores_info, cores_usage, 1, 0, take<read_cores>},
    {channel_name, channel_info, channel_usage, 1, 0, take<read_channel>},
};

} // namespace

const Options &options()
{
    return chosen;
}

void register_options(spank_t handle)
{
    for (spank_option &option : table)
        if (spank_option_register(handle, &option) != ESPANK_SUCCESS)
            slurm_error("vgpu: the option --%s cannot be registered", option.name);
}

} // namespace vgpu::spank
