package vfs

import (
	"os"
	"syscall"
)

func (osFS) OpenDirect(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|syscall.O_DIRECT, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}
