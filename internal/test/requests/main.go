// Requests sends HTTP requests at a fixed pace. Each opens a new connection, to one of the
// addresses that the host name had -age before: the worst case of a client that keeps addresses for
// that time. It does not try a second address.
//
// It goes on until it has sent -count requests and its stdin has ended. Then it prints how many it
// has sent, how many of them failed, and why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	count := flag.Int("count", 1000, "the least number of requests")
	every := flag.Duration("every", 20*time.Millisecond, "the time from one request to the next")
	age := flag.Duration("age", 0, "the age of the addresses that are used")
	flag.Parse()
	c := &client{url: flag.Arg(0), age: *age, failed: map[string]int{}}
	c.run(*count, *every)
	fmt.Printf("%d requests, %d failed\n", c.sent, c.failures())
	for _, why := range slices.Sorted(maps.Keys(c.failed)) {
		fmt.Printf("%5d %s\n", c.failed[why], why)
	}
}

// client sends the requests.
type client struct {
	url  string
	age  time.Duration
	sent int

	mutex   sync.Mutex
	failed  map[string]int // by reason
	answers []answer       // those that may still be used, the oldest first
}

// answer is what a name resolved to.
type answer struct {
	at        time.Time
	addresses []string
}

// run sends requests until there are enough.
func (c *client) run(count int, every time.Duration) {
	enough := make(chan struct{})
	go func() {
		defer close(enough)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var pending sync.WaitGroup
	for open := true; open || c.sent < count; {
		select {
		case <-enough:
			open, enough = false, nil
		case <-ticker.C:
			c.sent++
			pending.Go(c.request)
		}
		if c.sent == 1 {
			fmt.Println("started")
		}
	}
	pending.Wait()
}

func (c *client) failures() int {
	sum := 0
	for _, n := range c.failed {
		sum += n
	}
	return sum
}

// request sends one request and records its failure.
func (c *client) request() {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: c.dial}
	defer transport.CloseIdleConnections()
	err := get(&http.Client{Transport: transport, Timeout: 5 * time.Second}, c.url)
	if err != nil {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		c.failed[reason(err)]++
	}
}

// get fetches a URL, and fails for every status but 200 and for an answer that is cut off.
func get(client *http.Client, url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New("status " + response.Status)
	}
	return nil
}

// dial connects to one of the addresses of a name. Go itself would try one after the other.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addresses, err := c.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	one := addresses[rand.IntN(len(addresses))]
	return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(one, port))
}

// lookup resolves a name, and returns the addresses to use for it now.
func (c *client) lookup(ctx context.Context, host string) ([]string, error) {
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.answers = append(c.answers, answer{time.Now(), addresses})
	for len(c.answers) > 1 && time.Since(c.answers[1].at) >= c.age {
		c.answers = c.answers[1:]
	}
	return c.answers[0].addresses, nil
}

// reason is a failure without what differs from one request to the next.
func reason(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		return "the name does not resolve"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to host"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed before the answer"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	default:
		_, last, _ := strings.Cut(err.Error(), ": ")
		return last
	}
}
