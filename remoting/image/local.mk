# SPDX-License-Identifier: Apache-2.0
# Whoever links it links libbase too.
noinst_LTLIBRARIES += %D%/libimage.la
%C%_libimage_la_SOURCES = %D%/elf-contents.cc %D%/elf-contents.h %D%/elf-file.h %D%/elf-variables.cc %D%/expression.cc %D%/expression.h %D%/fatbin.cc %D%/fatbin.h \
	%D%/lexer.cc %D%/lexer.h %D%/ptx-variables.cc %D%/variables.cc %D%/variables.h
%C%_libimage_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZSTD_CFLAGS) $(LZ4_CFLAGS)
%C%_libimage_la_LIBADD = $(ZSTD_LIBS) $(LZ4_LIBS)

if HAVE_GTEST
check_PROGRAMS += %D%/unit-image
UNIT_TESTS += %D%/unit-image
%C%_unit_image_SOURCES = %D%/elf-contents-test.cc %D%/fatbin-test.cc %D%/test-fatbin.h %D%/variables-test.cc
%C%_unit_image_CPPFLAGS = $(AM_CPPFLAGS) $(ZSTD_CFLAGS) $(LZ4_CFLAGS)
%C%_unit_image_LDADD = %D%/libimage.la remoting/base/libbase.la -lgtest -lgtest_main -lpthread
endif

if FUZZERS
FUZZ_TESTS += %D%/fuzz-image
endif
%C%_fuzz_image_SOURCES = %D%/fuzz-image.cc
%C%_fuzz_image_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_image_LDADD = %D%/libimage.la remoting/base/libbase.la
