package awsapi

import "syscall"

// setLowWater has a socket readable when it holds so many bytes.
func setLowWater(fd uintptr, bytes int) {
	syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes) // at worst all is as it was
}
