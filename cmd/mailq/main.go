package main

import (
	"yubin/internal/cli"
	"yubin/internal/mailq"
)

func main() { cli.Main(mailq.Command) }
