# oci-hostaliases: see README.md. `make help` lists the targets.

CARGO ?= cargo
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# ARCH, in Debian's words, is another architecture than this machine's; TRIPLE is any target of rustc's.
ifdef ARCH
CPU := $(or $(patsubst arm64,aarch64,$(filter arm64,$(ARCH))),$(patsubst amd64,x86_64,$(filter amd64,$(ARCH))),$(error ARCH=$(ARCH): choose amd64 or arm64))
GNU := $(CPU)-unknown-linux-gnu
else
GNU := $(HOST)
endif
# The programs run on unknown hosts and trust none of their libraries: the C library is linked in. It is musl
# if rustc has it (rustup target add x86_64-unknown-linux-musl), otherwise glibc: docs/performance.md.
MUSL := $(GNU:-gnu=-musl)
# Not by wildcard: make remembers that a directory was missing, also when rustup has just made it.
HAS_MUSL = $(shell ls "$$(rustc --print target-libdir --target $(MUSL) 2>/dev/null)"/libstd-*.rlib 2>/dev/null)
ifdef ARCH
$(if $(HAS_MUSL),,$(shell rustup target add $(MUSL) >&2))
endif
TRIPLE := $(if $(HAS_MUSL),$(MUSL),$(GNU))
# What runs for every container lies side by side in the programs.
STATIC := -C target-feature=+crt-static -C link-arg=-Wl,-T,start/layout.ld
# rustc links position-independent static programs for x86-64 only.
ifneq ($(filter aarch64-%,$(TRIPLE)),)
CROSS := $(if $(filter aarch64-%,$(HOST)),,aarch64-linux-gnu-)
LINKED := TARGET_CC="$(CROSS)gcc" CARGO_TARGET_$(shell echo $(TRIPLE) | tr a-z- A-Z_)_LINKER="$(CURDIR)/packaging/static-pie.sh"
endif
# What runs the built programs here, where they are for another CPU.
RUN := $(if $(CROSS),qemu-aarch64-static)

# What is installed is built from vendored crates, by VENDORED=1, in a directory of its own; and says
# neither where nor when it was built. A source tarball has the crates in vendor/.
ifdef VENDORED
VENDOR := $(if $(wildcard vendor),vendor,target/vendor)
TARGET := target/vendored
KIT := target/packages/kit
# Where messages say that a source is.
SAID := /usr/src/oci-hostaliases
CARGO_BUILD = $(LINKED) CARGO_ENCODED_RUSTFLAGS="$$(printf '%s\037' $(STATIC) "--remap-path-prefix=$(CURDIR)=$(SAID)")--remap-path-prefix=$(CURDIR)/$(VENDOR)=$(SAID)/vendor" \
	$(CARGO) build --offline --target-dir $(TARGET) \
	--config 'source.crates-io.replace-with="vendored"' --config 'source.vendored.directory="$(VENDOR)"'
else
TARGET := target
KIT := target/kit
CARGO_BUILD = $(LINKED) RUSTFLAGS="$(STATIC)" $(CARGO) build
endif
RELEASE := $(TARGET)/$(TRIPLE)/release

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# What a package says of when it was made: the commit's time; in a source tarball all files have it.
SOURCE_DATE_EPOCH ?= $(shell { [ -e .git ] && git log -1 --format=%ct; } || stat -c %Y Cargo.lock)
export SOURCE_DATE_EPOCH

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

.PHONY: hook
hook:
	@[ "$(TRIPLE)" = "$(MUSL)" ] || echo "rustc has no $(MUSL): building with glibc, which makes the hook's start slower" >&2
	@[ -z "$(filter x86_64-%-musl,$(TRIPLE))" ] || command -v musl-gcc >/dev/null || tests/needs.sh musl-tools
	@[ -z "$(CROSS)" ] || command -v $(CROSS)gcc >/dev/null || tests/needs.sh gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	$(CARGO_BUILD) --locked --release --target $(TRIPLE) --no-default-features --bin oci-hostaliases-hook

.PHONY: build
build: hook ## build the three programs, static, in target/; ARCH=arm64, also for the targets below, for another architecture
	$(CARGO_BUILD) --locked --release --target $(TRIPLE) --no-default-features --features cli --bin oci-hostaliases
	$(CARGO_BUILD) --locked --release --target $(TRIPLE) --no-default-features --features kubernetes --bin oci-hostaliases-agent

