// Manual writes the manual pages of util: util(1), and one for each applet. A page has the text of
// its file in pages/, in the markup that markup.go describes, and parts of the help of the command.
// Nothing in util imports this program.
package main

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"util/applets"
)

// unknown is the date in a tree that is neither a clone nor a tarball of git: see version.sh.
const unknown = "unknown"

//go:embed pages
var texts embed.FS

func main() {
	version := flag.String("version", "", "the `version` of util")
	date := flag.String("date", "", "the `date` of the version: YYYY-MM-DD, and any time after it")
	flag.Parse()
	if flag.NArg() != 1 || *version == "" || *date == "" {
		fmt.Fprintln(os.Stderr, "usage: manual -version VERSION -date DATE DIRECTORY")
		os.Exit(2)
	}
	if err := write(flag.Arg(0), *version, *date); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// write writes all pages into a directory, which it makes.
func write(dir, version, date string) error {
	all, err := pages(version, date)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, page := range all {
		if err := os.WriteFile(filepath.Join(dir, name), page, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// commit is what follows the number of a version that is not a tag. In the last line of a page, on
// a terminal, there is no room for it beside the date.
var commit = regexp.MustCompile(`-g?[0-9a-f]{12,40}(-dirty)?$`)

// pages returns the pages by the names of their files.
func pages(version, date string) (map[string][]byte, error) {
	if date == unknown {
		date = time.Unix(0, 0).UTC().Format(time.DateOnly)
	}
	date = date[:min(len(date), len(time.DateOnly))]
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return nil, fmt.Errorf("date: %w", err)
	}
	version = commit.ReplaceAllString(version, "$1")
	all := map[string][]byte{}
	for _, c := range applets.Commands() {
		cmd := describe(c)
		text, err := texts.ReadFile("pages/" + cmd.page + ".txt")
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("applet %q: has no text in internal/manual/pages: %w", cmd.name, err)
		}
		if err != nil {
			return nil, err
		}
		page, err := cmd.format(string(text), version, date)
		if err != nil {
			return nil, fmt.Errorf("%s.txt: %w", cmd.page, err)
		}
		all[cmd.page+".1"] = page
	}
	return all, nil
}
