// Demo runs a small application under util init. It shows, and checks, the process tree, a
// forwarded signal, a reaped orphan, and the exit status. make demo and make demo-docker run it.
//
//	demo UTIL APP          in a PID namespace: needs only the kernel
//	demo -docker UTIL APP  in a container with an image FROM scratch: needs a Docker Engine
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"util/internal/demo/tree"
)

// patience is how long the demo waits for something that should happen at once.
const patience = 20 * time.Second

// stage is where init runs as PID 1.
type stage interface {
	command() *exec.Cmd                 // runs init and the application in the foreground
	title() string                      // the same as a user would type it
	kill(signal string) error           // sends a signal to init
	stop() (how string, err error)      // asks init to end
	processes() ([]tree.Process, error) // lists init first, zombies included
}

func main() {
	docker := flag.Bool("docker", false, "run in a container")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo [-docker] UTIL APP")
		os.Exit(2)
	}
	// The kernel ends init when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, *docker, flag.Arg(0), flag.Arg(1))
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, docker bool, util, app string) error {
	if docker {
		c, err := newContainer(util, app)
		if err != nil {
			return err
		}
		defer c.remove()
		return show(ctx, c)
	}
	err := show(ctx, newNamespace(util, app))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("PID namespace: %w (this kernel does not let ordinary users make one; "+
			"run the demo as root, or run make demo-docker)", err)
	}
	return err
}

// show runs the application on a stage.
func show(ctx context.Context, s stage) error {
	heading("Start: init is PID 1, and the application is its only child")
	fmt.Println("$", s.title())
	p, err := start(ctx, s.command())
	if err != nil {
		return err
	}
	defer p.end()
	if err := p.waitFor("util init: started ", "app: ready"); err != nil {
		return err
	}
	if err := showTree(s); err != nil {
		return err
	}

	heading("A signal sent to init reaches the application")
	if err := s.kill("USR1"); err != nil {
		return err
	}
	if err := p.waitFor("util init: forwarded USR1 ", "app: got USR1"); err != nil {
		return err
	}

	heading("An orphan becomes a child of init, which reaps it when it ends")
	if err := s.kill("USR2"); err != nil {
		return err
	}
	if err := p.waitFor("app: an orphan", "util init: reaped orphan "); err != nil {
		return err
	}
	if err := showTree(s); err != nil {
		return err
	}

	heading("Init stops at once, with the status of the application")
	begin := time.Now()
	how, err := s.stop()
	if err != nil {
		return err
	}
	status, err := p.status()
	if err != nil {
		return err
	}
	took := time.Since(begin)
	if err := p.waitFor("app: got TERM", "exited with status 7"); err != nil {
		return err
	}
	fmt.Printf("$ %s   # took %v\n$ echo $?\n%d\n", how, took.Round(10*time.Microsecond), status)
	if status != 7 {
		return fmt.Errorf("status %d: should be 7, that of the application", status)
	}
	fmt.Println("\nEverything is as it should be.")
	return nil
}

func heading(text string) {
	fmt.Printf("\n== %s\n", text)
}

// showTree waits until init and the application are the only processes, and prints them.
func showTree(s stage) error {
	var all []tree.Process
	var wrong error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if all, wrong = s.processes(); wrong == nil { // an error, if a process ends during the search
			wrong = check(all)
		}
		if wrong == nil {
			break
		}
	}
	fmt.Printf("%8s %8s %8s  %s\n", "PID", "THREADS", "RSS", "COMMAND")
	branch := ""
	for _, p := range all {
		fmt.Printf("%8d %8s %5s kB  %s%s\n", p.Pid, p.Threads, p.RSS, branch, p.Command)
		branch = "└─ "
	}
	fmt.Println("(init prints messages here; without them its RSS is about 80 kB)")
	if wrong != nil {
		return fmt.Errorf("process tree: %w", wrong)
	}
	return nil
}

// check returns an error unless the processes are init and the application.
func check(all []tree.Process) error {
	for _, p := range all {
		if p.State == "Z" {
			return fmt.Errorf("process %d is a zombie, should have been reaped", p.Pid)
		}
	}
	switch {
	case len(all) != 2 || all[1].Parent != all[0].Pid:
		return errors.New("should be init, and the application as its child")
	case all[0].Threads != "1":
		return fmt.Errorf("init has %s threads, should have 1", all[0].Threads)
	}
	return nil
}

// performance is one run of init. Its output is printed as it arrives.
type performance struct {
	ctx   context.Context
	cmd   *exec.Cmd
	lines chan string
	seen  strings.Builder
}

// start starts init.
func start(ctx context.Context, cmd *exec.Cmd) (*performance, error) {
	p := &performance{ctx: ctx, cmd: cmd, lines: make(chan string, 100)}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p, nil
}

// waitFor prints the output until it contains each of texts. The lines of init and those of the
// application may come in any order.
func (p *performance) waitFor(texts ...string) error {
	timeout := time.After(patience)
	for _, text := range texts {
		for !strings.Contains(p.seen.String(), text) {
			select {
			case line, more := <-p.lines:
				if !more {
					return fmt.Errorf("output: ended without %q", text)
				}
				fmt.Println("|", line)
				p.seen.WriteString(line + "\n")
			case <-timeout:
				return fmt.Errorf("output: no %q within %v", text, patience)
			case <-p.ctx.Done():
				return errors.New("interrupted")
			}
		}
	}
	return nil
}

// status waits for the end of init and returns its exit status.
func (p *performance) status() (int, error) {
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	if !timer.Stop() {
		return 0, fmt.Errorf("init: did not end within %v", patience)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return p.cmd.ProcessState.ExitCode(), nil
}

// end kills init if it still runs.
func (p *performance) end() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}
