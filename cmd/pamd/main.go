package main

import (
	"yubin/internal/cli"
	"yubin/internal/pamd"
)

func main() { cli.Main(pamd.Command) }
