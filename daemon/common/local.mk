# SPDX-License-Identifier: Apache-2.0
# libcontrol: what plugins and tools need too. libdaemon: what has libuv, spdlog and the state table in it.
# Each target names all that it links (control_ldadd, daemon_ldadd): convenience libraries hold no other ones.
noinst_LTLIBRARIES += %D%/libcontrol.la %D%/libdaemon.la
%C%_libcontrol_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DVGPU_SYSCONFDIR='"$(sysconfdir)"' -DVGPU_VGPULIBDIR='"$(vgpulibdir)"' \
	-DVGPU_VGPUSOFTDIR='"$(vgpusoftdir)"' -DVGPU_PKGLIBEXECDIR='"$(pkglibexecdir)"'
%C%_libcontrol_la_SOURCES = \
	%D%/conf.cc %D%/conf.h %D%/command-line.h %D%/command-options.cc %D%/command-options.h \
	%D%/control-client.cc %D%/control-client.h \
	%D%/environment.cc %D%/environment.h %D%/lease.cc %D%/lease.h %D%/pack.h \
	%D%/private-files.cc %D%/private-files.h %D%/state.h
%C%_libdaemon_la_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
%C%_libdaemon_la_SOURCES = \
	%D%/connection-rate.cc %D%/connection-rate.h %D%/connection.cc %D%/connection.h %D%/cuda-codes.h %D%/daemon-log.cc %D%/daemon-log.h %D%/desk.cc %D%/desk.h \
	%D%/descriptor-limit.cc %D%/descriptor-limit.h %D%/gate.cc %D%/gate.h %D%/loop.cc %D%/loop.h %D%/policy.cc %D%/policy.h %D%/table.cc %D%/table.h

control_ldadd = %D%/libcontrol.la remoting/wire/libwire.la remoting/base/libbase.la
daemon_ldadd = %D%/libdaemon.la $(control_ldadd) $(UV_LIBS) -lpthread

if HAVE_GTEST
check_PROGRAMS += %D%/unit-control
UNIT_TESTS += %D%/unit-control
endif
%C%_unit_control_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
%C%_unit_control_SOURCES = \
	%D%/conf-test.cc %D%/connection-rate-test.cc %D%/environment-test.cc %D%/lease-test.cc %D%/policy-test.cc \
	daemon/vgpuctld/archive-test.cc daemon/vgpuctld/archive.cc daemon/vgpuctld/store.cc \
	daemon/vgpud/admission-test.cc daemon/vgpud/admission.cc daemon/vgpud/qos-test.cc daemon/vgpud/qos.cc
%C%_unit_control_LDADD = $(daemon_ldadd) $(SQLITE_LIBS) -lgtest -lgtest_main

if FUZZERS
FUZZ_TESTS += %D%/fuzz-conf %D%/fuzz-desk
endif
%C%_fuzz_conf_SOURCES = %D%/fuzz-conf.cc
%C%_fuzz_conf_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_conf_LDADD = $(control_ldadd)
%C%_fuzz_desk_SOURCES = %D%/fuzz-desk.cc
%C%_fuzz_desk_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_desk_LDADD = $(daemon_ldadd)
