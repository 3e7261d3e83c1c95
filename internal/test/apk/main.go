// Apk stands in for apk(8) of Alpine, which Debian does not have: it installs packages with go-apk,
// a second implementation, and compares versions. It cannot remove packages.
//
//	apk install ARCH ROOT FILE...
//	apk compare LEFT RIGHT
//
// install installs packages into the directory ROOT, which has none. What they need must be among
// them. compare prints how two versions are related: <, = or >.
//
// It is a module of its own, so that util's module does not depend on go-apk.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/chainguard-dev/go-apk/pkg/apk"
	"github.com/chainguard-dev/go-apk/pkg/fs"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "apk:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 3 && args[0] == "install":
		return install(args[1], args[2], args[3:])
	case len(args) == 3 && args[0] == "compare":
		return compare(args[1], args[2])
	}
	return errors.New("usage: install ARCH ROOT FILE..., or compare LEFT RIGHT")
}

func compare(left, right string) error {
	a, err := apk.ParseVersion(left)
	if err != nil {
		return fmt.Errorf("%s: %w", left, err)
	}
	b, err := apk.ParseVersion(right)
	if err != nil {
		return fmt.Errorf("%s: %w", right, err)
	}
	fmt.Println(string("<=>"[apk.CompareVersions(a, b)+1]))
	return nil
}

func install(arch, root string, files []string) (err error) {
	ctx := context.Background()
	repository, err := os.MkdirTemp("", "apk-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(repository)) }()
	names, err := fill(ctx, repository, arch, files)
	if err != nil {
		return err
	}
	a, err := apk.New(apk.WithFS(fs.DirFS(root)), apk.WithArch(arch),
		apk.WithIgnoreMknodErrors(true), apk.WithNoSignatureIndexes(repository))
	if err != nil {
		return err
	}
	if err := a.InitDB(ctx); err != nil {
		return err
	}
	if err := a.SetRepositories(ctx, []string{repository}); err != nil {
		return err
	}
	if err := a.SetWorld(ctx, names); err != nil {
		return err
	}
	return a.FixateWorld(ctx, nil)
}

// fill puts packages and their index where a repository has them. It returns their names.
func fill(
	ctx context.Context, repository, arch string, files []string,
) (names []string, err error) {
	dir := filepath.Join(repository, arch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	index := &apk.APKIndex{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		p, err := apk.ParsePackage(ctx, bytes.NewReader(content))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.Filename()), content, 0o644); err != nil {
			return nil, err
		}
		index.Packages = append(index.Packages, p)
		names = append(names, p.Name)
	}
	archive, err := apk.ArchiveFromIndex(index)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(archive)
	if err != nil {
		return nil, err
	}
	return names, os.WriteFile(filepath.Join(dir, "APKINDEX.tar.gz"), content, 0o644)
}
