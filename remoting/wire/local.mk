# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += %D%/libwire.la
%C%_libwire_la_SOURCES = \
	%D%/address.cc %D%/address.h \
	%D%/auth.cc %D%/auth.h \
	%D%/bulk-path.cc %D%/bulk-path.h \
	%D%/bulk-stream.cc %D%/bulk-stream.h \
	%D%/channel.h \
	%D%/codec.h \
	%D%/compressed-stream.cc %D%/compressed-stream.h \
	%D%/connect-control.cc \
	%D%/connect-session.cc \
	%D%/descriptors.cc %D%/descriptors.h \
	%D%/fields.cc %D%/fields.h \
	%D%/flusher.cc %D%/flusher.h \
	%D%/frame.cc %D%/frame.h \
	%D%/give-way.h \
	%D%/handshake.cc %D%/handshake.h \
	%D%/lasting-channel.cc %D%/lasting-channel.h \
	%D%/lease-file.cc %D%/lease-file.h \
	%D%/message.cc %D%/message.h \
	%D%/message-reader.cc %D%/message-reader.h \
	%D%/munge.cc %D%/munge.h \
	%D%/opening.cc %D%/opening.h \
	%D%/ring.cc %D%/ring.h \
	%D%/ring-channel.cc %D%/ring-channel.h \
	%D%/seal.cc %D%/seal.h \
	%D%/send-log.cc %D%/send-log.h \
	%D%/spin.cc %D%/spin.h \
	%D%/stream-channel.cc %D%/stream-channel.h \
	%D%/stream-socket.cc %D%/stream-socket.h \
	%D%/test-link.cc %D%/test-link.h
%C%_libwire_la_CPPFLAGS = $(AM_CPPFLAGS) $(LZ4_CFLAGS) $(SODIUM_CFLAGS) $(MUNGE_CFLAGS)
# Users link libbase.la too. The archives, so that a wrapper library brings its authentication and compression along instead of making every
# application's host install another library. They are compiled for programs (-fPIE): a shared library that links libwire.la
# needs a linker map that keeps these symbols local, as each of ours has.
%C%_libwire_la_LIBADD = -l:libsodium.a -l:liblz4.a -ldl

%C%_fuzz_targets = %D%/fuzz-blocks.cc %D%/fuzz-codec.cc %D%/fuzz-frame.cc %D%/fuzz-lease.cc %D%/fuzz-options.cc

if HAVE_GTEST
check_PROGRAMS += %D%/unit-wire
UNIT_TESTS += %D%/unit-wire
%C%_unit_wire_SOURCES = \
	%D%/auth-test.cc \
	%D%/channel-test.cc \
	%D%/codec-test.cc \
	%D%/cut-link.h \
	%D%/compressed-stream-test.cc \
	%D%/frame-test.cc \
	%D%/give-way-test.cc \
	%D%/fuzz-test.cc \
	%D%/fuzz.h \
	%D%/handshake-test.cc \
	%D%/handshake-testing.h \
	%D%/lasting-channel-test.cc \
	%D%/sealed-opening-test.cc \
	%D%/munge-test.cc \
	%D%/resumption-test.cc \
	%D%/memory-stream.h \
	%D%/seal-test.cc \
	%D%/spin-test.cc \
	%D%/test-link-test.cc \
	%D%/testing.h \
	$(%C%_fuzz_targets)
%C%_unit_wire_LDADD = %D%/libwire.la remoting/base/libbase.la -lgtest -lgtest_main -lpthread
endif

if FUZZERS
FUZZ_TESTS += %D%/fuzz-blocks %D%/fuzz-codec %D%/fuzz-frame %D%/fuzz-lease %D%/fuzz-options
endif
%C%_fuzz_blocks_SOURCES = %D%/fuzz-blocks.cc %D%/fuzz.h
%C%_fuzz_blocks_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_blocks_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_blocks_LDADD = %D%/libwire.la remoting/base/libbase.la
%C%_fuzz_codec_SOURCES = %D%/fuzz-codec.cc %D%/fuzz.h
%C%_fuzz_codec_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_codec_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_codec_LDADD = %D%/libwire.la remoting/base/libbase.la
%C%_fuzz_frame_SOURCES = %D%/fuzz-frame.cc %D%/fuzz.h
%C%_fuzz_frame_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_frame_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_frame_LDADD = %D%/libwire.la remoting/base/libbase.la
%C%_fuzz_lease_SOURCES = %D%/fuzz-lease.cc %D%/fuzz.h
%C%_fuzz_lease_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_lease_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_lease_LDADD = %D%/libwire.la remoting/base/libbase.la
%C%_fuzz_options_SOURCES = %D%/fuzz-options.cc %D%/fuzz.h
%C%_fuzz_options_CPPFLAGS = $(AM_CPPFLAGS) -DVGPU_FUZZER
%C%_fuzz_options_CXXFLAGS = $(fuzzer_cxxflags)
%C%_fuzz_options_LDADD = %D%/libwire.la remoting/base/libbase.la
