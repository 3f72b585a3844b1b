package main

import (
	"yubin/internal/cli"
	"yubin/internal/postconf"
)

func main() { cli.Main(postconf.Command) }
