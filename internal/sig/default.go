package sig

// Terminates reports whether the default action of s ends the process (signal(7), "Standard
// signals").
func (s Signal) Terminates() bool {
	switch s {
	case 0, CHLD, CONT, 23, 28: // URG, WINCH: ignored
		return false
	}
	return !s.Stops()
}

// Stops reports whether the default action of s stops the process.
func (s Signal) Stops() bool {
	switch s {
	case STOP, TSTP, TTIN, TTOU:
		return true
	}
	return false
}
