package waitfor

import "testing"

func TestNameList(t *testing.T) {
	for want, list := range map[string]nameList{
		`[]`:                    nil,
		`["db:80"]`:             {{Name: "db:80"}},
		`["a:1","unix:/\"b"]`:   {{Name: "a:1"}, {Name: `unix:/"b`}},
		`["\\c\u000a\u0001ä�"]`: {{Name: "\\c\n\x01ä\xff"}},
	} {
		if got := list.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := cut("ab\x1bcäe", 5); got != "ab?cä" {
		t.Errorf("%q", got)
	}
}
