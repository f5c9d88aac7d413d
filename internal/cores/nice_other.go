//go:build !linux

package cores

// haveNiceness says that a thread can have a priority of its own.
const haveNiceness = false

func giveWay() error { return nil }
