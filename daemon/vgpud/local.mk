# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += vgpud
vgpud_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS) $(HWLOC_CFLAGS)
vgpud_SOURCES = \
	%D%/admission.cc %D%/admission.h %D%/main.cc %D%/pages.cc %D%/pages.h \
	%D%/probe-child.cc %D%/probe.cc %D%/probe.h %D%/qos.cc %D%/qos.h %D%/sensors.cc %D%/sensors.h %D%/sessions.cc %D%/sessions.h %D%/traffic.cc %D%/traffic.h \
	%D%/uplink.cc %D%/uplink.h %D%/vgpud.cc %D%/vgpud.h %D%/worker.cc %D%/worker.h
vgpud_LDADD = $(daemon_ldadd) $(HWLOC_LIBS) -ldl
