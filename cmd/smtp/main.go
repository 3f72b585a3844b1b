package main

import (
	"yubin/internal/cli"
	"yubin/internal/smtpc"
)

func main() { cli.Main(smtpc.Command) }
