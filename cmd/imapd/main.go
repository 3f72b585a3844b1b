package main

import (
	"yubin/internal/cli"
	"yubin/internal/imapd"
)

func main() { cli.Main(imapd.Command) }
