package main

import (
	"yubin/internal/cli"
	"yubin/internal/pickup"
)

func main() { cli.Main(pickup.Command) }
