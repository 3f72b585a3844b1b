package main

import (
	"yubin/internal/cli"
	"yubin/internal/newaliases"
)

func main() { cli.Main(newaliases.Command) }