.PHONY: kit
kit: build ## gather what is installed, in target/kit: programs, man pages, completions, units
	@command -v go-md2man >/dev/null || tests/needs.sh go-md2man
	@[ -z "$(RUN)" ] || command -v $(RUN) >/dev/null || tests/needs.sh qemu-user-static
	packaging/kit.sh "$(RELEASE)" $(KIT) "$(TRIPLE)" $(RUN)

.PHONY: install
install: kit ## install below DESTDIR and PREFIX (/usr/local); packaging/install.sh has the other variables
	$(KIT)/install.sh install

.PHONY: uninstall
uninstall: ## remove what install put there, with the same variables
	@mkdir -p target/uninstall
	@cp packaging/install.sh packaging/removal.sh packaging/files.list target/uninstall
	target/uninstall/install.sh uninstall

.PHONY: demo
demo: ## show a container with the /etc/hosts of the Kubernetes documentation's example
	@tests/needs.sh runc busybox-static iproute2 gcc libc6-dev
	@$(MAKE) --no-print-directory build
	@tests/demo.sh "$(RELEASE)/oci-hostaliases-hook"

.PHONY: check
check: ## the tests that need nothing but cargo
	$(subst $(CARGO) build,$(CARGO) test,$(CARGO_BUILD)) --locked --target $(TRIPLE) --test pure

ENGINES := runc crun containerd podman containernetworking-plugins uidmap slirp4netns busybox-static iproute2 jq strace util-linux gcc libc6-dev musl-tools
HOOK_UNDER_TEST = OCI_HOSTALIASES_HOOK="$(CURDIR)/$(RELEASE)/oci-hostaliases-hook" OCI_HOSTALIASES_AGENT="$(CURDIR)/$(RELEASE)/oci-hostaliases-agent"

.PHONY: test
test: ## install what the tests need and run all of them; some ten minutes
	@tests/needs.sh $(ENGINES) patchelf
	@tests/engines.sh newer
	@tests/engines.sh 1.7
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	@$(MAKE) --no-print-directory test-vm
	@echo "Tested against:"; runc --version | head -1; crun --version | head -1; containerd --version; target/engines/forky/bin/containerd --version; podman --version; uname -sr
	$(HOOK_UNDER_TEST) tests/without_calls.sh all
	$(HOOK_UNDER_TEST) $(CARGO) test --locked --workspace --no-fail-fast

.PHONY: test-long
test-long: ## the same, with every fault, thousands of races and containers, each old kernel's answer and long fuzzing; hours
	OCI_HOSTALIASES_TEST_LONG=1 $(MAKE) --no-print-directory test
	$(HOOK_UNDER_TEST) tests/without_calls.sh each
	$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=3600

VM := busybox-static $(if $(CROSS),qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross,qemu-system-x86 runc crun gcc libc6-dev)

.PHONY: test-vm
test-vm: ## runc and crun with the hook on Debian's kernels 6.1 and 5.10, in qemu; a minute. ARCH=arm64: 6.1 and, with pages of 16 KiB, 6.12
	@tests/needs.sh $(VM)
	@$(MAKE) --no-print-directory hook
	tests/vm/run.sh "$(if $(CROSS),arm64,amd64)" "$(RELEASE)/oci-hostaliases-hook"

.PHONY: test-arm64
test-arm64: ## what needs no runtime, tests/pure and tests/programs, for arm64 by qemu-user
	@tests/needs.sh gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
	@$(MAKE) --no-print-directory ARCH=arm64 arm64-tests

# size_limit creates devices, which is forbidden in a user namespace. qemu-user 7.2 shows another /proc/self/mem and has
# no openat2.
.PHONY: arm64-tests
arm64-tests:
	CARGO_PROFILE_DEV_DEBUG=false $(LINKED) tests/qemu_user.sh $(CARGO) test --locked --no-fail-fast --target $(TRIPLE) --test pure --test programs \
		-- --skip size_limit:: --skip render_manifest::files_that_cannot_be_read \
		--skip nri_mount_file::the_kubelets_file_of_this_pod_and_no_other_is_opened

