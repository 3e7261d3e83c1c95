package limits_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/scenario"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

// limit is something of which init has little.
type limit struct {
	name string
	// prepare changes the scenario, if it is not nil. What it makes is removed at the end of the test.
	prepare func(t testing.TB, sc *scenario.Scenario)
	// impose limits the process init, if it is not nil, at some time.
	impose func(t testing.TB, init int) error
	at     moment
	// play is what happens instead of Scenario.Play, if it is not nil.
	play  func(l *scenario.Life)
	user  bool // init is not root's
	large bool // the arguments or the environment are as large as execve(2) takes
	// mute says that stderr does not take the messages.
	mute bool
	// applies says for which scenarios there is such a limit, if it is not nil.
	applies func(sc *scenario.Scenario) bool
	// expect says what a limit changes in a scenario, if it is not nil.
	expect func(sc *scenario.Scenario) outcome
}

// moment is when a limit is imposed. From the start of the command on, init alone is limited.
type moment int

const (
	atStart   moment = iota // before init reads its command line
	atCommand               // after it has started the command
	atRest                  // when it waits, with two files, while the kernel reaps orphans
)

// outcome is what a limit changes. The zero value is nothing: the status, the signals, the
// invariants of the scenario and the messages are those without the limit.
type outcome struct {
	says    []string // what stderr has besides the messages without the limit
	instead string   // which message of those is missing then, by a part of it
	refuses bool     // init does not start the command; says is why
	status  int      // if it is another one
	because string   // an exception, and its reason
	allowed []string // with because: the problems that are allowed, by how they begin
}

// unlimited is what is printed in each scenario without a limit.
type unlimited map[string]printed

type printed struct{ stdout, stderr []string }

// cell lets init live through a scenario with a limit. It returns what that has changed.
func cell(t *testing.T, all unlimited, l *limit, sc *scenario.Scenario) string {
	want := l.outcome(sc)
	limited := *sc
	if want.status != 0 {
		limited.WantStatus = want.status
	}
	life := live(t, &limited, l)
	var wrong []string
	for _, problem := range life.Problems {
		if !want.allows(problem) {
			wrong = append(wrong, problem)
		}
	}
	if want.refuses && life.HasStarted() {
		wrong = append(wrong, "the command was started")
	}
	if !l.mute {
		wrong = append(wrong, want.compare(life.Stderr, all[sc.Name].stderr)...)
	}
	if usual := all[sc.Name].stdout; len(life.Problems) == 0 && want.status == 0 && l.play == nil &&
		!slices.Equal(signals(life), usual) {
		wrong = append(wrong, fmt.Sprintf("%q arrives, without the limit %q", signals(life), usual))
	}
	if len(wrong) > 0 {
		t.Errorf("%q\nstatus %d, stdout %q\nstderr %s", wrong, life.Status, life.Stdout, life.Stderr)
	}
	switch {
	case want.because != "" && (want.status != 0 || len(life.Problems) > 0):
		return exception + ": " + want.because
	case want.refuses:
		return fmt.Sprintf("%s: status %d: %q", refusal, life.Status, want.says)
	case len(want.says) > 0:
		return fmt.Sprintf("%s: %q", message, want.says)
	}
	return same
}

// What a limit changes, in the table that is printed.
const (
	same      = "as without the limit"
	message   = "says what is missing"
	refusal   = "refuses to start"
	exception = "exception"
)

// live lets init live through a scenario with limits. On a busy machine, a command that would end
// within the grace period may not do so; then it does that again.
func live(t testing.TB, sc *scenario.Scenario, limits ...*limit) (life *scenario.Life) {
	const tries, killed = 5, 128 + int(unix.SIGKILL)
	for range tries {
		life = liveOnce(t, sc, limits)
		if sc.Grace == 0 || life.Status != killed || sc.WantStatus == killed {
			break
		}
	}
	return life
}

func liveOnce(t testing.TB, sc *scenario.Scenario, limits []*limit) *scenario.Life {
	limited := *sc
	limited.Env = smallEnvironment
	for _, l := range limits {
		if l.prepare != nil {
			l.prepare(t, &limited)
		}
		if l.play != nil {
			limited.Play = l.play
		}
	}
	return scenario.Run(t, test.Util(t), &limited, hook(t, limits))
}

// outcome returns what a limit changes in a scenario.
func (l *limit) outcome(sc *scenario.Scenario) (o outcome) {
	if l.expect != nil {
		o = l.expect(sc)
	}
	return o
}

