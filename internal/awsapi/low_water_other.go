//go:build !linux

package awsapi

// setLowWater does nothing: pollers elsewhere do not all go by it.
func setLowWater(uintptr, int) {}
