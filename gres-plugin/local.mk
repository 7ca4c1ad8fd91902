# SPDX-License-Identifier: Apache-2.0
# gres_vgpu.so, job_submit_vgpu.so: loaded by Slurm's own daemons, so only what is exported by hand is seen.

noinst_LTLIBRARIES += %D%/libcharge.la
%C%_libcharge_la_SOURCES = %D%/charge.c %D%/charge.h
%C%_libcharge_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden

if HAVE_SLURM
slurmplugin_LTLIBRARIES += %D%/gres_vgpu.la %D%/job_submit_vgpu.la

%C%_gres_vgpu_la_SOURCES = %D%/gres.c
%C%_gres_vgpu_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CPPFLAGS)
%C%_gres_vgpu_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
%C%_gres_vgpu_la_LDFLAGS = -module -avoid-version -shared

%C%_job_submit_vgpu_la_SOURCES = %D%/job-submit.c
%C%_job_submit_vgpu_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CPPFLAGS)
%C%_job_submit_vgpu_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
%C%_job_submit_vgpu_la_LDFLAGS = -module -avoid-version -shared
%C%_job_submit_vgpu_la_LIBADD = %D%/libcharge.la -ldl
endif

if HAVE_GTEST
check_PROGRAMS += %D%/unit-charge
UNIT_TESTS += %D%/unit-charge
%C%_unit_charge_SOURCES = %D%/charge-test.cc
%C%_unit_charge_LDADD = %D%/libcharge.la -lgtest_main -lgtest -lpthread
endif
