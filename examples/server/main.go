// Server is the application of the examples: a small HTTP server that has the weaknesses of many
// real ones. It needs time until it listens, and TERM ends it in the middle of its requests.
//
//	GET /         answers after the time -work
//	GET /healthz  is the health check: status 200, or 503 after the signal USR1
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	address := flag.String("address", ":8080", "where it listens")
	prepare := flag.Duration("prepare", 0, "time that it needs until it listens")
	work := flag.Duration("work", 50*time.Millisecond, "time that it needs for an answer")
	graceful := flag.Bool("graceful", false, "on TERM, finish the requests before the end")
	flag.Parse()
	log.SetFlags(0)
	log.SetPrefix("app: ")
	if err := serve(*address, *prepare, *work, *graceful); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

// serve serves requests until TERM.
func serve(address string, prepare, work time.Duration, graceful bool) error {
	terms, users := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(terms, syscall.SIGTERM)
	signal.Notify(users, syscall.SIGUSR1)
	var sick atomic.Bool
	go func() {
		for range users {
			sick.Store(true)
			log.Print("got USR1: unhealthy from now on")
		}
	}()

	select {
	case <-time.After(prepare):
	case <-terms:
		return nil
	}
	server := &http.Server{Addr: address, Handler: handler(work, &sick)}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	log.Printf("user %d serves %s", os.Getuid(), address)
	select {
	case err := <-ended:
		return err
	case <-terms:
	}
	if !graceful {
		log.Print("got TERM: ends at once")
		return nil
	}
	log.Print("got TERM: finishes its requests")
	err := server.Shutdown(context.Background())
	if serveErr := <-ended; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// handler answers the requests.
func handler(work time.Duration, sick *atomic.Bool) http.Handler {
	name, err := os.Hostname()
	if err != nil {
		name = "a host without a name"
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(work)
		fmt.Fprintf(w, "hello from %s\n", name)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			http.Error(w, "unhealthy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}
