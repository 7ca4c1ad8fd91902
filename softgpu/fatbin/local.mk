# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += %D%/libfatbin.la
%C%_libfatbin_la_SOURCES = %D%/fatbin.cc %D%/fatbin.h
%C%_libfatbin_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZSTD_CFLAGS) $(LZ4_CFLAGS)
%C%_libfatbin_la_LIBADD = $(ZSTD_LIBS) $(LZ4_LIBS)

if HAVE_GTEST
check_PROGRAMS += %D%/unit-fatbin
UNIT_TESTS += %D%/unit-fatbin
%C%_unit_fatbin_SOURCES = %D%/fatbin-test.cc
%C%_unit_fatbin_CPPFLAGS = $(AM_CPPFLAGS) $(ZSTD_CFLAGS) $(LZ4_CFLAGS)
%C%_unit_fatbin_LDADD = %D%/libfatbin.la -lgtest -lgtest_main -lpthread
endif

if FUZZERS
noinst_PROGRAMS += %D%/fuzz-fatbin
%C%_fuzz_fatbin_SOURCES = %D%/fuzz-fatbin.cc
%C%_fuzz_fatbin_CXXFLAGS = $(AM_CXXFLAGS) -fsanitize=fuzzer
%C%_fuzz_fatbin_LDADD = %D%/libfatbin.la
endif
