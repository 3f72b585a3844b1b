package main

import (
	"yubin/internal/cli"
	"yubin/internal/smtpd"
)

func main() { cli.Main(smtpd.Command) }
