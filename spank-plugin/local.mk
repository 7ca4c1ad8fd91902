# SPDX-License-Identifier: Apache-2.0
# spank_vgpu.so: one dispatcher, one file per context of Slurm; exports the hooks and nothing else.
if HAVE_SLURM
noinst_LTLIBRARIES += %D%/libspank.la
%C%_libspank_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CPPFLAGS)
%C%_libspank_la_SOURCES = \
	%D%/arguments.cc %D%/arguments.h \
	%D%/epilog.cc %D%/epilog.h \
	%D%/gres.cc %D%/gres.h \
	%D%/option-table.cc %D%/option-table.h %D%/options.cc %D%/options.h \
	%D%/place.cc %D%/place.h \
	%D%/renewer.cc %D%/renewer.h \
	%D%/slurm.cc %D%/slurm.h \
	%D%/step.cc %D%/step.h

slurmplugin_LTLIBRARIES += %D%/spank_vgpu.la
%C%_spank_vgpu_la_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CPPFLAGS)
%C%_spank_vgpu_la_SOURCES = %D%/dispatch.cc
%C%_spank_vgpu_la_LIBADD = %D%/libspank.la gres-plugin/libcharge.la $(control_ldadd) -lpthread
%C%_spank_vgpu_la_LDFLAGS = -module -avoid-version -shared -Wl,--version-script=$(srcdir)/%D%/spank_vgpu.map
EXTRA_%C%_spank_vgpu_la_DEPENDENCIES = %D%/spank_vgpu.map

if HAVE_GTEST
check_PROGRAMS += %D%/unit-spank
UNIT_TESTS += %D%/unit-spank
%C%_unit_spank_CPPFLAGS = $(AM_CPPFLAGS) $(SLURM_CPPFLAGS)
%C%_unit_spank_SOURCES = \
	%D%/arguments.cc %D%/option-table.cc %D%/place.cc \
	%D%/arguments-test.cc %D%/options-test.cc %D%/place-test.cc
%C%_unit_spank_LDADD = $(control_ldadd) -lgtest_main -lgtest -lpthread
endif
endif
EXTRA_DIST += %D%/spank_vgpu.map