.PHONY: test-selinux
test-selinux: ## the hook and the agent where SELinux enforces Debian's policy, in qemu; some five minutes
	@tests/needs.sh busybox-static debootstrap e2fsprogs gcc libc6-dev musl-tools qemu-system-x86 xz-utils
	@$(MAKE) --no-print-directory build
	tests/selinux/run.sh "$(RELEASE)"

FUZZ_SECONDS ?= 60
FUZZ_TARGETS := state_and_config annotations hosts_lines whole_way

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZ_SECONDS (60)
	@rustup run nightly rustc --version >/dev/null 2>&1 || { \
		echo "make fuzz: needs a nightly toolchain: rustup toolchain install nightly" >&2; exit 1; }
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@for target in $(FUZZ_TARGETS); do \
		seeds="fuzz/seeds/$$target"; \
		[ $$target != state_and_config ] || seeds="$$seeds tests/data/state tests/data/config"; \
		mkdir -p fuzz/corpus/$$target; \
		echo "$$target, $(FUZZ_SECONDS) s"; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target $$seeds -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 || exit 1; \
	done

.PHONY: audit
audit: ## licences, sources, yanked versions and known advisories of all dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check licenses sources bans
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then $(CARGO) deny check --disable-fetch advisories; \
	else echo "make audit: the advisories' database (on GitHub) cannot be reached: advisories are not checked" >&2; fi

ARCHITECTURES := aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf powerpc64le-unknown-linux-gnu riscv64gc-unknown-linux-gnu s390x-unknown-linux-gnu

.PHONY: check-architectures
# Without the agent's --kubernetes: its TLS is partly C, which a compiler for each architecture would have to compile.
check-architectures: ## check that the programs compile for other architectures; five minutes
	@for target in $(ARCHITECTURES); do \
		rustup target list --installed | grep -qx $$target || rustup target add $$target || exit 1; \
		echo "$$target"; \
		$(CARGO) check --locked --lib --bins --no-default-features --features cli,agent --target $$target || exit 1; \
	done

.PHONY: test-matrix
test-matrix: ## repeat the tests that need engines with other versions of them; half an hour, not part of test
	@tests/needs.sh $(ENGINES) patchelf pkgconf libseccomp-dev
	@$(MAKE) --no-print-directory build
	$(HOOK_UNDER_TEST) tests/matrix.sh

CLUSTER := busybox-static containerd containernetworking-plugins gcc iproute2 iptables jq libc6-dev openssl patchelf runc util-linux
KUBERNETES := kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet helm

.PHONY: test-cluster
test-cluster: ## the agent and the manifests against a real API server and node; builds Kubernetes first, once, in 5 to 20 minutes
	@tests/needs.sh $(CLUSTER)
	@$(MAKE) --no-print-directory build
	@tests/kubernetes.sh $(KUBERNETES)
	@tests/engines.sh 1.7
	OCI_HOSTALIASES_PROGRAMS="$(CURDIR)/$(RELEASE)" CI=1 $(CARGO) test --locked --test cluster

.PHONY: demo-cluster
demo-cluster: ## a one-node Kubernetes, an object, and a running Pod's file before and after; builds it first, once
	@tests/needs.sh $(CLUSTER)
	@$(MAKE) --no-print-directory build
	@tests/kubernetes.sh $(KUBERNETES)
	@tests/engines.sh 1.7
	OCI_HOSTALIASES_PROGRAMS="$(CURDIR)/$(RELEASE)" CI=1 $(CARGO) test --locked --test cluster -- --exact --nocapture node_by_nri::from_install_to_uninstall

.PHONY: bench-cluster
bench-cluster: ## what 500 agents cost a real API server, and an agent with 1,000 objects; some minutes
	@tests/needs.sh $(CLUSTER)
	@tests/kubernetes.sh $(KUBERNETES)
	@$(MAKE) --no-print-directory build
	OCI_HOSTALIASES_AGENT="$(CURDIR)/$(RELEASE)/oci-hostaliases-agent" OCI_HOSTALIASES_BENCH_CLUSTER=1 CI=1 $(CARGO) test --locked --test cluster -- --nocapture scale files::a_thousand_objects

