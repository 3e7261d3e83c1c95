# Targets: build (default), build-all, man, sbom, release, verify-release, test, torture,
# test-kernels, test-kubernetes, test-packages, check, vulncheck, packages, bench, demo, demo-docker,
# demo-update, examples, install, clean. GOARCH, and for arm GOARM, select another architecture.

# What this tree is: see internal/version/version.sh.
TREE    := $(shell internal/version/version.sh)
$(if $(TREE),,$(error internal/version/version.sh failed))
VERSION := $(word 1,$(TREE))
COMMIT  := $(word 2,$(TREE))
DATE    := $(word 3,$(TREE))
GOHOSTARCH := $(shell go env GOHOSTARCH)
GOARCH  ?= $(GOHOSTARCH)
GOARM   ?= 7
PREFIX  ?= /usr/local
$(if $(filter 5 6 7,$(GOARM)),,$(error GOARM=$(GOARM): must be 5, 6 or 7))

# The architectures that have the early entry and util-init. On any other, util has all applets but
# init; on mips it says that it is not supported.
ARCHS  = 386 amd64 arm arm64 loong64 ppc64le riscv64 s390x
OTHERS = ppc64 mips mipsle mips64 mips64le

# -E makes the early entry the entry point of the program: see ARCHITECTURE.md.
EARLY     = $(if $(filter $(GOARCH),$(ARCHS)),-E _rt0_util)
LDFLAGS   = $(EARLY) $(VARIABLES)
VARIABLES = -X util/internal/version.number=$(VERSION) -X util/internal/version.commit=$(COMMIT) \
	-X util/internal/version.date=$(DATE)

# The program depends only on the commit: every setting of `go env` that changes it is set here. An
# empty value would mean that of `go env -w`; a comma is an empty list of experiments.
ENV   = CGO_ENABLED=0 GOOS=linux GO386=sse2 GOAMD64=v1 GOARM=$(GOARM) GOARM64=v8.0 \
	GOPPC64=power8 GORISCV64=rva20u64 GOEXPERIMENT=, GOFIPS140=off GO_EXTLINK_ENABLED=0 \
	GOFLAGS=-mod=readonly GOTOOLCHAIN=$(shell sed -n 's/^toolchain //p' go.mod)
BUILD = $(ENV) GOARCH=$(GOARCH) go build -trimpath -buildvcs=false
# A workspace in a directory above is not for these modules.
export GOWORK = off

# For what runs on this machine, whatever GOARCH is. Programs that import util need Linux; the others
# make its files elsewhere too, so they are built for the system that there is.
HOST = $(ENV) GOARCH=$(GOHOSTARCH) go
TOOL = $(ENV) GOARCH=$(GOHOSTARCH) GOOS= go

# The programs with an entry point of their own, and its symbol.
ENTRIES = .:_rt0_util ./internal/test/probe:_rt0_probe ./internal/test/crowd:_rt0_crowd \
	./internal/test/torture/chaos/actor:_rt0_actor ./internal/bench/command:_rt0_command

# The settings are in .golangci.yml, with a reason for each. The tool runs on any host, and always
# checks the program for amd64, so that the result is the same everywhere. For others it would find
# little more, because few Go files are for some architectures only. Where a type differs, as in
# unix.Stat_t, one of them needs a conversion that is unnecessary on the other.
GOLANGCI_LINT = GOARCH=$(GOHOSTARCH) go run -exec 'env CGO_ENABLED=0 GOOS=linux GOARCH=amd64' \
	github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# The version of staticcheck in golangci-lint has all checks of this one except SA5011 (a pointer
# that is dereferenced, and compared with nil elsewhere), which it no longer supports.
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.7.0

# For .github/workflows. It must give the same result where shellcheck and pyflakes are installed.
ACTIONLINT = GOARCH=$(GOHOSTARCH) go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 \
	-shellcheck= -pyflakes=

.PHONY: build build-all man release release-files verify-release test torture test-kernels \
	test-kubernetes test-packages check vulncheck packages bench demo demo-docker demo-update examples \
	install clean

build: bin/util $(if $(filter $(GOARCH),$(ARCHS)),bin/util-init)

UTIL = bin/util
.PHONY: bin/util
bin/util:
	$(BUILD) -ldflags '-s -w $(LDFLAGS)' -o $(UTIL) .

