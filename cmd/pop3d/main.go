package main

import (
	"yubin/internal/cli"
	"yubin/internal/pop3d"
)

func main() { cli.Main(pop3d.Command) }