.PHONY: test-packages
test-packages: ## build, install, use, upgrade and remove the packages, in Debian 12 and 13 and by rpm
	@tests/needs.sh busybox-static debootstrap dpkg-dev gcc git go-md2man libc6-dev lintian rpm rpmlint shellcheck xz-utils
	tests/packages/run.sh

.PHONY: test-source-packages
test-source-packages: ## build and try the source packages in Debian 13, with its own Rust and without a network; half an hour
	@tests/needs.sh debootstrap dpkg-dev git jq rpm xz-utils
	tests/packages/source.sh

.PHONY: bench
bench: ## time the release hook beside the least it could cost, and containers' starts by NRI; fifteen minutes
	@tests/needs.sh crun patchelf containernetworking-plugins runc busybox-static iproute2 util-linux jq strace gcc libc6-dev musl-tools golang-go
	@for triple in $(sort $(TRIPLE) $(HOST)); do \
		$(CARGO_BUILD) --locked --release --target $$triple --no-default-features --bin oci-hostaliases-hook || exit 1; \
	done
	OCI_HOSTALIASES_HOOKS="$(CURDIR)/$(RELEASE)/oci-hostaliases-hook$(if $(filter-out $(TRIPLE),$(HOST)),:$(CURDIR)/$(TARGET)/$(HOST)/release/oci-hostaliases-hook)" \
		$(CARGO) bench --profile dev --locked --bench start
	@tests/engines.sh newer
	@$(MAKE) --no-print-directory build
	$(HOOK_UNDER_TEST) OCI_HOSTALIASES_TEST_LONG=1 CI=1 $(CARGO) test --locked --test agent -- --nocapture start_time many

.PHONY: vendor
vendor: ## fetch the sources of all crates into target/vendor
	@[ -d vendor ] || cmp -s Cargo.lock target/vendor.lock || \
	    { $(CARGO) vendor --locked --versioned-dirs target/vendor >/dev/null && cp Cargo.lock target/vendor.lock; }

.PHONY: source-date-epoch
source-date-epoch:
	@echo "$$SOURCE_DATE_EPOCH"

.PHONY: package-kit
package-kit: vendor
	@command -v gcc >/dev/null || tests/needs.sh gcc libc6-dev
	@$(MAKE) --no-print-directory VENDORED=1 kit

.PHONY: deb
deb: package-kit ## build target/packages/oci-hostaliases_VERSION-1_ARCH.deb
	@command -v dh >/dev/null || tests/needs.sh debhelper dpkg-dev
	packaging/deb.sh "$(VERSION)" target/packages

.PHONY: rpm
rpm: package-kit ## build target/packages/oci-hostaliases-VERSION-1.ARCH.rpm
	@command -v rpmbuild >/dev/null || tests/needs.sh rpm
	packaging/rpm/build.sh packaging/rpm/oci-hostaliases.spec target/packages $(CPU)

.PHONY: tarball
tarball: package-kit ## build target/packages/oci-hostaliases-VERSION-TRIPLE.tar.gz, with install.sh
	packaging/tarball.sh target/packages/kit "oci-hostaliases-$(VERSION)-$(TRIPLE)" target/packages

.PHONY: image
image: vendor ## build target/packages/oci-hostaliases-VERSION-ARCH.oci.tar: a container image of the programs alone, with an SBOM
	@command -v jq >/dev/null || tests/needs.sh jq
	@command -v gcc >/dev/null || tests/needs.sh gcc libc6-dev
	@$(MAKE) --no-print-directory VENDORED=1 build
	packaging/container/image.sh "target/vendored/$(TRIPLE)/release" "$(TRIPLE)" "$(VERSION)" target/packages

.PHONY: dist
dist: vendor ## build target/packages/oci-hostaliases-VERSION.tar.gz: the sources, with those of all crates
	@command -v jq >/dev/null || tests/needs.sh jq
	packaging/dist.sh "oci-hostaliases-$(VERSION)" target/packages

.PHONY: source-packages
source-packages: dist ## build the .dsc and the .src.rpm, in target/packages/source
	@command -v dpkg-source >/dev/null || tests/needs.sh dpkg-dev xz-utils
	@command -v rpmbuild >/dev/null || tests/needs.sh rpm
	packaging/source-packages.sh "target/packages/oci-hostaliases-$(VERSION).tar.gz" "$(VERSION)" target/packages/source

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
