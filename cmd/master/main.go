package main

import (
	"yubin/internal/cli"
	"yubin/internal/master"
)

func main() { cli.Main(master.Command) }
