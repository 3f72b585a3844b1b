package main

import (
	"yubin/internal/cli"
	"yubin/internal/mailctl"
)

func main() { cli.Main(mailctl.Command) }
