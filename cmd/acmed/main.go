package main

import (
	"yubin/internal/acmed"
	"yubin/internal/cli"
)

func main() { cli.Main(acmed.Command) }
