package main

import "testing"

func TestHome(t *testing.T) {
	for _, text := range []string{
		string(homeJSON),
		`{"maintainer": "J\u00f6rg M\u00fcller <j@example.org>", "homepage": "https://example.org/"}`,
	} {
		if _, err := parseHome([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		``, `{}`, `{"maintainer": "name"}`, `{"maintainer": "a, b <a@example.org>"}`,
		`{"maintainer": "a <a@example.org>", "homepage": "example.org"}`,
		`{"maintainer": "a <a@example.org>", "source": "git@example.org:util"}`,
		`{"maintainer": "a <a@example.org>", "sourceURL": "https://example.org"}`,
	} {
		if h, err := parseHome([]byte(text)); err == nil {
			t.Errorf("%s: accepted, as %+v", text, h)
		}
	}
}
