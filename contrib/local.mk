# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += \
	%D%/check %D%/cluster %D%/deps %D%/plot %D%/pytorch-processes.py %D%/pytorch-sequence %D%/pytorch-step.py %D%/quickstart \
	%D%/lib/build.bash %D%/lib/host-init.bash %D%/lib/hosts.bash %D%/lib/progress.bash \
	%D%/lib/slurm.bash %D%/lib/vgpu.bash