# The architectures of a release, by its names for them, of which RELEASE selects some. FOR_EACH runs
# a target for each of these, of which arch is the name.
RELEASED = $(ARCHS:arm=armv6 armv7)
RELEASE  = $(RELEASED)
$(if $(filter-out $(RELEASED),$(or $(RELEASE),none)),$(error RELEASE=$(RELEASE): must be of $(RELEASED)))
FOR_EACH = for arch in $(RELEASE); do \
	case $$arch in armv*) set arm $${arch\#armv};; *) set $$arch $(GOARM);; esac; \
	$(MAKE) -s GOARCH=$$1 GOARM=$$2

# Both programs for every architecture, as bin/util-linux-ARCH and bin/util-init-linux-ARCH.
build-all:
	$(FOR_EACH) build UTIL=bin/util-linux-$$arch UTIL_INIT=bin/util-init-linux-$$arch || exit; done

# Init alone, without the Go runtime: see docs/design.md. Go compiles the packages and links them to
# one relocatable object; slim takes from it what the early entry reaches. The linker that Go's would
# call for the rest, -extld, does nothing. What Go's prints is a remark that there is no cgo.
ALONE     = ./applets/init/alone
UTIL_INIT = bin/util-init
OBJECTS   = bin/object/$(GOARCH)
NOTE      = {"type":"binary","name":"util-init","version":"$(VERSION)","architecture":"$(GOARCH)","commit":"$(COMMIT)"}
STRIP     = -s
.PHONY: bin/util-init
bin/util-init:
	$(if $(filter $(GOARCH),$(ARCHS)),,$(error there is no util-init for $(GOARCH), only for $(ARCHS)))
	@mkdir -p $(OBJECTS)
	$(ENV) GOARCH=$(GOARCH) go list -trimpath -tags util_init -deps -export -f \
		'{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}' $(ALONE) >$(OBJECTS)/importcfg
	$(ENV) GOARCH=$(GOARCH) go tool link -w -linkmode=external -extld=true -tmpdir=$(OBJECTS) \
		$(VARIABLES) -importcfg $(OBJECTS)/importcfg -o $(OBJECTS)/none \
		$$(sed -n 's,^packagefile util/applets/init/alone=,,p' $(OBJECTS)/importcfg) \
		>$(OBJECTS)/log 2>&1 || { cat $(OBJECTS)/log; exit 1; }
	$(TOOL) run ./internal/slim $(STRIP) -importcfg $(OBJECTS)/importcfg \
		-entry _rt0_util -broken util/applets/init/entry.Broken \
		-hot $(ALONE)/hot.txt -package '$(NOTE)' -o $(UTIL_INIT) $(OBJECTS)/go.o

# The bill of materials of util-init. That of util is in it: go version -m bin/util.
.PHONY: sbom
sbom: bin/util-init
	$(TOOL) run ./internal/sbom -version $(VERSION) -commit $(COMMIT) \
		-arch $(GOARCH)$(if $(filter arm,$(GOARCH)),v$(GOARM)) $(UTIL_INIT) >$(UTIL_INIT).cdx.json

# Everything that a release consists of, in dist/: see docs/install.md. RELEASE selects
# architectures, as in make release RELEASE='amd64 arm64'. In a clone it is made from what is
# committed.
override DIST = $(CURDIR)/dist
release:
	@dir=$$(internal/release/source.sh '$(VERSION)' bin/source) && \
		$(MAKE) -C "$$dir" release-files TO='$(DIST)' RELEASE='$(RELEASE)'
	rm -rf bin/source

# The same in the tree as it is. Its own target, because make release calls it elsewhere.
TO     = $(DIST)
STAGED = bin/release
PACK   = $(HOST) run -C internal/release -trimpath . -version '$(VERSION)'
release-files:
	@# Without more, this only checks the version and home.json.
	$(PACK)
	rm -rf '$(TO)' $(STAGED)
	$(FOR_EACH) install sbom DESTDIR=$(STAGED)/$$arch PREFIX=/usr \
		UTIL=$(STAGED)/util UTIL_INIT=$(STAGED)/$$arch-util-init || exit; done
	$(PACK) -commit $(COMMIT) -time $(word 4,$(TREE)) -source ../.. -input ../../$(STAGED) \
		-output '$(TO)'

# Makes a release twice, in different ways, and compares the files.
verify-release:
	internal/release/verify.sh RELEASE='$(RELEASE)'

# -count=1: the results depend on the kernel and the Docker Engine too, which the cache of go test
# does not know. TESTS selects tests, as in make test TESTS='-run TestDocker ./applets/init'.
TESTS = ./...
test:
	go run ./internal/test/runner -count=1 -timeout=20m $(TESTS)

# Tries for a long time what make test tries for a short one: see docs/testing.md. TORTURE is how long
# each part tries that has no end of its own, SEED the seed of the random numbers, PART one part, as
# in make torture TORTURE=1h PART=./internal/test/torture/chaos.
TORTURE = 30s
SEED    =
PART    = ./internal/test/torture/... ./applets/init/supervise
torture:
	UTIL_TEST_TORTURE=$(TORTURE) UTIL_TEST_SEED=$(SEED) \
		go run ./internal/test/runner -count=1 -timeout=0 $(PART)

# Tests on Debian's kernels, in emulated machines: see docs/kernels.md. KERNELS selects some, as in
# make test-kernels KERNELS='6.1-amd64 7.2-amd64'. The first time, it downloads them.
KERNELS =
test-kernels:
	go run ./internal/test/kernels -kernels '$(KERNELS)'

# Pods on a node of Kubernetes: the kubelet, and the containerd of the machine. Most of their time the
# tests wait, so many run at once.
KUBELET = bin/kubelet
test-kubernetes: $(KUBELET)
	UTIL_TEST_KUBELET=$(abspath $(KUBELET)) go run ./internal/test/runner -count=1 -timeout=5m \
		-parallel=10 ./internal/test/kubernetes

# Makes a release, and installs, uses and removes it, in containers with Debian that debootstrap
# makes: see docs/install.md. RELEASE is as above.
test-packages: release
	go build -o bin/runner ./internal/test/runner
	cd internal/release && ../../bin/runner -count=1 .
	UTIL_TEST_DIST='$(DIST)' bin/runner -count=1 -timeout=10m ./internal/test/packages

# The first build compiles Kubernetes, which takes minutes.
$(KUBELET): $(wildcard internal/test/kubelet/*)
	CGO_ENABLED=0 go build -C internal/test/kubelet -trimpath -ldflags '-s -w' -o $(abspath $@) .

check:
	for arch in $(ARCHS); do GOARCH=$$arch go vet ./... || exit; done
	@# The files that only util-init has.
	for arch in $(ARCHS); do GOARCH=$$arch go vet -tags util_init ./applets/init/... || exit; done
	for arch in $(ARCHS); do for entry in $(ENTRIES); do \
		$(ENV) GOARCH=$$arch go build -buildvcs=false -ldflags "-E $${entry#*:}" -o /dev/null $${entry%:*} || exit; \
	done; done
	for arch in $(ARCHS) $(OTHERS); do \
		$(MAKE) -s build GOARCH=$$arch UTIL=/dev/null UTIL_INIT=/dev/null || exit; \
	done
	$(GOLANGCI_LINT) run ./...
	$(GOLANGCI_LINT) run --build-tags util_init ./applets/init/entry ./applets/init/alone
	$(STATICCHECK) -checks SA5011 ./...
	@# The linter reads neither assembly nor testdata: lines of more than 100 columns.
	! LC_ALL=C.UTF-8 grep -nE '.{101}' $$(find . -name '*.s' -o -path '*/testdata/*.go')
	go mod tidy -diff
	@# Modules of their own, which ./... does not contain. vet would compile Kubernetes.
	go -C internal/test/manifests mod tidy -diff
	go -C internal/test/manifests vet ./...
	go -C internal/test/kubelet mod tidy -diff
	go -C internal/test/apk mod tidy -diff
	go -C internal/test/apk vet ./...
	go -C internal/release mod tidy -diff
	go -C internal/release vet ./...
	cd internal/release && $(GOLANGCI_LINT) run ./...
	bash -n .ci/run
	sh -n internal/release/source.sh
	sh -n internal/release/verify.sh
	sh -n internal/version/version.sh
	$(ACTIONLINT)

# Known vulnerabilities in what util calls. VULNDB is the database.
VULNDB      = https://vuln.go.dev
GOVULNCHECK = GOARCH=$(GOHOSTARCH) go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
vulncheck:
	@mkdir -p bin
	@$(GOVULNCHECK) -db $(VULNDB) . >bin/vulncheck.log 2>&1; status=$$?; \
	if grep -q 'fetching vulnerabilities: Get ' bin/vulncheck.log; then \
		echo "vulncheck: the database cannot be reached: run it with a network, or set VULNDB"; \
	else cat bin/vulncheck.log; exit $$status; fi

# What the tests need, from the packages of Debian or Ubuntu. It runs as root.
packages:
	bash .ci/run packages

# demo needs only Go; demo-docker needs a Docker Engine too.
demo: build bin/demo-app
	go run ./internal/demo bin/util bin/demo-app

demo-docker: build bin/demo-app
	go run ./internal/demo -docker bin/util bin/demo-app

.PHONY: bin/demo-app
bin/demo-app:
	$(BUILD) -ldflags '-s -w' -o $@ ./internal/demo/app

# demo-update updates the replicas of a Docker Swarm service while a client sends requests. The
# engine must not be in a swarm: it becomes one for that time. Of the test's output, it prints the
# results as they come. After a failure it prints everything.
UPDATE_LOG = bin/demo-update.log
demo-update:
	@mkdir -p bin
	@CI=1 go test -count=1 -v -run '^TestRollingUpdate$$' ./examples 2>&1 | tee $(UPDATE_LOG) | \
		sed -nu 's/^ *swarm_test\.go:[0-9]*: \(.* requests, [0-9]* failed\)$$/\1/p'
	@grep -q '^ok' $(UPDATE_LOG) || { cat $(UPDATE_LOG); exit 1; }

# What examples/Dockerfile copies.
examples: build
	cp bin/util examples/util
	$(BUILD) -ldflags '-s -w' -o examples/app ./examples/server

# Compares init with other inits, wait-for-port with plain loops, healthcheck with curl and other
# clients, run-as with gosu, and sendsig with pkill, and measures the search of reap-once for zombies.
bench: build
	@# Without this, the inits that are linked against musl are named as missing. It needs a network.
	-internal/bench/peers.sh bin/musl
	go run ./internal/bench
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchtime 1x \
		./applets/waitfor ./applets/healthcheck ./applets/runas
	CGO_ENABLED=0 go test -run '^$$' -bench . ./applets/signal ./applets/reap

man:
	rm -rf bin/man
	$(HOST) run ./internal/manual -version '$(VERSION)' -date '$(DATE)' bin/man

SHARE = $(DESTDIR)$(PREFIX)/share
# What make install takes of examples/, without tests and without what make examples builds.
EXAMPLES = README.md Dockerfile compose.yaml swarm-stack.yaml passwd kubernetes/deployment.yaml \
	kubernetes/init-container.yaml server/main.go
install: build man
	install -D -m 755 $(UTIL) $(DESTDIR)$(PREFIX)/bin/util
	$(if $(filter $(GOARCH),$(ARCHS)),install -D -m 755 $(UTIL_INIT) $(DESTDIR)$(PREFIX)/bin/util-init)
	$(HOST) build -buildvcs=false -o bin/host/ .
	bin/host/util completion bash >bin/host/bash
	bin/host/util completion zsh >bin/host/zsh
	bin/host/util completion fish >bin/host/fish
	install -d -m 755 $(SHARE)/man/man1 $(SHARE)/doc/util/docs
	install -m 644 LICENSE *.md $(SHARE)/doc/util
	install -m 644 docs/*.md $(SHARE)/doc/util/docs
	for file in $(EXAMPLES); do \
		install -D -m 644 examples/$$file $(SHARE)/doc/util/examples/$$file || exit; \
	done
	install -m 644 bin/man/*.1 $(SHARE)/man/man1
	install -D -m 644 bin/host/bash $(SHARE)/bash-completion/completions/util
	install -D -m 644 bin/host/zsh $(SHARE)/zsh/site-functions/_util
	install -D -m 644 bin/host/fish $(SHARE)/fish/vendor_completions.d/util.fish
	# bash and fish search for the script of a command by the name of the command
	for name in $$(bin/host/util --list); do \
		ln -sf util $(SHARE)/bash-completion/completions/$$name && \
		ln -sf util.fish $(SHARE)/fish/vendor_completions.d/$$name.fish || exit; \
	done

clean:
	rm -rf bin dist examples/util examples/app
