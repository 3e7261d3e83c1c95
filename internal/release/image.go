package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// platformImage is the image of one architecture.
type platformImage struct {
	v1.Image
	arch architecture
}

func (i platformImage) platform() *v1.Platform {
	return &v1.Platform{OS: "linux", Architecture: i.arch.goarch, Variant: i.arch.variant}
}

// image makes the image of an architecture. Other images copy util from it. It can also run, with
// the arguments that a pod gives: init --pause, or wait-for-port in an init container.
func (r *release) image(arch architecture) (platformImage, error) {
	in := filepath.Join(r.input, arch.name, "usr")
	content, err := pack([]file{
		{path: "sbin/util", from: filepath.Join(in, "bin/util")},
		{path: "sbin/util-init", from: filepath.Join(in, "bin/util-init")},
		{path: "usr/share/licenses/util/LICENSE", from: filepath.Join(in, "share/doc/util/LICENSE")},
	}, true, r.time)
	if err != nil {
		return platformImage{}, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		return platformImage{}, err
	}
	if content, err = compress(content); err != nil {
		return platformImage{}, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{
		Layer:   layer{static.NewLayer(content, types.OCILayer), digest},
		History: v1.History{Created: v1.Time{Time: r.time}, CreatedBy: "make release"},
	})
	if err != nil {
		return platformImage{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return platformImage{}, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = "linux", arch.goarch, arch.variant
	config.Created = v1.Time{Time: r.time}
	config.Config = v1.Config{
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Entrypoint: []string{"/sbin/util"},
		StopSignal: "SIGTERM", // Podman sends another one if the entrypoint is an init
		Labels:     r.labels(),
	}
	image, err = mutate.ConfigFile(image, config)
	return platformImage{image, arch}, err
}

// layer is a compressed layer whose content is known before it is compressed.
type layer struct {
	v1.Layer
	diffID v1.Hash
}

func (l layer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// labels are those of the OCI image specification, annotations.md.
func (r *release) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       "util",
		"org.opencontainers.image.description": util.summary,
		"org.opencontainers.image.version":     r.version.text,
		"org.opencontainers.image.revision":    r.commit,
		"org.opencontainers.image.created":     r.time.Format(time.RFC3339),
		"org.opencontainers.image.licenses":    licence,
	}
	if r.home.Homepage != "" {
		labels["org.opencontainers.image.url"] = r.home.Homepage
	}
	if r.home.Source != "" {
		labels["org.opencontainers.image.source"] = r.home.Source
	}
	return labels
}

// writeImages writes all images into one archive. It is an OCI image layout, with an index for all
// platforms and with each image under the name of its architecture. It also has what docker save
// adds, for engines that read only that.
func (r *release) writeImages(images []platformImage) error {
	index := mutate.Annotations(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		r.labels()).(v1.ImageIndex)
	for _, image := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: image.platform()},
		})
	}
	dir := filepath.Join(r.scratch, "images")
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	name := "util:" + r.version.text
	if err := to.AppendIndex(index, named(name)); err != nil {
		return err
	}
	for _, image := range images {
		tag := named(name + "-" + image.arch.name)
		if err := to.AppendImage(image, tag, layout.WithPlatform(*image.platform())); err != nil {
			return err
		}
	}
	if err := writeManifest(filepath.Join(dir, "manifest.json"), name, images); err != nil {
		return err
	}
	var files []file
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		files = append(files, file{path: relative, from: path})
		return err
	})
	if err != nil {
		return err
	}
	content, err := pack(files, true, r.time)
	if err != nil {
		return err
	}
	archive := fmt.Sprintf("util-%s-images.tar", r.version)
	return write(filepath.Join(r.output, archive), content, 0o644)
}

// named gives an image of a layout a name.
func named(name string) layout.Option {
	return layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": name,                        // for Podman and skopeo
		"io.containerd.image.name":          "docker.io/library/" + name, // for containerd and Docker
	})
}

// writeManifest writes the file by which docker load finds images in an archive.
func writeManifest(path, name string, images []platformImage) error {
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	var all []entry
	for _, image := range images {
		config, err := image.ConfigName()
		if err != nil {
			return err
		}
		layers, err := image.Layers()
		if err != nil {
			return err
		}
		e := entry{Config: blob(config), RepoTags: []string{name + "-" + image.arch.name}}
		for _, l := range layers {
			digest, err := l.Digest()
			if err != nil {
				return err
			}
			e.Layers = append(e.Layers, blob(digest))
		}
		all = append(all, e)
	}
	content, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