// isFor reports whether there is such a limit in a scenario.
func (l *limit) isFor(sc *scenario.Scenario) bool { return l.applies == nil || l.applies(sc) }

// excludes reports whether two limits cannot be imposed together, in this order.
func (l *limit) excludes(other *limit) bool {
	kind, _, _ := strings.Cut(l.name, " ")
	switch {
	case l.user, other.user && l.impose != nil: // to limit another user's process takes root
		return true
	case strings.HasPrefix(other.name, kind): // of the same resource
		return true
	}
	return l.large && other.limitsSize() || other.large && l.limitsSize()
}

// limitsSize reports whether less than the largest arguments fit in: the stack's limit is also
// theirs (execve(2)), and they take memory.
func (l *limit) limitsSize() bool {
	return strings.HasPrefix(l.name, "STACK") || strings.HasPrefix(l.name, "memory")
}

// compare returns what is wrong with what init says. unlimited are its messages without the limit.
func (o *outcome) compare(stderr string, unlimited []string) (wrong []string) {
	for _, text := range o.says {
		if !strings.Contains(stderr, text) {
			wrong = append(wrong, fmt.Sprintf("stderr does not say %q", text))
		}
	}
	if o.refuses || o.because != "" {
		return wrong
	}
	said := lines(stderr)
	for _, line := range unlimited {
		if !slices.Contains(said, line) && !o.replaces(line) {
			wrong = append(wrong, fmt.Sprintf("stderr does not say %q", line))
		}
	}
	for _, line := range said {
		if len(o.says) == 0 && !slices.Contains(unlimited, line) {
			wrong = append(wrong, fmt.Sprintf("stderr also says %q", line))
		}
	}
	return wrong
}

// replaces reports whether a message is not there because of another one.
func (o *outcome) replaces(line string) bool {
	return o.instead != "" && strings.Contains(line, o.instead)
}

// allows reports whether a problem of a life is part of the outcome.
func (o *outcome) allows(problem string) bool {
	if o.refuses && strings.HasPrefix(problem, "no line ") {
		return true
	}
	return slices.ContainsFunc(o.allowed, func(text string) bool {
		return strings.HasPrefix(problem, text)
	})
}

// hook returns what imposes the limits on init while it runs.
func hook(t testing.TB, limits []*limit) func(*scenario.Life, *tracer.Call) {
	return func(life *scenario.Life, c *tracer.Call) {
		now := moment(-1)
		switch {
		case c.Seq == 2 && !c.Made: // the first call has blocked all signals
			now = atStart
		case c.Nr == unix.SYS_CLONE && c.Made && c.Result > 0:
			now = atCommand
		case c.Nr == unix.SYS_PPOLL && c.Nth == 1 && !c.Made:
			now = atRest
		}
		for _, l := range limits {
			if l.impose == nil || l.at != now {
				continue
			}
			if err := l.impose(t, life.PID()); err != nil {
				life.Problem("%s: %v", l.name, err)
			}
		}
	}
}

var numbers = regexp.MustCompile(`[0-9]+`)

