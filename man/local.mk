# SPDX-License-Identifier: Apache-2.0
# Two pages have a part that comes from a table: the options, and the calls that are carried.
dist_man_MANS += \
	%D%/vgpu-run.1 %D%/vgpu-smi.1 %D%/vgpuctl.1 \
	%D%/spank_vgpu.8 %D%/vgpuctld.8 %D%/vgpud.8 %D%/vgpustepd.8
man_MANS = %D%/vgpu.conf.5 %D%/vgpu.7
EXTRA_DIST += %D%/vgpu.conf.5.in %D%/vgpu.7.in
CLEANFILES += $(man_MANS)

noinst_PROGRAMS += %D%/options-page
%C%_options_page_SOURCES = %D%/options-page.cc
%C%_options_page_LDADD = $(control_ldadd)

%D%/vgpu.conf.5: %D%/vgpu.conf.5.in %D%/options-page
	$(AM_V_GEN)%D%/options-page$(EXEEXT) > $@.options && \
	$(SED) -e '/^@OPTIONS@$$/{r $@.options' -e 'd;}' $(srcdir)/%D%/vgpu.conf.5.in > $@.new && \
	rm -f $@.options && mv $@.new $@

%D%/vgpu.7: %D%/vgpu.7.in remoting/api/coverage.man
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SED) -e '/^@COVERAGE@$$/{r remoting/api/coverage.man' -e 'd;}' $(srcdir)/%D%/vgpu.7.in > $@.new && mv $@.new $@
