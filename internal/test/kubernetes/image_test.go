package kubernetes_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"testing"

	"util/internal/test"
)

// The images. That of the application has all names that the published manifests use.
const pauseImage = "registry.example.com/pause:1"

var appImages = []string{
	"registry.example.com/example-app:1.0", "registry.example.com/app:1.0",
	"registry.example.com/util:0.1.0",
}

// file is a file of an archive, or a symbolic link.
type file struct {
	name string
	data []byte
	link string
}

// archive writes a tar archive.
func archive(t *testing.T, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.data)), Linkname: f.link}
		if f.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		test.Must(t, w.WriteHeader(&h))
		_, err := w.Write(f.data)
		test.Must(t, err)
	}
	test.Must(t, w.Close())
	return out.Bytes()
}

// images returns an archive of all images, as docker save writes it.
func images(t *testing.T) []byte {
	t.Helper()
	program := func(name, path string) file {
		data, err := os.ReadFile(path)
		test.Must(t, err)
		return file{name: name, data: data}
	}
	app := []file{
		program("sbin/util", test.Util(t)),
		{name: "sbin/init", link: "util"},
		{name: "util", link: "sbin/util"}, // examples/kubernetes/init-container.yaml
		program("app", test.Build(t, "util/examples/server", "-s -w", runtime.GOARCH)),
		program("probe", test.Probe(t)),
		program("bin/busybox", test.Tool(t, "busybox")),
		program("etc/passwd", "../../../examples/passwd"),
	}
	type manifest struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var manifests []manifest
	var files []file
	add := func(name string, tags, entrypoint []string, contents ...file) {
		layer := archive(t, contents...)
		config, err := json.Marshal(map[string]any{
			"architecture": runtime.GOARCH,
			"os":           "linux",
			"config":       map[string]any{"Entrypoint": entrypoint},
			"rootfs": map[string]any{
				"type":     "layers",
				"diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))},
			},
		})
		test.Must(t, err)
		manifests = append(manifests, manifest{name + ".json", tags, []string{name + ".tar"}})
		files = append(files, file{name: name + ".json", data: config},
			file{name: name + ".tar", data: layer})
	}
	add("pause", []string{pauseImage}, []string{"/sbin/init", "--pause"},
		program("sbin/init", test.UtilInit(t, runtime.GOARCH, "")))
	add("app", appImages, nil, app...)
	list, err := json.Marshal(manifests)
	test.Must(t, err)
	return archive(t, append(files, file{name: "manifest.json", data: list})...)
}