// lines returns the different lines of a text, without their numbers, because processes end in any
// order; and without those about orphans, which may have ended before a signal for the command's
// group.
func lines(text string) []string {
	all := map[string]bool{}
	for line := range strings.Lines(numbers.ReplaceAllString(text, "#")) {
		if !strings.Contains(line, "reaped orphan") && !strings.Contains(line, "A child with PID") {
			all[line] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// scenarios returns the scenarios, always in the same order, without the one of another user: to
// limit that user's process takes root. There are limits with users of their own.
func scenarios() []*scenario.Scenario {
	all := slices.SortedFunc(slices.Values(scenario.All()), func(a, b *scenario.Scenario) int {
		return strings.Compare(a.Name, b.Name)
	})
	return slices.DeleteFunc(all, func(sc *scenario.Scenario) bool { return sc.Name == "user" })
}

// signals returns the signals that the command got, sorted: some come at any time. CHLD is not
// among them, because the command has children.
func signals(l *scenario.Life) (signals []string) {
	for _, line := range l.Stdout {
		if n, err := strconv.Atoi(line); err == nil && unix.Signal(n) != unix.SIGCHLD {
			signals = append(signals, line)
		}
	}
	slices.Sort(signals)
	return signals
}

// without lets init live through each scenario without a limit.
func without(t *testing.T) unlimited {
	all := unlimited{}
	for _, sc := range scenarios() {
		life := live(t, sc)
		if len(life.Problems) > 0 {
			t.Fatalf("%s: %q\nstderr %s", sc.Name, life.Problems, life.Stderr)
		}
		all[sc.Name] = printed{signals(life), lines(life.Stderr)}
	}
	return all
}

// table is what the cells have shown.
type table struct {
	mutex sync.Mutex
	rows  map[string]map[string][]string // scenarios, by limit and by what happened
}

func (m *table) add(limit, kind, scenario string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.rows[limit] == nil {
		m.rows[limit] = map[string][]string{}
	}
	m.rows[limit][kind] = append(m.rows[limit][kind], scenario)
}

// report prints the table, and what it says in a line.
func (m *table) report(t *testing.T) {
	sums := map[string]int{}
	cells := 0
	for _, limit := range slices.Sorted(maps.Keys(m.rows)) {
		var text strings.Builder
		for _, kind := range slices.Sorted(maps.Keys(m.rows[limit])) {
			names := m.rows[limit][kind]
			slices.Sort(names)
			cells += len(names)
			short, _, _ := strings.Cut(kind, ":")
			sums[short] += len(names)
			fmt.Fprintf(&text, "\n  %s: %d", kind, len(names))
			if kind != same {
				fmt.Fprintf(&text, ": %s", strings.Join(names, "; "))
			}
		}
		t.Logf("%s%s", limit, text.String())
	}
	torture.Result(t, "%d limits, %d lives of init: %d as without the limit, %d say what is missing, "+
		"%d refuse to start and say why, %d exceptions", len(m.rows), cells, sums[same], sums[message],
		sums[refusal], sums[exception])
}

// oneOf returns how many lives of a scenario there are for each one in the short run.
func oneOf(sc *scenario.Scenario) int {
	if sc.Grace > 0 {
		return 6
	}
	return 2
}

// Init lives through every scenario with every limit; in the short run, through a part of them.
func TestLimits(t *testing.T) {
	test.NotOther(t, "a tracer that knows its system calls")
	all := without(t)
	random := torture.Random(torture.Seed(t), 0)
	outcomes := &table{rows: map[string]map[string][]string{}}
	t.Run("cells", func(t *testing.T) {
		for _, l := range limits {
			for _, sc := range scenarios() {
				if !l.isFor(sc) {
					continue
				}
				if !torture.Long() && random.IntN(oneOf(sc)) > 0 {
					continue
				}
				t.Run(l.name+"/"+sc.Name, func(t *testing.T) {
					t.Parallel()
					outcomes.add(l.name, cell(t, all, l, sc), sc.Name)
				})
			}
		}
	})
	outcomes.report(t)
	t.Run("cgroups", func(t *testing.T) {
		if !hasCgroups() {
			test.Missing(t, "the cgroups of version 1", "no "+cgroupMount+"pids")
		}
	})
}

// Init lives through scenarios with two limits at once, which are chosen by the seed. It may do
// what it does with one of them.
func TestPairs(t *testing.T) {
	test.NotOther(t, "a tracer that knows its system calls")
	seed := torture.Seed(t)
	all := scenarios()
	lives, run := 0, 0
	for end := time.Now().Add(torture.Time(t, 2*time.Second)); time.Now().Before(end); run++ {
		random := torture.Random(seed, run)
		first, second := limits[random.IntN(len(limits))], limits[random.IntN(len(limits))]
		if first.user {
			first, second = second, first // what comes before it needs root
		}
		sc := all[random.IntN(len(all))]
		if first.excludes(second) || !first.isFor(sc) || !second.isFor(sc) {
			continue
		}
		lives++
		name := fmt.Sprintf("%d/%s/%s/%s", run, first.name, second.name, sc.Name)
		t.Run(name, func(t *testing.T) {
			life := live(t, sc, first, second)
			one, other := first.outcome(sc), second.outcome(sc)
			for _, problem := range life.Problems {
				isStatus := strings.HasPrefix(problem, "status ") &&
					(life.Status == one.status || life.Status == other.status)
				if !isStatus && !one.allows(problem) && !other.allows(problem) {
					t.Errorf("%s\nstatus %d, stdout %q\nstderr %s", problem, life.Status, life.Stdout,
						life.Stderr)
				}
			}
		})
	}
	torture.Result(t, "%d lives with two limits at once", lives)
}
