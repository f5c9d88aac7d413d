package vfs

var Misaligned = misaligned
