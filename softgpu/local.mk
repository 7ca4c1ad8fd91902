# SPDX-License-Identifier: Apache-2.0
include %D%/ptx/local.mk
include %D%/driver/local.mk
