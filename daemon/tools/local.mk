# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += vgpu-run vgpu-smi vgpuctl
vgpu_run_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_SBINDIR='"$(sbindir)"'
vgpu_run_SOURCES = \
	%D%/private-daemon.cc %D%/private-daemon.h %D%/program.cc %D%/program.h %D%/vgpu-run.cc
vgpu_run_LDADD = $(control_ldadd)

vgpu_tool_sources = \
	%D%/show.cc %D%/show.h %D%/target.cc %D%/target.h %D%/text-table.cc %D%/text-table.h
vgpu_smi_CPPFLAGS = $(AM_CPPFLAGS)
vgpu_smi_SOURCES = $(vgpu_tool_sources) %D%/vgpu-smi.cc
vgpu_smi_LDADD = $(tool_ldadd)
vgpuctl_CPPFLAGS = $(AM_CPPFLAGS)
vgpuctl_SOURCES = $(vgpu_tool_sources) %D%/metrics.cc %D%/metrics.h %D%/vgpuctl.cc
vgpuctl_LDADD = $(tool_ldadd)
tool_ldadd = daemon/common/libdaemon.la $(control_ldadd)
