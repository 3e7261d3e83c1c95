// Kernels boots Debian's kernels under qemu-system, runs tests there, and prints a table of the
// results. It must be called in the module. See docs/kernels.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"util/internal/test/kernels/protocol"
)

// options are the command line.
type options struct {
	kernels []kernel
	rows    []row
	mirror  string
	cache   string
	update  bool
	limit   time.Duration
	verbose bool
	built   map[string]built // what was built so far, for each architecture
}

func main() {
	o, err := parse()
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = o.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

func parse() (o options, err error) {
	home, err := os.UserCacheDir()
	if err != nil {
		return o, err
	}
	o.built = map[string]built{}
	names := flag.String("kernels", "", "names of kernels, separated by blanks; empty: all of "+
		strings.Join(allNames(), " "))
	some := flag.String("rows", "", "a regular expression for names of rows; empty: all")
	flag.StringVar(&o.mirror, "mirror", "", "a mirror of Debian; empty: that of apt on this machine")
	flag.StringVar(&o.cache, "cache", filepath.Join(home, "util-kernels"),
		"where the kernels are kept")
	flag.BoolVar(&o.update, "update", false, "download the newest kernels, even if there are some")
	flag.DurationVar(&o.limit, "limit", 10*time.Minute, "how long a machine may run")
	flag.BoolVar(&o.verbose, "v", false, "print what the machines print")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, fmt.Errorf("argument %q: there are only options", flag.Arg(0))
	}
	pattern, err := regexp.Compile(*some)
	if err != nil {
		return o, err
	}
	for _, r := range allRows() {
		if pattern.MatchString(r.what) {
			o.rows = append(o.rows, r)
		}
	}
	o.kernels, err = selected(strings.Fields(*names))
	return o, err
}

// run boots each kernel and prints the table.
func (o options) run(ctx context.Context) error {
	work, err := os.MkdirTemp("", "util-kernels-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if o.mirror == "" {
		o.mirror = defaultMirror()
	}
	cells := make([][]cell, len(o.rows))
	var t table
	wrong := 0
	for _, k := range o.kernels {
		start := time.Now()
		release, of, err := o.try(ctx, k, work)
		if err != nil { // the tests without a result will fail
			fmt.Printf("%s: %v\n", k.name, err)
			wrong++
		}
		for i, r := range o.rows {
			c := r.judge(k, of)
			for _, why := range c.wrong {
				if of == nil {
					break // the machine did not start, so all would be the same
				}
				fmt.Printf("%s: %s: %s\n", k.name, r.what, why)
				wrong++
			}
			cells[i] = append(cells[i], c)
		}
		fmt.Printf("%s: Linux %s, %v\n", k.name, release, time.Since(start).Round(time.Second))
		t.kernels = append(t.kernels, k.name)
		if ctx.Err() != nil { // interrupted: what is known is printed
			break
		}
	}
	for i, r := range o.rows {
		t.line(r.what, cells[i])
	}
	fmt.Printf("\n%v", &t)
	if wrong > 0 {
		return fmt.Errorf("%d failures", wrong)
	}
	return nil
}

// try boots a kernel, with util and with util-init as PID 1, and returns the release of the kernel
// and the results of each program.
func (o options) try(ctx context.Context, k kernel, work string) (
	release string, of map[string]results, err error,
) {
	from, err := fetch(k, o.cache, o.mirror, o.update)
	if err != nil {
		return "", nil, err
	}
	b, found := o.built[k.arch]
	if !found {
		b, err = build(k.arch, filepath.Join(work, k.arch))
		if err != nil {
			return "", nil, err
		}
		o.built[k.arch] = b
	}
	of = map[string]results{}
	for _, suffix := range []string{"", alone} {
		if !slices.ContainsFunc(o.rows, func(r row) bool {
			return strings.HasSuffix(r.program, alone) == (suffix == alone)
		}) {
			continue
		}
		image := filepath.Join(work, "image")
		if err := b.writeImage(image, from.bin, suffix, o.rows); err != nil {
			return release, of, err
		}
		var text bytes.Buffer
		var w io.Writer = &text
		if o.verbose {
			w = io.MultiWriter(&text, os.Stdout)
		}
		booted := boot(ctx, k, from.kernel, image, o.limit, w)
		c, unread := readConsole(&text)
		err = errors.Join(err, booted, unread)
		release = c.release
		for name, how := range c.ends {
			if how != protocol.Well && how != "exit status 1" { // with that, its tests tell what failed
				err = errors.Join(err, fmt.Errorf("program %s: %s", name, how))
			}
		}
		for name, output := range c.outputs {
			if name == protocol.GuestName {
				name += suffix
			}
			all, unread := readResults(output)
			of[name] = all
			err = errors.Join(err, unread)
		}
		if guest := of[guestTests+suffix]; guest != nil {
			guest[statusTest] = c.statusResult()
		}
	}
	return release, of, err
}

// statusResult is the result of a test: that PID 1 exits with the status of its command.
func (c console) statusResult() result {
	switch status, err := c.status(); {
	case err != nil:
		return result{"fail", err.Error()}
	case status != protocol.Status:
		return result{"fail", fmt.Sprintf("status %d, want %d", status, protocol.Status)}
	}
	return result{action: "pass"}
}
