//go:build mips || mipsle || mips64 || mips64le

package applets

// unsupported is why this architecture is refused. On any other one util would send the signal that
// was asked for.
const unsupported = "mips is not supported: signals and error numbers are not those of other machines"
