package main

import (
	"yubin/internal/authd"
	"yubin/internal/cli"
)

func main() { cli.Main(authd.Command) }
