# SPDX-License-Identifier: Apache-2.0
include daemon/common/local.mk
include daemon/vgpud/local.mk
include daemon/vgpuctld/local.mk
include daemon/vgpustepd/local.mk
include daemon/tools/local.mk

BATS_TESTS += tests/auth.bats tests/builds.bats tests/daemon.bats tests/failures.bats tests/qos.bats tests/resumption.bats tests/round-trips.bats tests/trust.bats tests/vgpu-run.bats
EXTRA_DIST += tests/bulk-sender.py tests/cutting-proxy.py tests/door-peer.py tests/driver-session.py tests/stream-proxy.py tests/trust.bats tests/failures.bats \
	tests/auth.bats tests/builds.bats tests/control-peer.py tests/daemon.bats tests/daemons.bash tests/qos.bats tests/resumption.bats tests/round-trips.bats tests/vgpu-run.bats
