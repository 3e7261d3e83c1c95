// Package fuzz is the part of the campaign that feeds init and the other applets with what nobody
// writes by hand: the parsers with the inputs that Go's fuzzing makes, and the programs with random
// command lines and environments, beside the originals where there are some. It has tests only.
package fuzz
