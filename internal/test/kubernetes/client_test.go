package kubernetes_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"util/internal/test"
)

// client sends requests, eight at a time, each over a connection of its own. It stops when a
// connection cannot be made.
type client struct {
	ended sync.WaitGroup
	once  sync.Once
	quit  chan struct{}

	sent     atomic.Int32
	mutex    sync.Mutex
	answered int
	failed   []error
}

func newClient(url string) *client {
	c := &client{quit: make(chan struct{})}
	for range 8 {
		c.ended.Go(func() {
			for c.send(url) {
			}
		})
	}
	return c
}

// stop waits for the answers.
func (c *client) stop() {
	c.once.Do(func() { close(c.quit) })
	c.ended.Wait()
}

func (c *client) count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.answered
}

// send sends a request. It reports whether another one is to be sent.
func (c *client) send(url string) bool {
	select {
	case <-c.quit:
		return false
	default:
	}
	c.sent.Add(1)
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, Timeout: test.Deadline}).Get(url)
	if e := (*net.OpError)(nil); errors.As(err, &e) && e.Op == "dial" {
		return false
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
		response.Body.Close()
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err != nil {
		c.failed = append(c.failed, err)
		return true
	}
	c.answered++
	return true
}
