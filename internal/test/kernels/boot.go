package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"util/internal/test/kernels/protocol"
)

// The limits of what a machine may print.
const (
	longestLine   = 16 << 10
	longestOutput = 16 << 20
)

// boot boots a kernel with an init as its PID 1, and copies what it prints on the serial console to
// w. It returns when the machine has ended; an error tells that it had to be ended.
func boot(
	ctx context.Context, k kernel, vmlinuz, image string, limit time.Duration, w io.Writer,
) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// quiet and loglevel: only messages of the last moment, such as that of a panic, are in between.
	// panic: restart at once, which -no-reboot turns into the end of the emulator.
	words := fmt.Sprintf("console=%s quiet loglevel=1 panic=-1 rdinit=/init -- %s",
		k.machine.console, protocol.Guest)
	args := append([]string{
		// A clock that counts instructions, two nanoseconds each. With it, x86 has one processor only.
		"-accel", "tcg", "-icount", "shift=1,sleep=off", "-smp", "1", "-m", "2048",
		"-display", "none", "-monitor", "none", "-serial", "stdio", "-nic", "none", "-no-reboot",
		"-kernel", vmlinuz, "-initrd", image, "-append", words,
	}, k.machine.args...)
	cmd := exec.CommandContext(ctx, k.machine.emulator, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr // a warning in any case: that the machine has nothing to do
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(out, longestOutput))
	if n == longestOutput {
		cancel()
		err = fmt.Errorf("the machine prints more than %d bytes", n)
	}
	ended := cmd.Wait()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the machine did not end within %v", limit)
	}
	if ended != nil {
		ended = fmt.Errorf("%s: %w: %s", k.machine.emulator, ended, stderr.Bytes())
	}
	return errors.Join(err, ended)
}

// console is what the lines of a console say.
type console struct {
	release  string            // of the kernel
	outputs  map[string]string // of each program, with the name of the program as the key
	ends     map[string]string // how each program ended
	panicked string            // the kernel's last message
}

// readConsole reads the lines of a console. A line that is not for this program is left out.
func readConsole(text io.Reader) (console, error) {
	c := console{outputs: map[string]string{}, ends: map[string]string{}}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, longestLine)
	outputs := map[string]*strings.Builder{}
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		const panicked = "Kernel panic - not syncing: "
		if _, message, found := strings.Cut(line, panicked); found && c.panicked == "" {
			c.panicked = message
		}
		_, rest, marked := strings.Cut(line, protocol.Mark)
		name, line, separated := strings.Cut(rest, protocol.Separator)
		if !marked || !separated {
			continue
		}
		if name == protocol.GuestName {
			if release, found := strings.CutPrefix(line, protocol.Release); found {
				c.release = release
			}
			if end, found := strings.CutPrefix(line, protocol.End); found {
				program, how, _ := strings.Cut(end, ": ")
				c.ends[program] = how
			}
		}
		if outputs[name] == nil {
			outputs[name] = &strings.Builder{}
		}
		outputs[name].WriteString(line + "\n")
	}
	for name, text := range outputs {
		c.outputs[name] = text.String()
	}
	return c, lines.Err()
}

// status returns the exit status of PID 1 of a machine, or an error if the machine did not end by
// the end of PID 1.
func (c console) status() (int, error) {
	var code int
	_, err := fmt.Sscanf(c.panicked, "Attempted to kill init! exitcode=0x%x", &code)
	if err != nil || code&0xff != 0 {
		return 0, fmt.Errorf("PID 1 did not exit: the kernel's last message is %q", c.panicked)
	}
	return code >> 8, nil
}
