//go:build !mips && !mipsle && !mips64 && !mips64le

package applets

// unsupported is why this architecture is refused: it is not.
const unsupported = ""
