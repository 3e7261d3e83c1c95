package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is one that a tarball, a package or an image has.
type file struct {
	path string // where it is, without a slash at the beginning
	from string // the file with its content
	link string // or what it is a symbolic link to
}

// mode is that of the file: the input decides only whether it can be executed.
func (f file) mode() (os.FileMode, error) {
	info, err := os.Stat(f.from)
	if err != nil {
		return 0, err
	}
	if info.Mode()&0o100 != 0 {
		return 0o755, nil
	}
	return 0o644, nil
}

// installed returns what make install wrote for an architecture, below /usr, in the order of the
// paths.
func (r *release) installed(arch architecture) (files []file, err error) {
	root := filepath.Join(r.input, arch.name)
	err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f := file{path: relative, from: name}
		if entry.Type() == fs.ModeSymlink {
			f.from = ""
			if f.link, err = os.Readlink(name); err != nil {
				return err
			}
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// writeTarball writes what make install wrote as a tarball, to be unpacked in /usr/local.
func (r *release) writeTarball(arch architecture) error {
	name := "util-" + r.version.text + "-linux-" + arch.name
	files, err := r.installed(arch)
	if err != nil {
		return err
	}
	for i := range files {
		files[i].path = name + strings.TrimPrefix(files[i].path, "usr")
	}
	content, err := pack(files, false, r.time)
	if err != nil {
		return err
	}
	if content, err = compress(content); err != nil {
		return err
	}
	return write(filepath.Join(r.output, name+".tar.gz"), content, 0o644)
}

// compress is gzip -9n. Its output depends on the content, and on the version of Go, which go.mod
// names.
func compress(content []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// pack returns a tar archive of files. All belong to root, and have the same time. The archive may
// have the directories that lead to them, too. Where such a directory exists, tar(1) would give it
// the mode and the owner that the archive says.
func pack(files []file, directories bool, when time.Time) ([]byte, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	made := map[string]bool{".": true}
	for _, f := range files {
		if directories {
			if err := packDirectories(w, path.Dir(f.path), made, when); err != nil {
				return nil, err
			}
		}
		if err := packFile(w, f, when); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

// packDirectories adds a directory and those above it, each once.
func packDirectories(w *tar.Writer, dir string, made map[string]bool, when time.Time) error {
	if made[dir] {
		return nil
	}
	made[dir] = true
	if err := packDirectories(w, path.Dir(dir), made, when); err != nil {
		return err
	}
	h := header(dir+"/", 0o755, when)
	h.Typeflag = tar.TypeDir
	return w.WriteHeader(h)
}

func packFile(w *tar.Writer, f file, when time.Time) error {
	if f.link != "" {
		h := header(f.path, 0o777, when)
		h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		return w.WriteHeader(h)
	}
	content, err := os.ReadFile(f.from)
	if err != nil {
		return err
	}
	mode, err := f.mode()
	if err != nil {
		return err
	}
	h := header(f.path, int64(mode), when)
	h.Typeflag, h.Size = tar.TypeReg, int64(len(content))
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, bytes.NewReader(content))
	return err
}

func header(name string, mode int64, when time.Time) *tar.Header {
	return &tar.Header{
		Name: name, Mode: mode, ModTime: when, Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
	}
}
