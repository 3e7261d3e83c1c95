package sig

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want Signal // 0: no signal
	}{
		{"TERM", TERM},
		{"SIGTERM", TERM},
		{"term", TERM},
		{"sigTerm", TERM},
		{"15", TERM},
		{"1", HUP},
		{"KILL", KILL},
		{"STKFLT", 16},
		{"SYS", 31},
		{"CLD", CHLD},
		{"sigcld", CHLD},
		{"IOT", 6},
		{"POLL", 29},
		{"UNUSED", 31},
		{"32", 32},
		{"33", 33},
		{"64", 64},
		{"007", 7},
		{"RTMIN", 34},
		{"SIGRTMIN", 34},
		{"RTMIN+0", 34},
		{"rtmin+1", 35},
		{"RTMIN+15", 49},
		{"RTMIN+16", 50},
		{"sigrtmin+30", 64},
		{"RTMAX", 64},
		{"RTMAX-0", 64},
		{"rtmax-1", 63},
		{"SIGRTMAX-14", 50},
		{"RTMAX-15", 49},
		{"RTMAX-30", 34},

		{"", 0},
		{"0", 0},
		{"00", 0},
		{"65", 0},
		{"999", 0},
		{"0015", 0},
		{"18446744073709551631", 0}, // 2⁶⁴+15
		{"-1", 0},
		{"+15", 0},
		{"1 ", 0},
		{" TERM", 0},
		{"TERM ", 0},
		{"TERM\n", 0},
		{"TER", 0},
		{"TERMS", 0},
		{"SIG", 0},
		{"SIGSIG", 0},
		{"SIGSIGTERM", 0},
		{"SIG15", 0},
		{"S", 0},
		{"ＴＥＲＭ", 0},
		{"RTMIN+31", 0},
		{"RTMIN+256", 0},
		{"RTMAX-31", 0},
		{"RTMIN-1", 0},
		{"RTMAX+1", 0},
		{"RTMIN+", 0},
		{"RTMAX-", 0},
		{"RTMIN+-1", 0},
		{"RTMIN1", 0},
		{"RTMINx", 0},
		{"RTMIN+1x", 0},
		{"RTMI", 0},
		{"RT", 0},
		{"none", 0},
	} {
		got, ok := Parse(c.text)
		if ok != (c.want != 0) || ok && got != c.want {
			t.Errorf("Parse(%q) = %d, %v, want %d", c.text, got, ok, c.want)
		}
	}
}

// TestNames reads back the name of every signal, in each form.
func TestNames(t *testing.T) {
	for s := HUP; s <= Max; s++ {
		name := s.Name()
		forms := []string{name, strings.ToLower(name), fmt.Sprint(int(s))}
		if s != 32 && s != 33 {
			forms = append(forms, "SIG"+name, "sig"+strings.ToLower(name))
		}
		if s >= RTMin {
			forms = append(forms, fmt.Sprintf("RTMIN+%d", s-RTMin), fmt.Sprintf("RTMAX-%d", Max-s))
		}
		for _, form := range forms {
			if got, ok := Parse(form); !ok || got != s {
				t.Errorf("signal %d: Parse(%q) = %d, %v", s, form, got, ok)
			}
		}
		if listed := Names()[s-1]; listed != name {
			t.Errorf("signal %d: is %q in the list, named %q", s, listed, name)
		}
	}
	if len(Names()) != int(Max) {
		t.Errorf("%d names", len(Names()))
	}
	for _, s := range []Signal{0, 65, 255} {
		if name := s.Name(); name != "0" {
			t.Errorf("signal %d: is named %q", s, name)
		}
	}
}

func TestSet(t *testing.T) {
	for s := HUP; s <= Max; s++ {
		if !All.Has(s) || !Of(s).Has(s) || Of(s) != 1<<(s-1) {
			t.Errorf("signal %d: Of is %#x", s, Of(s))
		}
		for other := HUP; other <= Max; other++ {
			if other != s && Of(s).Has(other) {
				t.Errorf("the set of %d has %d", s, other)
			}
		}
	}
}
