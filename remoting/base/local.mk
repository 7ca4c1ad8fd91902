# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += %D%/libbase.la
%C%_libbase_la_SOURCES = \
	%D%/arena.cc %D%/arena.h \
	%D%/clock.h \
	%D%/cuda-variables.cc %D%/cuda-variables.h \
	%D%/difference.h \
	%D%/error.cc %D%/error.h \
	%D%/fd.cc %D%/fd.h \
	%D%/hex.cc %D%/hex.h \
	%D%/log.cc %D%/log.h \
	%D%/log-history.cc %D%/log-history.h \
	%D%/options.cc %D%/options.h %D%/options-text.cc %D%/pairs.cc \
	%D%/parse.cc %D%/parse.h \
	%D%/random.cc %D%/random.h \
	%D%/variables.cc %D%/variables.h \
	%D%/visible-devices.cc %D%/visible-devices.h

if HAVE_GTEST
check_PROGRAMS += %D%/unit-base
UNIT_TESTS += %D%/unit-base
%C%_unit_base_SOURCES = \
	%D%/arena-test.cc \
	%D%/difference-test.cc \
	%D%/fd-test.cc \
	%D%/log-test.cc \
	%D%/log-history-test.cc \
	%D%/options-test.cc \
	%D%/parse-test.cc \
	%D%/visible-devices-test.cc
%C%_unit_base_LDADD = %D%/libbase.la -lgtest -lgtest_main -lpthread
endif
