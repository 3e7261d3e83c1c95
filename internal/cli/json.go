package cli

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// JSON writes an object and a newline. fields are names and values in turn; a value is a string, a
// bool or an integer. (encoding/json would do the same and make the program a tenth larger.)
func JSON(w io.Writer, fields ...any) {
	line := []byte{'{'}
	for i := 0; i < len(fields); i += 2 {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(AppendJSON(line, fields[i].(string)), ':')
		switch value := fields[i+1].(type) {
		case string:
			line = AppendJSON(line, value)
		default:
			line = fmt.Append(line, value)
		}
	}
	_, _ = w.Write(append(line, '}', '\n'))
}

// AppendJSON appends text as a JSON string (RFC 8259, section 7). Invalid UTF-8 becomes U+FFFD.
func AppendJSON(line []byte, text string) []byte {
	line = append(line, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			line = append(line, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			line = append(line, `\u00`...)
			if r < 0x10 {
				line = append(line, '0')
			}
			line = strconv.AppendInt(line, int64(r), 16)
		default:
			line = utf8.AppendRune(line, r)
		}
	}
	return append(line, '"')
}
