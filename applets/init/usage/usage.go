// Package usage is what init says about its command line: help, version and usage errors. The help
// is made from [options.Table]. What init does with a command is said by package report, and the
// usage of other inits by package compat.
//
//	usage.go  the answer to a command line that is not a plain run
//	words.go  the sentences for the problems of package options
//	help.go   the help
//
// It runs before the Go runtime, under the rule of package entry. Its functions also work under the
// runtime: package initcmd calls them in a program that was linked without the early entry. They
// need neither /proc nor memory from the kernel.
package usage

import (
	"util/applets/init/options"
	"util/applets/init/report"
	"util/internal/proc"
	"util/internal/version"
)

// Answer prints what a command line asks for that is not a plain run: the help, the version, or
// what is wrong with it, in the way that the options read so far ask for. It returns the exit
// status. linked is for [version.Text]. If stdout cannot be written, Answer reports that and ends
// the process with status 1.
func Answer(o *options.Options, p *options.Problem, linked string) (status int) {
	switch p.Reason {
	case options.WantsHelp:
		printHelp()
		return proc.ExitOK
	case options.WantsVersion:
		printVersion(linked)
		return proc.ExitOK
	}
	printProblem(o, p)
	return proc.ExitUsage
}

// printVersion prints the version.
//
//go:noinline
func printVersion(linked string) {
	t := report.NewLine()
	text := version.Text(linked)
	for i := range text {
		t.Raw(text[i])
	}
	report.Print(1, t.Text())
}

// printProblem prints what is wrong with a command line or a variable.
//
//go:noinline
func printProblem(o *options.Options, p *options.Problem) {
	const head = "util init: "
	t := report.NewLine()
	t.Raw(head)
	explain(t, o, p)
	if report.UsageError(o, t.Text()[len(head):]) {
		return
	}
	t.Raw("\nTry 'util init --help'.")
	t.Finish()
	report.Print(2, t.Text())
}
