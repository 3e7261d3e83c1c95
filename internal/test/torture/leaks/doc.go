// Package leaks shows that init, and the applets that wait for a long time, need no more at the end
// of that time than at its beginning: no memory, no page, no open file, no process. A day of a
// container is compressed to some minutes.
package leaks
