# SPDX-License-Identifier: Apache-2.0
pkglibexec_PROGRAMS += %D%/vgpustepd
%C%_vgpustepd_SOURCES = %D%/main.cc %D%/startup.cc %D%/startup.h %D%/process.cc %D%/process.h \
	%D%/resumption.cc %D%/resumption.h
%C%_vgpustepd_CPPFLAGS = $(AM_CPPFLAGS) $(CUDA_CPPFLAGS) $(HWLOC_CFLAGS)
%C%_vgpustepd_LDADD = remoting/server/libserver.la remoting/image/libimage.la remoting/wire/libwire.la remoting/base/libbase.la \
	$(HWLOC_LIBS) -ldl -lpthread
