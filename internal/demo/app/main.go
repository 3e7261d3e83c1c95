// App is the application that the demo runs under util init. It prints the signals that it gets.
//
//	USR1  is only printed
//	USR2  makes it create an orphan: a process whose parent ends first
//	TERM  makes it exit with status 7
//
// "app tree" prints the descendants of PID 1: an image FROM scratch has no ps.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"util/internal/demo/tree"
)

func main() {
	role := ""
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	switch role {
	case "parent":
		start("orphan")
	case "orphan":
		for os.Getppid() != 1 {
			time.Sleep(time.Millisecond)
		}
		say("an orphan, pid %d: my parent has ended, now it is PID 1", os.Getpid())
	case "tree":
		all, err := tree.Read(1)
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(all)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "app:", err)
			os.Exit(1)
		}
	default:
		serve()
	}
}

// serve waits for signals until TERM.
func serve() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM)
	say("ready, pid %d, parent %d", os.Getpid(), os.Getppid())
	for s := range signals {
		switch s {
		case syscall.SIGUSR1:
			say("got USR1")
		case syscall.SIGUSR2:
			say("got USR2, making an orphan")
			if err := start("parent").Wait(); err != nil {
				say("%v", err)
			}
		case syscall.SIGTERM:
			say("got TERM, closing")
			os.Exit(7)
		}
	}
}

// start runs this program in another role.
func start(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", role)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		say("%v", err)
		os.Exit(1)
	}
	return cmd
}

func say(format string, args ...any) {
	fmt.Printf("app: "+format+"\n", args...)
}
