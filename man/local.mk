# SPDX-License-Identifier: Apache-2.0
# The options of every page come from the tables that the programs read, and the calls that are carried from cuda.api.
man_pages = \
	%D%/vgpu-run.1 %D%/vgpu-smi.1 %D%/vgpuctl.1 %D%/vgpu.conf.5 %D%/vgpu.7 \
	%D%/spank_vgpu.8 %D%/vgpuctld.8 %D%/vgpud.8
dist_man_MANS += %D%/vgpustepd.8
man_MANS = $(man_pages)
EXTRA_DIST += $(man_pages:=.in)
CLEANFILES += $(man_pages)

noinst_PROGRAMS += %D%/page
%C%_page_SOURCES = %D%/page.cc softgpu/driver/variables.cc spank-plugin/option-table.cc
%C%_page_LDADD = $(control_ldadd)

$(man_pages): %D%/page remoting/api/coverage.man $(libs_manuals)
	$(AM_V_GEN)template=$(srcdir)/$@.in && %D%/page$(EXEEXT) $$template > $@.filled && \
	$(SED) -e '/^@COVERAGE@$$/{r remoting/api/coverage.man' -e 'd;}' \
	  $(libs_manuals:%=-e '/^@LIBRARIES@$$/r %') -e '/^@LIBRARIES@$$/d' $@.filled > $@.new && \
	rm -f $@.filled && mv $@.new $@
%D%/vgpu-run.1: %D%/vgpu-run.1.in
%D%/vgpu-smi.1: %D%/vgpu-smi.1.in
%D%/vgpuctl.1: %D%/vgpuctl.1.in
%D%/vgpu.conf.5: %D%/vgpu.conf.5.in
%D%/vgpu.7: %D%/vgpu.7.in
%D%/spank_vgpu.8: %D%/spank_vgpu.8.in
%D%/vgpuctld.8: %D%/vgpuctld.8.in
%D%/vgpud.8: %D%/vgpud.8.in
