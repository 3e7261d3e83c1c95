// Httpget is the health check that Go programs usually bring along: one GET with net/http. The
// benchmark of healthcheck compares util with it.
//
//	httpget URL
//
// The status is 0 for an answer from 200 to 399, and 1 for everything else.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: httpget URL")
		os.Exit(1)
	}
	resp, err := http.Get(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		fmt.Println(resp.Status)
		os.Exit(1)
	}
}
