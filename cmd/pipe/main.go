package main

import (
	"yubin/internal/cli"
	"yubin/internal/pipe"
)

func main() { cli.Main(pipe.Command) }
