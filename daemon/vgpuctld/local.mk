# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += vgpuctld
vgpuctld_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(SQLITE_CFLAGS)
vgpuctld_SOURCES = \
	%D%/archive.cc %D%/archive.h %D%/main.cc %D%/nodes.cc %D%/nodes.h \
	%D%/store.cc %D%/store.h %D%/vgpuctld.cc %D%/vgpuctld.h
vgpuctld_LDADD = $(daemon_ldadd) $(SQLITE_LIBS)
