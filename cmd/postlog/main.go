package main

import (
	"yubin/internal/cli"
	"yubin/internal/postlog"
)

func main() { cli.Main(postlog.Command) }
