package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
)

// home is what only the people who publish util know.
type home struct {
	Maintainer string `json:"maintainer"` // as in deb-control(5): name <address>
	Homepage   string `json:"homepage"`   // a URL, or nothing
	Source     string `json:"source"`     // the URL of the repository, or nothing
}

// placeholder is the maintainer as long as util has no public home.
const placeholder = "the util authors <util@util.invalid>"

//go:embed home.json
var homeJSON []byte

var (
	maintainerForm = regexp.MustCompile(`^[^<>,\n]+ <[^<>@\s]+@[^<>@\s]+>$`)
	urlForm        = regexp.MustCompile(`^https?://[^\s<>"]+$`)
)

// parseHome reads home.json, and checks what would otherwise be published.
func parseHome(text []byte) (h home, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&h); err != nil {
		return home{}, err
	}
	if !maintainerForm.MatchString(h.Maintainer) {
		return home{}, fmt.Errorf("maintainer %q: is not like name <address>", h.Maintainer)
	}
	for _, field := range []struct{ name, value string }{
		{"homepage", h.Homepage}, {"source", h.Source},
	} {
		if field.value != "" && !urlForm.MatchString(field.value) {
			return home{}, fmt.Errorf("%s %q: is not a URL that begins with http:// or https://",
				field.name, field.value)
		}
	}
	return h, nil
}
