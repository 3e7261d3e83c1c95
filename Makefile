# Targets: build (default), test, check, bench, demo, demo-docker, install, clean.

VERSION  = 0.1.0
COMMIT   = $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
GOARCH  ?= $(shell go env GOHOSTARCH)
PREFIX  ?= /usr/local

# -E makes the early entry the entry point of the program: see ARCHITECTURE.md.
LDFLAGS  = -E _rt0_util -X util/internal/version.number=$(VERSION) -X util/internal/version.commit=$(COMMIT)

GOFUMPT     = go run mvdan.cc/gofumpt@v0.9.2
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: build test check bench demo demo-docker install clean

build: bin/util

.PHONY: bin/util
bin/util:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -ldflags '-s -w $(LDFLAGS)' -o $@ .

# -count=1: what tests find out depends on the kernel and the engine as well, of which go test's cache knows nothing.
# What to run can be said, as in make test TESTS='-run TestDocker ./applets/init'.
TESTS = ./...
test:
	go run ./internal/test/runner -count=1 -timeout=20m $(TESTS)

check:
	@out=$$($(GOFUMPT) -l . 2>&1); test -z "$$out" || { echo "not in gofumpt's format: $$out"; exit 1; }
	GOARCH=amd64 go vet ./...
	GOARCH=arm64 go vet ./...
	$(STATICCHECK) ./...
	go mod tidy -diff
	bash -n .ci/run

# The demo needs nothing but Go; demo-docker a Docker Engine.
demo: build bin/demo-app
	go run ./internal/demo bin/util bin/demo-app

demo-docker: build bin/demo-app
	go run ./internal/demo -docker bin/util bin/demo-app

.PHONY: bin/demo-app
bin/demo-app:
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -ldflags '-s -w' -o $@ ./internal/demo/app

# Beside the peers: init and other inits; waiting for ports and plain loops; sendsig and pkill; an audit of zombies.
bench: build
	go run ./internal/bench
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchtime 1x ./applets/waitfor
	CGO_ENABLED=0 go test -run '^$$' -bench . ./applets/signal ./applets/reap

install: build
	install -D -m 755 bin/util $(DESTDIR)$(PREFIX)/bin/util

clean:
	rm -rf bin
