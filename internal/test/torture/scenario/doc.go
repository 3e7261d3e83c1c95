// Package scenario is what the parts of the campaign let init live through: each scenario is a
// whole life of an init, from its start to its status, with what must hold in it whatever fails
// meanwhile. It exists for amd64 only, as package tracer does.
package scenario
